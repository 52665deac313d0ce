//! Newline-delimited JSON, which log collectors read. Each report is the object
//! of the `json` format on one line without spaces.

use crate::model::schema::Schema;
use crate::output::format::{Format, SOCKET_STATES, Section, TableSection};
use crate::text::template::template;

/// The format.
pub static FORMAT: Format = Format {
    names_origin: false,
    sockets: &[Section {
        groups: Schema::SOCKETS.all_groups(),
        columns: SOCKET_STATES,
        start: "{",
        group_start: template!("\"<group>\":{"),
        column: template!("\"<COLUMN>\":<count>"),
        column_separator: ",",
        group_end: "}",
        group_separator: ",",
        end: "}\n",
        ..Section::EMPTY
    }],
    connections: &[Section {
        groups: Schema::CONNECTIONS.all_groups(),
        columns: Schema::CONNECTIONS.all_columns(),
        start: "{",
        group_start: template!("\"<group>\":{\"total\":<count>,\"state\":{"),
        column: template!("\"<COLUMN>\":<count>"),
        column_separator: ",",
        status_separator: "},\"status\":{",
        group_end: "}},",
        ..Section::EMPTY
    }],
    table: TableSection {
        start: "\"table\":{",
        figure: template!("\"<COLUMN>\":<count>"),
        separator: ",",
        end: "}}\n",
        unknown: "\"table\":{\"entries\":null,\"limit\":null}}\n",
    },
};
