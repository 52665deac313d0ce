//! Keys: names of single numbers of the report.

use super::connection::TableFigure;
use super::schema::{Group, Schema, Subject};
use crate::bytes::split::split_once;

/// Names one number of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// `GROUP`: all of a group, by its index in the schema.
    Total {
        /// The group's index.
        group: u8,
    },
    /// `GROUP.COLUMN`: one column of a group, by their indexes in the schema.
    Cell {
        /// The group's index.
        group: u8,
        /// The column's index.
        column: u8,
    },
    /// `table.FIGURE`: a figure of the table of tracked connections.
    Table(TableFigure),
}

impl Key {
    /// How many keys there are of sockets.
    pub const SOCKET_KEYS: usize =
        Schema::SOCKETS.groups.len() * (Schema::SOCKETS.column_count + 1);

    /// Parses `GROUP.COLUMN`, `GROUP`, or of tracked connections
    /// `table.FIGURE`.
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
