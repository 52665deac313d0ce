//! The line protocol of InfluxDB. The lines have no timestamp, so InfluxDB uses
//! the time of arrival.
//!
//! ```text
//! network_connections,protocol=tcp,ip=v4 fin_wait1=0i,established=7i,…
//! ```

use crate::model::schema::Schema;
use crate::output::format::{
    CONNECTION_GROUPS, Format, SOCKET_GROUPS, SOCKET_STATES, Section, TableSection,
};
use crate::text::template::template;

/// The format.
pub static FORMAT: Format = Format {
    names_origin: false,
    sockets: &[Section {
        groups: SOCKET_GROUPS,
        columns: SOCKET_STATES,
        group_start: template!("network_connections,protocol=<protocol>,ip=v<ip> "),
        column: template!("<column>=<count>i"),
        column_separator: ",",
        group_end: "\n",
        ..Section::EMPTY
    }],
    connections: &[Section {
        groups: CONNECTION_GROUPS,
        columns: Schema::CONNECTIONS.all_columns(),
        group_start: template!("network_conntrack,protocol=<protocol>,ip=v<ip> "),
        column: template!("<column>=<count>i"),
        column_separator: ",",
        status_separator: ",",
        group_end: "\n",
        ..Section::EMPTY
    }],
    table: TableSection {
        start: "network_conntrack_table ",
        figure: template!("<COLUMN>=<count>i"),
        separator: ",",
        end: "\n",
        unknown: "",
    },
};
