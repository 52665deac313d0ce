//! JSON.
//!
//! The report on sockets has the layout of Python's `json.dumps(…, indent=4)`,
//! and no later version of the program adds a key to this report. The report on
//! tracked connections has each object of states and each object of statuses on
//! one line:
//!
//! ```json
//! {
//!     "tcp4": {
//!         "total": 3,
//!         "state": {"NONE": 0, "SYN_SENT": 0, …},
//!         "status": {"UNREPLIED": 0, "REPLIED": 0, …}
//!     },
//!     …
//!     "table": {"entries": 12, "limit": 16384}
//! }
//! ```

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
        group_start: template!("\n    \"<group>\": {"),
        column: template!("\n        \"<COLUMN>\": <count>"),
        column_separator: ",",
        group_end: "\n    }",
        group_separator: ",",
        end: "\n}\n",
        ..Section::EMPTY
    }],
    connections: &[Section {
        groups: Schema::CONNECTIONS.all_groups(),
        columns: Schema::CONNECTIONS.all_columns(),
        start: "{",
        group_start: template!(
            "\n    \"<group>\": {\n        \"total\": <count>,\n        \"state\": {"
        ),
        column: template!("\"<COLUMN>\": <count>"),
        column_separator: ", ",
        status_separator: "},\n        \"status\": {",
        group_end: "}\n    },",
        ..Section::EMPTY
    }],
    table: TableSection {
        start: "\n    \"table\": {",
        figure: template!("\"<COLUMN>\": <count>"),
        separator: ", ",
        end: "}\n}\n",
        unknown: "\n    \"table\": {\"entries\": null, \"limit\": null}\n}\n",
    },
};
