//! The oracle for tables of tracked connections.

use std::collections::BTreeMap;

use network_connections::kernel::conntrack_row::ConntrackRow;

use super::{Table, lines, malformed_line};

/// The groups in the order of the report.
pub const GROUPS: [&str; 10] =
    ["tcp4", "tcp6", "udp4", "udp6", "other4", "other6", "tcp", "udp", "other", "all"];

/// The states of TCP, as the kernel names them. UNKNOWN is the state of a TCP
/// row with none of the other names.
pub const STATES: [&str; 11] = [
    "NONE",
    "SYN_SENT",
    "SYN_RECV",
    "ESTABLISHED",
    "FIN_WAIT",
    "CLOSE_WAIT",
    "LAST_ACK",
    "TIME_WAIT",
    "CLOSE",
    "SYN_SENT2",
    "UNKNOWN",
];

/// The statuses of a connection. REPLIED is the status of a row that names no
/// status.
pub const STATUSES: [&str; 5] = ["UNREPLIED", "REPLIED", "ASSURED", "OFFLOAD", "HW_OFFLOAD"];

/// Returns how many rows of a table have each state and each status, by
/// `GROUP.STATE` and `GROUP.STATUS`.
pub fn counts(table: &str) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for group in GROUPS {
        for name in STATES.iter().chain(&STATUSES) {
            counts.insert(format!("{group}.{name}"), 0);
        }
    }
    for flow in flows(table.as_bytes()).unwrap().unwrap() {
        let protocol = flow.group.trim_end_matches(['4', '6']);
        for group in [flow.group, protocol, "all"] {
            for name in [flow.state, Some(flow.status)].into_iter().flatten() {
                *counts.get_mut(&format!("{group}.{name}")).unwrap() += 1;
            }
        }
    }
    counts
}

/// The connection that a row describes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    /// One of the first six groups.
    pub group: &'static str,
    /// One of [`STATES`] for TCP, or nothing for another protocol.
    pub state: Option<&'static str>,
    /// One of [`STATUSES`].
    pub status: &'static str,
    /// The source port and the destination port of the original direction.
    pub ports: [Option<u16>; 2],
}

impl From<ConntrackRow<'_>> for Flow {
    fn from(row: ConntrackRow) -> Flow {
        let connection = row.connection;
        Flow {
            group: GROUPS[..6][connection.group as usize],
            state: connection.state.map(|state| STATES[state as usize]),
            status: STATUSES[connection.status as usize],
            ports: row.original_ports().map(|port| port.number().try_into().ok()),
        }
    }
}

/// Returns the connections of a table, or nothing if the table has an ambiguous
/// line. No kernel prints an ambiguous line, so any result of the reader is
/// right.
pub fn flows(table: &[u8]) -> Option<Table<Flow>> {
    let mut flows = Vec::new();
    for (index, line) in lines(table).into_iter().enumerate() {
        match flow(&line.iter().map(|&byte| char::from(byte)).collect::<String>())? {
            Some(flow) => flows.push(flow),
            None => return Some(Err(malformed_line(index, line))),
        }
    }
    Some(Ok(flows))
}

/// Returns the connection of a row, `Some(None)` if the row is malformed, or
/// `None` if the row is ambiguous. Each character stands for one byte.
fn flow(row: &str) -> Option<Option<Flow>> {
    let row: Vec<char> = row.chars().collect();
    let text = |from: usize, to: usize| row[from..to].iter().collect::<String>();
    if row.len() < 4 {
        return Some(None);
    }
    let (is_ipv6, family) = match text(0, 4).as_str() {
        "ipv4" => (false, "     2 "),
        "ipv6" => (true, "     10 "),
        _ => return Some(None),
    };
    // After the family comes the protocol's name, padded with spaces to eight
    // columns, and a space.
    let name = 4 + family.len();
    if row.len() <= name + 8 || row[name + 8] != ' ' {
        return Some(None);
    }
    let rest = text(name + 9, row.len());
    let Some((number, rest)) = rest.split_once(' ') else { return Some(None) };
    if number.is_empty() || !number.chars().all(|digit| digit.is_ascii_digit()) {
        return Some(None);
    }
    let words: Vec<&str> = rest.split(' ').collect();
    if !words.iter().any(|word| word.starts_with("src=")) {
        // A row without a tuple is malformed. The word `src` without an equals
        // sign makes the row ambiguous.
        return (!words.contains(&"src")).then_some(None);
    }
    let (has_family, protocol) = (text(4, name) == family, text(name, name + 8));
    let is_name = protocol
        .trim_end_matches(' ')
        .chars()
        .all(|it| it.is_ascii_lowercase() || it.is_ascii_digit());
    let is_status = |word: &str| match word.strip_prefix('[').and_then(|it| it.strip_suffix(']')) {
        Some(status) => STATUSES.contains(&status),
        None => false,
    };
    let is_ambiguous = |(index, word): (usize, &&str)| {
        // The kernel prints a space after a state or a status, never a mark
        // such as `-` or `,`.
        let unmarked = word.split(|it| u32::from(it) & 0x50 == 0).next().unwrap();
        if unmarked != *word && (STATES.contains(&unmarked) || is_status(unmarked)) {
            return true;
        }
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        match name {
            "src" => !word.contains('='),
            // The kernel prints a number of 16 bits, and later words.
            "sport" | "dport" => {
                let is_number = value.bytes().all(|byte| byte.is_ascii_digit());
                !is_number || value.parse::<u16>().is_err() || index == words.len() - 1
            }
            "[REPLIED]" => true,
            // The kernel prints later words after a status.
            _ if is_status(word) => index == words.len() - 1,
            // The kernel prints a state only between the seconds and a tuple,
            // and never as the name of a value.
            _ if STATES.contains(&name) => {
                let next = words.get(index + 1).copied().unwrap_or_default();
                index != 1 || word.contains('=') || !next.starts_with("src=")
            }
            // A status is never the name of a value.
            _ => is_status(name) && word.contains('='),
        }
    };
    if !has_family || !is_name || words.iter().enumerate().any(is_ambiguous) {
        return None;
    }

    let group = match (number, is_ipv6) {
        ("6", false) => "tcp4",
        ("6", true) => "tcp6",
        ("17", false) => "udp4",
        ("17", true) => "udp6",
        (_, false) => "other4",
        (_, true) => "other6",
    };
    let known = |word: Option<&&str>| STATES.into_iter().find(|state| word == Some(state));
    let last_status = words.iter().rfind(|word| is_status(word));
    let status = last_status.map_or("REPLIED", |word| &word[1..word.len() - 1]);
    let mut tuples = words.split(|word| word.starts_with("src=")).skip(1);
    let first = tuples.next().unwrap();
    let port = |name: &str| {
        let mut values = first.iter().filter_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        values.next().map(|value| value.parse().unwrap())
    };
    Some(Some(Flow {
        group,
        state: group.starts_with("tcp").then(|| known(words.get(1)).unwrap_or("UNKNOWN")),
        status: STATUSES.into_iter().find(|it| *it == status).unwrap(),
        ports: [port("sport"), port("dport")],
    }))
}
