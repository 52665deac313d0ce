//! The schema of a report: the groups, and the columns that every group has.

use core::ops::Range;

use super::connection::{ConnectionGroup, ConnectionState, ConnectionStatus};
use super::socket::{SocketTable, State};
use crate::bytes::name_list::NameList;

/// The things that a run of the program counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Subject {
    /// The sockets of a network namespace.
    #[default]
    Sockets,
    /// The connections that conntrack, a part of the kernel, tracks in a
    /// network namespace.
    Connections,
}

impl Subject {
    /// Returns the groups and columns of a report about the subject.
    pub fn schema(self) -> &'static Schema {
        match self {
            Subject::Sockets => &Schema::SOCKETS,
            Subject::Connections => &Schema::CONNECTIONS,
        }
    }
}

/// The groups and columns of a report. The index of a group is its index in
/// [`groups`](Schema::groups). The indexes of columns count the states first,
/// and the statuses after the states.
///
/// A basic group has its own counters. Every other group is the sum of several
/// basic groups. Every column is a state or a status.
#[derive(Debug, PartialEq, Eq)]
pub struct Schema {
    /// All groups. The basic groups come first.
    pub groups: &'static [Group],
    /// The number of basic groups.
    basic_groups: usize,
    /// The names of the states, which are the first columns.
    pub states: NameList,
    /// The number of states.
    pub state_count: usize,
    /// The names of the statuses, which are the columns after the states. The
    /// list is empty for sockets.
    pub statuses: NameList,
    /// The columns whose sum is the total of a group. Every socket or
    /// connection counts in exactly one of these columns.
    pub total_columns: Range<usize>,
    /// The number of columns.
    pub column_count: usize,
}

/// A group of the report.
#[derive(Debug, PartialEq, Eq)]
pub struct Group {
    /// The name of the group. Only the name of a basic group ends in the
    /// version of IP.
    pub name: &'static str,
    /// The indexes of the basic groups whose sum is this group. For a basic
    /// group, the range contains only the group's own index.
    pub sums: Range<usize>,
}

impl Group {
    /// The table of tracked connections as a whole. The schema does not contain
    /// this group, but keys may name this group.
    pub const TABLE: Group = group("table", 0..0);

    /// Splits the name of a group into the protocol and the version of IP. The
    /// version is empty if the group is not basic.
    pub fn protocol_and_ip(&self) -> (&'static [u8], &'static [u8]) {
        match self.name.as_bytes() {
            name @ [protocol @ .., b'4' | b'6'] => {
                (protocol, name.get(protocol.len()..).unwrap_or_default())
            }
            protocol => (protocol, b""),
        }
    }
}

const fn group(name: &'static str, sums: Range<usize>) -> Group {
    Group { name, sums }
}

impl Schema {
    /// The schema of sockets. Each basic group is a [`SocketTable`], and each
    /// column is a [`State`].
    pub const SOCKETS: Schema = Schema {
        groups: &[
            group("tcp4", 0..1),
            group("tcp6", 1..2),
            group("udp4", 2..3),
            group("udp6", 3..4),
            group("tcp", 0..2),
            group("udp", 2..4),
            group("all", 0..4),
        ],
        basic_groups: SocketTable::COUNT,
        states: State::NAMES,
        state_count: State::COUNT,
        statuses: NameList(""),
        total_columns: 0..State::COUNT,
        column_count: State::COUNT,
    };

    /// The schema of tracked connections. Each basic group is a
    /// [`ConnectionGroup`], and each column is a [`ConnectionState`] or a
    /// [`ConnectionStatus`].
    pub const CONNECTIONS: Schema = Schema {
        groups: &[
            group("tcp4", 0..1),
            group("tcp6", 1..2),
            group("udp4", 2..3),
            group("udp6", 3..4),
            group("other4", 4..5),
            group("other6", 5..6),
            group("tcp", 0..2),
            group("udp", 2..4),
            group("other", 4..6),
            group("all", 0..6),
        ],
        basic_groups: ConnectionGroup::COUNT,
        states: ConnectionState::NAMES,
        state_count: ConnectionState::COUNT,
        statuses: ConnectionStatus::NAMES,
        total_columns: ConnectionState::COUNT..ConnectionState::COUNT + ConnectionStatus::COUNT,
        column_count: ConnectionState::COUNT + ConnectionStatus::COUNT,
    };

    /// The largest number of basic groups that a subject has.
    pub(super) const MOST_GROUPS: usize = Schema::CONNECTIONS.basic_groups;
    /// The largest number of columns that a subject has.
    pub(super) const MOST_COLUMNS: usize = Schema::CONNECTIONS.column_count;

    /// Returns the indexes of all groups.
    pub const fn all_groups(&self) -> Range<usize> {
        0..self.groups.len()
    }

    /// Returns the indexes of the basic groups.
    pub const fn basic_groups(&self) -> Range<usize> {
        0..self.basic_groups
    }

    /// Returns the indexes of all columns.
    pub const fn all_columns(&self) -> Range<usize> {
        0..self.column_count
    }

    /// Returns the indexes of the columns that are states.
    pub const fn state_columns(&self) -> Range<usize> {
        0..self.state_count
    }

    /// Returns the indexes of the columns that are statuses.
    pub const fn status_columns(&self) -> Range<usize> {
        self.state_count..self.column_count
    }

    /// Returns the name of a column.
    pub fn column_name(&self, column: usize) -> &'static [u8] {
        match column.checked_sub(self.state_count) {
            None => self.states.get(column),
            Some(status) => self.statuses.get(status),
        }
    }

    /// Returns the index of the group with this name, if the group exists.
    pub fn group_position(&self, name: &[u8]) -> Option<usize> {
        self.groups.iter().position(|group| group.name.as_bytes() == name)
    }

    /// Returns the index of the column with this name, if the column exists.
    pub fn column_position(&self, name: &[u8]) -> Option<usize> {
        let status = || Some(self.state_count + self.statuses.position(name)?);
        self.states.position(name).or_else(status)
    }
}
