//! Formats of the whole report.
//!
//! A format is data: templates, and the groups and columns that the templates
//! show. A report shows all groups and columns of the format, even if a count
//! is 0.

use core::ops::Range;

use crate::model::connection::{ConnectionGroup, TableFigure};
use crate::model::counts::Counts;
use crate::model::schema::{Group, Schema, Subject};
use crate::text::buffer::{LONGEST_ESCAPE, TextBuffer};
use crate::text::template::{Placeholder, Template, Value, Values, template};

/// How a report lays out the counts.
#[derive(Debug, PartialEq, Eq)]
pub struct Format {
    /// Whether the templates name `<host>` or `<interval>`.
    pub names_origin: bool,
    /// The sections of a report on sockets.
    pub sockets: &'static [Section],
    /// The sections of a report on tracked connections.
    pub connections: &'static [Section],
    /// The last section of a report on tracked connections.
    pub table: TableSection,
}

/// A part of a report: a range of groups, with a range of columns for each.
///
/// The templates may contain these placeholders:
///
/// - `<group>`: the name of the group, such as `tcp4`.
/// - `<protocol>` and `<ip>`: the two parts of the name of a basic group, such
///   as `tcp` and `4`.
/// - `<COLUMN>` and `<column>`, only in `column`: the name of the column, such
///   as `SYN_SENT`, and the lowercase name, such as `syn_sent`.
/// - `<count>`: in `column`, the count of the column. In `group_start`, the
///   total of the group.
/// - `<host>` and `<interval>`: the values of [`Origin`].
#[derive(Debug, PartialEq, Eq)]
pub struct Section {
    /// The indexes of the groups.
    pub groups: Range<usize>,
    /// The indexes of the columns.
    pub columns: Range<usize>,
    /// The start of the section.
    pub start: &'static str,
    /// The start of each group.
    pub group_start: Template,
    /// The template of each column.
    pub column: Template,
    /// The text between two columns.
    pub column_separator: &'static str,
    /// The text between the last state and the first status.
    pub status_separator: &'static str,
    /// The end of each group.
    pub group_end: &'static str,
    /// The text between two groups.
    pub group_separator: &'static str,
    /// The end of the section.
    pub end: &'static str,
}

impl Section {
    /// A section without groups, columns and text. `EMPTY` supplies every field
    /// that a section of a format does not set.
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

/// The part of a report that shows how full the table of tracked connections
/// is.
///
/// The section shows numbers of the table, each a [`TableFigure`]. The template
/// may contain `<COLUMN>` for the name of the number, `<count>` for the number,
/// and `<host>` and `<interval>` for the values of [`Origin`].
#[derive(Debug, PartialEq, Eq)]
pub struct TableSection {
    /// The start of the section.
    pub start: &'static str,
    /// The template of each number.
    pub figure: Template,
    /// The text between two numbers.
    pub separator: &'static str,
    /// The end of the section.
    pub end: &'static str,
    /// The text that replaces the section if the numbers are unknown.
    pub unknown: &'static str,
}

/// The numbers that a report shows for the table of tracked connections. A
/// report has no percentages, because a monitor can compute percentages from
/// these numbers.
const FIGURES: &[TableFigure] = &[TableFigure::Entries, TableFigure::Limit];

/// The basic groups of sockets.
pub const SOCKET_GROUPS: Range<usize> = Schema::SOCKETS.basic_groups();
/// The states of sockets.
pub const SOCKET_STATES: Range<usize> = Schema::SOCKETS.state_columns();
/// The basic groups of tracked connections.
pub const CONNECTION_GROUPS: Range<usize> = Schema::CONNECTIONS.basic_groups();
/// The groups of TCP. Only TCP has states.
pub const TCP_GROUPS: Range<usize> = ConnectionGroup::Tcp4 as usize..ConnectionGroup::Udp4 as usize;
/// The states of tracked TCP connections.
pub const CONNECTION_STATES: Range<usize> = Schema::CONNECTIONS.state_columns();
/// The statuses of all tracked connections.
pub const CONNECTION_STATUSES: Range<usize> = Schema::CONNECTIONS.status_columns();

/// The host and the interval of a report. Some formats name both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Origin<'a> {
    /// The name of the host.
    pub host: &'a [u8],
    /// Seconds from one report to the next, as decimal text such as `10` or
    /// `10.000`.
    pub interval: &'a [u8],
}

/// The number of bytes in the longest report. This report shows tracked
/// connections in the format of collectd. The name of the host is as long as
/// Linux allows, and every byte of the name is escaped. A test composes the
/// longest report of every format.
pub const LONGEST_REPORT: usize = {
    const LINE: usize = "PUTVAL \"/network_connections-other4/tcp_connections-ESTABLISHED\" \
                         interval=86400.000 N:4294967295\n"
        .len();
    const LONGEST_HOST: usize = 64;
    let states = TCP_GROUPS.end * (CONNECTION_STATES.end - CONNECTION_STATES.start);
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
            let mut entry = Entry { origin, group, column: b"", count: counts.total(index) };
            if index != self.groups.start {
                text.push(self.group_separator.as_bytes());
            }
            text.fill(self.group_start, &entry);
            for column in self.columns.clone() {
                if column == self.columns.start {
                    // No separator comes before the first column.
                } else if column == schema.state_count {
                    text.push(self.status_separator.as_bytes());
                } else {
                    text.push(self.column_separator.as_bytes());
                }
                entry.column = schema.column_name(column);
                entry.count = counts.cell(index, column);
                text.fill(self.column, &entry);
            }
            text.push(self.group_end.as_bytes());
        }
        text.push(self.end.as_bytes());
    }
}

/// A count of the report, with the values of all other placeholders.
struct Entry<'a> {
    origin: &'a Origin<'a>,
    group: &'a Group,
    column: &'a [u8],
    count: u32,
}

impl Values for Entry<'_> {
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
            let entry = Entry { origin, group: &Group::TABLE, column: figure.name(), count };
            text.fill(self.figure, &entry);
        }
        text.push(self.end.as_bytes());
    }
}
