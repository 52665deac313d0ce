//! An obviously right implementation of keys, alert ranges and checks.

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

/// The figures of the table of tracked connections.
const TABLE_FIGURES: [&str; 4] = ["entries", "limit", "percent", "replied_percent"];

/// The numbers of a report.
pub struct Numbers {
    /// Whether the report is on tracked connections.
    pub conntrack: bool,
    /// The amounts that add up to the counters: the index of a basic group, the
    /// index of a column, and the amount.
    pub added: Vec<(usize, usize, u32)>,
    /// The figures of the table, in the order of [`TABLE_FIGURES`].
    pub table: [u32; 4],
}

impl Numbers {
    /// Returns the names of the basic groups.
    pub fn groups(&self) -> &'static [&'static str] {
        match self.conntrack {
            false => &["tcp4", "tcp6", "udp4", "udp6"],
            true => &["tcp4", "tcp6", "udp4", "udp6", "other4", "other6"],
        }
    }

    /// Returns the names of the columns.
    pub fn names(&self) -> Vec<&'static str> {
        let (states, statuses) = (conntrack_oracle::STATES, conntrack_oracle::STATUSES);
        match self.conntrack {
            false => SOCKET_STATES.to_vec(),
            true => states.into_iter().chain(statuses).collect(),
        }
    }

    /// Returns the number that a key names, or nothing if the key does not
    /// exist.
    pub fn number(&self, key: &[u8]) -> Option<u32> {
        let key = str::from_utf8(key).ok()?;
        let (group, name) = match key.split_once('.') {
            Some((group, name)) => (group, Some(name)),
            None => (key, None),
        };
        if group == "table" && self.conntrack {
            return TABLE_FIGURES
                .iter()
                .position(|&figure| Some(figure) == name)
                .map(|index| self.table[index]);
        }
        let names = self.names();
        let is_summed_group = |basic: &str| match group {
            "all" => true,
            "tcp" | "udp" | "other" => basic.starts_with(group),
            _ => basic == group,
        };
        // Every tracked connection has a status, and only TCP has states. So
        // the total of tracked connections is the sum of the statuses.
        let is_summed_column = |column: &str| match name {
            Some(name) => column == name,
            None => !self.conntrack || conntrack_oracle::STATUSES.contains(&column),
        };
        if !self.groups().iter().any(|group| is_summed_group(group))
            || !names.iter().any(|column| is_summed_column(column))
        {
            return None;
        }
        let added = self.added.iter().filter(|(group, column, _)| {
            is_summed_group(self.groups()[*group]) && is_summed_column(names[*column])
        });
        let sum: u128 = added.map(|&(.., amount)| u128::from(amount)).sum();
        // Counters saturate.
        Some(sum.min(u32::MAX.into()) as u32)
    }
}

/// Returns whether `percent` is `entries` as a percentage of `limit`, rounded
/// down. For more than 42 million entries, the percentage may be one too high.
/// If the entries are also above the limit, any percentage is right.
pub fn is_percent(percent: u32, entries: u32, limit: u32) -> bool {
    let (percent, entries, limit) = (u64::from(percent), u64::from(entries), u64::from(limit));
    let exact = (entries * 100).checked_div(limit).unwrap_or(0);
    let is_approximate = entries * 100 > u32::MAX.into();
    percent == exact || is_approximate && (percent == exact + 1 || entries > limit)
}

/// An alert range of a monitoring plugin.
pub struct Range<'a> {
    /// Whether the numbers inside the bounds raise the alert, and not the
    /// numbers outside.
    is_inside: bool,
    /// The bounds as the command line has them.
    bounds: &'a str,
    /// The least number inside the bounds.
    start: i128,
    /// The greatest number inside the bounds.
    end: i128,
}

/// The greatest number that the program distinguishes in a range, at which its
/// counters saturate.
const MANY: i128 = u32::MAX as i128;

/// Parses `[@]END` or `[@][START]:[END]`, where START may be `~`. Returns
/// nothing if the range is invalid.
pub fn range(text: &[u8]) -> Option<Range<'_>> {
    let text = str::from_utf8(text).ok()?;
    let bounds = text.strip_prefix('@').unwrap_or(text);
    let (start, end) = match *bounds.split(':').collect::<Vec<_>>() {
        [end] => (0, number(end)?),
        [start, end] => {
            let start = match start {
                "~" => i128::MIN,
                "" => 0,
                start => number(start)?,
            };
            (start, if end.is_empty() { MANY } else { number(end)? })
        }
        _ => return None,
    };
    (start <= end).then_some(Range { is_inside: text.starts_with('@'), bounds, start, end })
}

/// Parses a whole number. Returns [`MANY`] for a greater number, and `-MANY`
/// for a number below `-MANY`.
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
        (self.start..=self.end).contains(&i128::from(number)) == self.is_inside
    }
}

/// A query: the key, and the ranges of a warning and of a critical alert. An
/// empty range means that the query has no such range.
pub type Query<'a> = (&'a [u8], [&'a [u8]; 2]);

/// Returns the exit status and the line of the monitoring plugin.
pub fn line(queries: &[Query], numbers: &Numbers) -> (u8, String) {
    let mut all = Vec::new();
    for (key, ranges) in queries {
        let number = numbers.number(key).unwrap();
        let [warning, critical] =
            ranges.map(|text| range(text).filter(|range| range.alerts(number)));
        let alert = critical.map(|range| (2, range)).or(warning.map(|range| (1, range)));
        all.push((str::from_utf8(key).unwrap(), number, alert, ranges.map(shown)));
    }
    let worst = all.iter().flat_map(|(_, _, alert, _)| alert).map(|(status, _)| *status).max();
    let mut findings = Vec::new();
    for (key, number, alert, _) in &all {
        match alert {
            Some((_, range)) => {
                let side = if range.is_inside { "inside" } else { "outside" };
                let start = match range.bounds.find(':') {
                    None => "0:",
                    Some(0) => "0",
                    Some(_) => "",
                };
                let bounds = shown(range.bounds.as_bytes());
                findings.push(format!("{key} is {number} ({side} {start}{bounds})"));
            }
            None if worst.is_none() => findings.push(format!("{key} is {number}")),
            None => {}
        }
    }
    let data = all.iter().map(|(key, number, _, [warning, critical])| {
        format!(" '{key}'={number};{warning};{critical};0;")
    });
    let (findings, data) = (findings.join(", "), data.collect::<String>());
    let status = worst.unwrap_or(0);
    let name = ["OK", "WARNING", "CRITICAL"][usize::from(status)];
    (status, format!("NETWORK-CONNECTIONS {name} - {findings} |{data}\n"))
}

/// Escapes a value from the command line or a file. The result consists of
/// printable ASCII, without the double quote, the bar and the raw backslash.
/// After 1024 bytes, `...` replaces the rest of the value.
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
