//! Formats of the whole report.
//!
//! A format is data: templates, and which groups and columns they are filled in
//! for. They are filled in for every one of these, so that no group or column
//! disappears because it is empty.

use core::ops::Range;

use crate::model::connection::TableFigure;
use crate::model::counts::Counts;
use crate::model::schema::{Group, Schema, Subject};
use crate::text::buffer::{LONGEST_ESCAPE, TextBuffer};
use crate::text::template::{Placeholder, Template, Value, Values, template};

/// How a report lays out the counts.
#[derive(Debug, PartialEq, Eq)]
pub struct Format {
    /// Whether its templates name `<host>` and `<interval>`.
    pub has_origin: bool,
    /// The sections of a report on sockets.
    pub sockets: &'static [Section],
    /// The sections of a report on tracked connections.
    pub connections: &'static [Section],
    /// What follows these: how full the table of tracked connections is.
    pub table: TableSection,
}

/// A part of a report: some groups, with some columns of each.
///
/// Its templates may name `<group>` (`tcp4`), `<protocol>` (`tcp`) and `<ip>`
/// (`4`) of a basic group, `<COLUMN>` (`SYN_SENT`), `<column>` (`syn_sent`),
/// and `<count>`. Before the columns `<count>` is the group's total.
#[derive(Debug, PartialEq, Eq)]
pub struct Section {
    /// The indexes of the groups.
    pub groups: Range<usize>,
    /// The indexes of the columns.
    pub columns: Range<usize>,
    /// What the section begins with.
    pub start: &'static str,
    /// What each group begins with.
    pub group_start: Template,
    /// What stands for each column.
    pub column: Template,
    /// What stands between two columns.
    pub column_separator: &'static str,
    /// What stands between the last state and the first status.
    pub status_separator: &'static str,
    /// What each group ends with.
    pub group_end: &'static str,
    /// What stands between two groups.
    pub group_separator: &'static str,
    /// What the section ends with.
    pub end: &'static str,
}

impl Section {
    /// A section without a group or a text, for those fields that a format
    /// leaves out.
    pub const EMPTY: Section = Section {
        groups: 0..0,
        columns: 0..0,
        start: "",
        group_start: template!(""),
        column: template!(""),
        column_separator: "",
        status_separator: "",
        group_end: "",
        group_separator: "",
        end: "",
    };
}

/// The part of a report that tells how full the table of tracked connections
/// is. Percentages are left to whoever draws it.
///
/// Its template may name `<COLUMN>`, which is the figure, `<count>`, `<host>`
/// and `<interval>`.
#[derive(Debug, PartialEq, Eq)]
pub struct TableSection {
    /// What the section begins with.
    pub start: &'static str,
    /// What stands for each figure.
    pub figure: Template,
    /// What stands between two figures.
    pub separator: &'static str,
    /// What the section ends with.
    pub end: &'static str,
    /// The text instead of the section if no figure is known.
    pub unknown: &'static str,
}

/// The figures of a report. Percentages are left to whoever draws it.
const FIGURES: &[TableFigure] = &[TableFigure::Entries, TableFigure::Limit];

/// The groups with counters of their own.
pub const SOCKET_GROUPS: Range<usize> = Schema::SOCKETS.basic_groups();
/// The states of sockets.
pub const SOCKET_STATES: Range<usize> = Schema::SOCKETS.state_columns();
/// The groups with counters of their own.
pub const CONNECTION_GROUPS: Range<usize> = Schema::CONNECTIONS.basic_groups();
/// The groups of TCP. No other protocol has states.
pub const TCP_GROUPS: Range<usize> = 0..2;
/// The states of tracked TCP connections.
pub const CONNECTION_STATES: Range<usize> = Schema::CONNECTIONS.state_columns();
/// The statuses of all tracked connections.
pub const CONNECTION_STATUSES: Range<usize> = Schema::CONNECTIONS.status_columns();

/// Where and how often the counts are taken, which some formats tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Origin<'a> {
    /// The name of the host.
    pub host: &'a [u8],
    /// Seconds from one report to the next, in digits.
    pub interval: &'a [u8],
}

/// Bytes that every report fits in: the longest is collectd's of tracked
/// connections, from a host with the longest name that Linux has, if every byte
/// of the name is escaped.
pub const LONGEST_REPORT: usize = {
    const LINE: usize = "PUTVAL \"/network_connections-other4/tcp_connections-ESTABLISHED\" \
                         interval=86400.000 N:4294967295\n"
        .len();
    const LONGEST_HOST: usize = 64;
    let states = TCP_GROUPS.end * CONNECTION_STATES.end;
    let statuses = CONNECTION_GROUPS.end * (CONNECTION_STATUSES.end - CONNECTION_STATUSES.start);
    (states + statuses + FIGURES.len()) * (LINE + LONGEST_ESCAPE * LONGEST_HOST)
};

impl Format {
    /// Composes a report.
    pub fn compose(&self, counts: &Counts, origin: &Origin, text: &mut TextBuffer) {
        match counts.subject() {
            Subject::Sockets => compose_sections(self.sockets, counts, origin, text),
            Subject::Connections => {
                compose_sections(self.connections, counts, origin, text);
                self.table.compose(counts, origin, text);
            }
        }
    }
}

fn compose_sections(sections: &[Section], counts: &Counts, origin: &Origin, text: &mut TextBuffer) {
    for section in sections {
        section.compose(counts, origin, text);
    }
}

impl Section {
    fn compose(&self, counts: &Counts, origin: &Origin, text: &mut TextBuffer) {
        let schema = counts.subject().schema();
        text.push(self.start.as_bytes());
        for index in self.groups.clone() {
            let Some(group) = schema.groups.get(index) else { break };
            let mut cell = Cell { origin, group, column: b"", count: counts.total(index) };
            if index != self.groups.start {
                text.push(self.group_separator.as_bytes());
            }
            text.fill(self.group_start, &cell);
            for column in self.columns.clone() {
                if column == self.columns.start {
                    // No separator comes before the first column.
                } else if column == schema.state_count {
                    text.push(self.status_separator.as_bytes());
                } else {
                    text.push(self.column_separator.as_bytes());
                }
                cell.column = schema.column_name(column);
                cell.count = counts.cell(index, column);
                text.fill(self.column, &cell);
            }
            text.push(self.group_end.as_bytes());
        }
        text.push(self.end.as_bytes());
    }
}

/// One number of the report and its context.
struct Cell<'a> {
    origin: &'a Origin<'a>,
    group: &'a Group,
    column: &'a [u8],
    count: u32,
}

impl Values for Cell<'_> {
    fn value(&self, placeholder: Placeholder) -> Value<'_> {
        match placeholder {
            Placeholder::Group => Value::Text(self.group.name.as_bytes()),
            Placeholder::Protocol => Value::Text(self.group.protocol_and_ip().0),
            Placeholder::Ip => Value::Text(self.group.protocol_and_ip().1),
            Placeholder::Column => Value::Text(self.column),
            Placeholder::LowercaseColumn => Value::Lowercase(self.column),
            Placeholder::Count => Value::Number(self.count),
            Placeholder::Host => Value::Text(self.origin.host),
            Placeholder::Interval => Value::Text(self.origin.interval),
            _ => Value::Text(b""),
        }
    }
}

impl TableSection {
    fn compose(&self, counts: &Counts, origin: &Origin, text: &mut TextBuffer) {
        if counts.table_fill.is_none() {
            return text.push(self.unknown.as_bytes());
        }
        text.push(self.start.as_bytes());
        for (index, figure) in FIGURES.iter().enumerate() {
            if index != 0 {
                text.push(self.separator.as_bytes());
            }
            let count = counts.figure(*figure);
            let cell = Cell { origin, group: &Group::TABLE, column: figure.name(), count };
            text.fill(self.figure, &cell);
        }
        text.push(self.end.as_bytes());
    }
}
