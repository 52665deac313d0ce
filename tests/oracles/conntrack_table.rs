//! What the program must make of a table of conntrack, written to be obviously right and nothing else.

use std::collections::BTreeMap;

use network_connections::kernel::conntrack_row::ConntrackRow;
use network_connections::kernel::socket_row::HEAD_LENGTH;

/// The groups in the order of the report.
pub const GROUPS: [&str; 10] =
    ["tcp4", "tcp6", "udp4", "udp6", "other4", "other6", "tcp", "udp", "other", "all"];

/// The states of TCP, as the kernel names them, and one for a row without a name of these.
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

/// What else a row says of its connection: one of these. A row that says nothing is REPLIED.
pub const STATUSES: [&str; 5] = ["UNREPLIED", "REPLIED", "ASSURED", "OFFLOAD", "HW_OFFLOAD"];

/// The numbers of a table's rows, by `GROUP.STATE` and `GROUP.STATUS`.
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

/// What a row says of its connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    /// One of the first six groups.
    pub group: &'static str,
    /// That of TCP.
    pub state: Option<&'static str>,
    pub status: &'static str,
    /// The ports of the original direction.
    pub ports: [Option<u16>; 2],
}

/// What the program makes of one.
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

/// The connections of a table, or the number and the first bytes of the first line that isn't a row.
pub type Outcome = Result<Vec<Flow>, (u32, Vec<u8>)>;

/// What it is for this table. None if there are lines that no kernel prints, and that may be taken in one way
/// or another.
pub fn flows(table: &[u8]) -> Option<Outcome> {
    let mut lines: Vec<&[u8]> = table.split(|&byte| byte == b'\n').collect();
    if lines.last() == Some(&&b""[..]) {
        lines.pop();
    }
    let mut flows = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        match flow(&line.iter().map(|&byte| char::from(byte)).collect::<String>())? {
            Some(flow) => flows.push(flow),
            None => {
                return Some(Err((index as u32 + 1, line[..line.len().min(HEAD_LENGTH)].to_vec())));
            }
        }
    }
    Some(Ok(flows))
}

/// That of a row; or nothing if it isn't one; or neither.
fn flow(row: &str) -> Option<Option<Flow>> {
    // (Each character is a byte of the row, whatever it was.)
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
    // Behind the family is the protocol's name, with blanks up to eight columns, and a blank.
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
        // Only with its equals sign it begins a tuple.
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
    let is_odd = |(place, word): (usize, &&str)| {
        // A word that is known ends with a blank, and not with a mark.
        let marked = word.split(|it| u32::from(it) & 0x50 == 0).next().unwrap();
        if marked != *word && (STATES.contains(&marked) || is_status(marked)) {
            return true;
        }
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        match name {
            "src" => !word.contains('='),
            // A number of 16 bits, with something behind it.
            "sport" | "dport" => {
                let is_number = value.bytes().all(|byte| byte.is_ascii_digit());
                !is_number || value.parse::<u16>().is_err() || place == words.len() - 1
            }
            "[REPLIED]" => true,
            // There is always a blank behind a status.
            _ if is_status(word) => place == words.len() - 1,
            // A state is between the time and a tuple, and nowhere else; and neither it nor a status is a name.
            _ if STATES.contains(&name) => {
                let behind = words.get(place + 1).copied().unwrap_or_default();
                place != 1 || word.contains('=') || !behind.starts_with("src=")
            }
            _ => is_status(name) && word.contains('='),
        }
    };
    if !has_family || !is_name || words.iter().enumerate().any(is_odd) {
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
