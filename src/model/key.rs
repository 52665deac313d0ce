//! Keys, which name the single numbers of a report.

use super::connection::TableFigure;
use super::filter::Filter;
use super::port::{Port, contains_port};
use super::schema::{Group, Schema, Subject};
use super::socket::State;
use crate::bytes::split::split_once;

/// The name of one number of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// `GROUP`: the total of a group.
    Total {
        /// The index of the group in the schema.
        group: u8,
    },
    /// `GROUP.COLUMN`: one column of a group.
    Cell {
        /// The index of the group in the schema.
        group: u8,
        /// The index of the column in the schema.
        column: u8,
    },
    /// `table.FIGURE`: one number about the table of tracked connections.
    Table(TableFigure),
}

/// The reason why a number is 0 in every report, whatever the kernel lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlwaysZero {
    /// The filter leaves out sockets without a remote address, as listening
    /// sockets are. A listening socket has a remote address only if it was
    /// connected and disconnected before.
    ListenWithoutAll,
    /// The filter selects only remote ports that no listening socket has.
    ListenWithRemotePort,
    /// A UDP socket is ESTABLISHED or CLOSE: net/ipv4/udp.c sets no other
    /// state. UNKNOWN counts the states of later kernels.
    NoStateOfUdp,
    /// Only tracked connections of TCP have states.
    OnlyTcpHasStates,
}

impl Key {
    /// The number of keys for sockets.
    pub const SOCKET_KEYS: usize =
        Schema::SOCKETS.groups.len() * (Schema::SOCKETS.column_count + 1);

    /// Parses `GROUP` or `GROUP.COLUMN`. If the subject is tracked connections,
    /// the function also parses `table.FIGURE`. Returns nothing if `name` is no
    /// key of the subject.
    pub fn parse(subject: Subject, name: &[u8]) -> Option<Key> {
        let (group, column) = split_once(name, b'.');
        if group == Group::TABLE.name.as_bytes() && subject == Subject::Connections {
            return TableFigure::from_name(column?).map(Key::Table);
        }
        let schema = subject.schema();
        let group = schema.group_position(group)? as u8;
        match column {
            None => Some(Key::Total { group }),
            Some(column) => {
                Some(Key::Cell { group, column: schema.column_position(column)? as u8 })
            }
        }
    }

    /// Returns the reason why the number is always 0, or nothing if a report
    /// with this filter may show another number.
    pub fn always_zero(self, subject: Subject, filter: &Filter) -> Option<AlwaysZero> {
        let Key::Cell { group, column } = self else { return None };
        let schema = subject.schema();
        let (protocol, _) = schema.groups.get(usize::from(group))?.protocol_and_ip();
        let column = usize::from(column);
        if subject == Subject::Connections {
            let has_no_state = matches!(protocol, b"udp" | b"other");
            let is_state = schema.state_columns().contains(&column);
            return (has_no_state && is_state).then_some(AlwaysZero::OnlyTcpHasStates);
        }
        let is = |state: State| state as usize == column;
        if protocol == b"udp" {
            let is_state_of_udp = is(State::Established) || is(State::Close) || is(State::Unknown);
            return (!is_state_of_udp).then_some(AlwaysZero::NoStateOfUdp);
        }
        if !is(State::Listen) {
            return None;
        }
        if !filter.all {
            return Some(AlwaysZero::ListenWithoutAll);
        }
        let no_port = Port::from_network_order([0, 0]);
        (!contains_port(&filter.remote_ports, no_port)).then_some(AlwaysZero::ListenWithRemotePort)
    }
}
