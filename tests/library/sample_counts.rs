//! Counts that several tests use as input, and the names of their numbers.

use network_connections::model::connection::TableFill;
use network_connections::model::counts::Counts;
use network_connections::model::key::Key;
use network_connections::model::schema::Subject;
use network_connections::model::socket::{SocketTable, State};

use crate::oracles::conntrack_table::{GROUPS, STATES, STATUSES};

/// The figures of the table of tracked connections.
pub const TABLE_FIGURES: [&str; 4] = ["entries", "limit", "percent", "replied_percent"];

/// Returns every state of sockets, in the order of the report.
pub fn socket_states() -> Vec<State> {
    let mut states = State::BY_NUMBER.to_vec();
    states.sort_by_key(|&state| state as usize);
    states.dedup();
    assert_eq!(states.len(), State::COUNT);
    states
}

/// Returns the names of the columns for tracked connections.
pub fn connection_columns() -> Vec<&'static str> {
    STATES.into_iter().chain(STATUSES).collect()
}

/// Returns the indexes of the basic groups whose sum is this group of tracked
/// connections.
pub fn basic_groups(group: &str) -> Vec<usize> {
    let is_in =
        |basic: &&&str| group == "all" || **basic == group || basic[..basic.len() - 1] == *group;
    let basic = GROUPS[..6].iter().filter(is_in);
    basic.map(|basic| GROUPS.iter().position(|group| group == basic).unwrap()).collect()
}

/// Returns the counter of a basic group and a column in [`distinct_counts`].
pub fn distinct_count(group: usize, column: usize) -> u32 {
    (group * connection_columns().len() + column + 1) as u32
}

/// Returns counts of tracked connections. Every counter has another value, from
/// 1 to 96. `fill` is the entries and the limit of the table.
pub fn distinct_counts(fill: Option<(u32, u32)>) -> Counts {
    let mut counts = connection_counts(distinct_count);
    counts.table_fill = fill.map(|(entries, limit)| TableFill { entries, limit });
    counts
}

/// Returns counts of sockets. Every counter has the highest value.
pub fn highest_socket_counts() -> Counts {
    let mut counts = Counts::ZERO;
    for &table in SocketTable::ALL {
        for state in socket_states() {
            counts.add(table.group(), state as usize, u32::MAX);
        }
    }
    counts
}

/// Returns counts of tracked connections. Every counter, the entries and the
/// limit of the table have the highest value.
pub fn highest_connection_counts() -> Counts {
    let mut counts = connection_counts(|_, _| u32::MAX);
    counts.table_fill = Some(TableFill { entries: u32::MAX, limit: u32::MAX });
    counts
}

/// Returns counts of tracked connections. `count` computes the counter of a
/// basic group and a column.
fn connection_counts(count: impl Fn(usize, usize) -> u32) -> Counts {
    let mut counts = Counts::ZERO;
    counts.reset(Subject::Connections);
    for group in 0..6 {
        for column in 0..connection_columns().len() {
            counts.add(group, column, count(group, column));
        }
    }
    counts
}

/// Returns the number of tracked connections that a key names.
pub fn connection_number(counts: &Counts, name: &str) -> u32 {
    let key = Key::parse(Subject::Connections, name.as_bytes());
    counts.number(key.unwrap_or_else(|| panic!("{name} is no key")))
}
