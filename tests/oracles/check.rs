//! What the program must make of keys, of ranges and of numbers held against them, written to be obviously right and
//! nothing else.

use std::str;

use crate::oracles::conntrack_table as conntrack_oracle;

/// The states of sockets in the order of the report.
const SOCKET_STATES: [&str; 12] = [
    "FIN_WAIT1",
    "ESTABLISHED",
    "TIME_WAIT",
    "CLOSE",
    "SYN_SENT",
    "SYN_RECV",
    "FIN_WAIT2",
    "LISTEN",
    "CLOSING",
    "CLOSE_WAIT",
    "LAST_ACK",
    "UNKNOWN",
];

/// The numbers of the table of tracked connections.
const TABLE: [&str; 4] = ["entries", "limit", "percent", "replied_percent"];

/// What was counted.
pub struct Numbers {
    pub conntrack: bool,
    /// So many more of a number of a group that is no sum, both given by their places in the report.
    pub added: Vec<(usize, usize, u32)>,
    pub table: [u32; 4],
}

impl Numbers {
    /// The groups that are no sums.
    pub fn groups(&self) -> &'static [&'static str] {
        match self.conntrack {
            false => &["tcp4", "tcp6", "udp4", "udp6"],
            true => &["tcp4", "tcp6", "udp4", "udp6", "other4", "other6"],
        }
    }

    /// Each group's numbers.
    pub fn names(&self) -> Vec<&'static str> {
        let (states, statuses) = (conntrack_oracle::STATES, conntrack_oracle::STATUSES);
        match self.conntrack {
            false => SOCKET_STATES.to_vec(),
            true => states.into_iter().chain(statuses).collect(),
        }
    }

    /// The number that a key names; none if there is no such key.
    pub fn number(&self, key: &[u8]) -> Option<u32> {
        let key = str::from_utf8(key).ok()?;
        let (group, name) = match key.split_once('.') {
            Some((group, name)) => (group, Some(name)),
            None => (key, None),
        };
        if group == "table" && self.conntrack {
            return TABLE.iter().position(|&it| Some(it) == name).map(|place| self.table[place]);
        }
        let names = self.names();
        let is_group = |it: &str| match group {
            "all" => true,
            "tcp" | "udp" => it.starts_with(group),
            "other" => it.starts_with(group),
            _ => it == group,
        };
        // The sum of a tracked connections' group is that of its statuses: only TCP has states.
        let is_name = |it: &str| match name {
            Some(name) => it == name,
            None => !self.conntrack || conntrack_oracle::STATUSES.contains(&it),
        };
        if !self.groups().iter().any(|it| is_group(it)) || !names.iter().any(|it| is_name(it)) {
            return None;
        }
        let added = self
            .added
            .iter()
            .filter(|(group, name, _)| is_group(self.groups()[*group]) && is_name(names[*name]));
        let sum: u128 = added.map(|&(.., more)| u128::from(more)).sum();
        // There they stay.
        Some(sum.min(u32::MAX.into()) as u32)
    }
}

/// Whether that is so many of a limit in percent, rounded down. More than 42 million may be one percent too many, or
/// anything if there are more than the limit.
pub fn is_percent(percent: u32, entries: u32, limit: u32) -> bool {
    let (percent, entries, limit) = (u64::from(percent), u64::from(entries), u64::from(limit));
    let exact = (entries * 100).checked_div(limit).unwrap_or(0);
    let is_approximate = entries * 100 > u32::MAX.into();
    percent == exact || is_approximate && (percent == exact + 1 || entries > limit)
}

/// A range: from which number to which, both in it, and whether those in it raise an alert.
pub struct Range<'a> {
    is_inside: bool,
    bounds: &'a str,
    start: i128,
    end: i128,
}

/// More sockets than there can be.
const MANY: i128 = i32::MAX as i128;

/// Reads a range: `[@]END`, `[@]START:`, `[@]START:END`, where START may be `~`.
pub fn range(text: &[u8]) -> Option<Range<'_>> {
    let text = str::from_utf8(text).ok()?;
    let bounds = text.strip_prefix('@').unwrap_or(text);
    let (start, end) = match *bounds.split(':').collect::<Vec<_>>() {
        [end] => (0, number(end)?),
        [start, end] => {
            let start = if start == "~" { i128::MIN } else { number(start)? };
            (start, if end.is_empty() { MANY } else { number(end)? })
        }
        _ => return None,
    };
    (start <= end).then_some(Range { is_inside: text.starts_with('@'), bounds, start, end })
}

/// A whole number, or that which stands for all beyond it.
fn number(text: &str) -> Option<i128> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let number = digits.parse().unwrap_or(MANY).min(MANY);
    Some(if text.starts_with('-') { -number } else { number })
}

impl Range<'_> {
    fn alerts(&self, number: u32) -> bool {
        let number = i128::from(number).min(MANY);
        (self.start..=self.end).contains(&number) == self.is_inside
    }
}

/// A number that is asked for: its key, and the ranges of a warning and of a critical alert, empty if there is none.
pub type Asked<'a> = (&'a [u8], [&'a [u8]; 2]);

/// The exit status of a plugin, and its line.
pub fn line(asked: &[Asked], numbers: &Numbers) -> (u8, String) {
    let mut all = Vec::new();
    for (key, ranges) in asked {
        let number = numbers.number(key).unwrap();
        let [warning, critical] =
            ranges.map(|text| range(text).filter(|range| range.alerts(number)));
        let alert = critical.map(|range| (2, range)).or(warning.map(|range| (1, range)));
        all.push((str::from_utf8(key).unwrap(), number, alert, ranges.map(shown)));
    }
    let worst = all.iter().flat_map(|(_, _, alert, _)| alert).map(|(status, _)| *status).max();
    let mut said = Vec::new();
    for (key, number, alert, _) in &all {
        match alert {
            Some((_, range)) => {
                let side = if range.is_inside { "inside" } else { "outside" };
                let start = if range.bounds.contains(':') { "" } else { "0:" };
                let bounds = shown(range.bounds.as_bytes());
                said.push(format!("{key} is {number} ({side} {start}{bounds})"));
            }
            None if worst.is_none() => said.push(format!("{key} is {number}")),
            None => {}
        }
    }
    let data = all.iter().map(|(key, number, _, [warning, critical])| {
        format!(" '{key}'={number};{warning};{critical};0;")
    });
    let (said, data) = (said.join(", "), data.collect::<String>());
    let status = worst.unwrap_or(0);
    let name = ["OK", "WARNING", "CRITICAL"][usize::from(status)];
    (status, format!("NETWORK-CONNECTIONS {name} - {said} |{data}\n"))
}

/// A value from outside, as text that has nothing in it but printable ASCII, and nothing that ends it.
pub fn shown(value: &[u8]) -> String {
    let (start, dots) = match value.get(..1024) {
        Some(start) if value.len() > 1024 => (start, "..."),
        _ => (value, ""),
    };
    let mut shown = String::new();
    for &byte in start {
        match byte {
            b'"' | b'|' | b'\\' | 0..=0x1f | 0x7f.. => shown += &format!("\\x{byte:02x}"),
            _ => shown.push(byte.into()),
        }
    }
    shown + dots
}
