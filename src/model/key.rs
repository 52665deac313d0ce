//! Keys, which name the single numbers of a report.

use super::connection::TableFigure;
use super::schema::{Group, Schema, Subject};
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
}
