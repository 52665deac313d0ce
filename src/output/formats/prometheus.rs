//! Version 0.0.4 of the text format of Prometheus. Its description is at
//! prometheus.io/docs/instrumenting/exposition_formats.
//!
//! The report has no sums, because Prometheus computes sums with `sum by`.
//!
//! ```text
//! network_connections{protocol="tcp",ip="v4",state="established"} 7
//! network_conntrack_entries{protocol="udp",ip="v6",status="unreplied"} 2
//! ```

use crate::output::format::{
    CONNECTION_GROUPS, CONNECTION_STATES, CONNECTION_STATUSES, Format, SOCKET_GROUPS,
    SOCKET_STATES, Section, TCP_GROUPS, TableSection,
};
use crate::text::template::template;

/// The format.
pub static FORMAT: Format = Format {
    names_origin: false,
    sockets: &[Section {
        groups: SOCKET_GROUPS,
        columns: SOCKET_STATES,
        start: "# HELP network_connections Sockets by protocol, IP version and TCP state.\n\
             # TYPE network_connections gauge\n",
        column: template!(
            "network_connections{protocol=\"<protocol>\",ip=\"v<ip>\",state=\"<column>\"} <count>\n"
        ),
        ..Section::EMPTY
    }],
    connections: &[
        Section {
            groups: TCP_GROUPS,
            columns: CONNECTION_STATES,
            start: "# HELP network_conntrack_states Tracked TCP connections by IP version and state.\n\
                 # TYPE network_conntrack_states gauge\n",
            column: template!(
                "network_conntrack_states\
                 {protocol=\"<protocol>\",ip=\"v<ip>\",state=\"<column>\"} <count>\n"
            ),
            ..Section::EMPTY
        },
        Section {
            groups: CONNECTION_GROUPS,
            columns: CONNECTION_STATUSES,
            start: "# HELP network_conntrack_entries \
                 Tracked connections by protocol, IP version and status.\n\
                 # TYPE network_conntrack_entries gauge\n",
            column: template!(
                "network_conntrack_entries\
                 {protocol=\"<protocol>\",ip=\"v<ip>\",status=\"<column>\"} <count>\n"
            ),
            ..Section::EMPTY
        },
    ],
    table: TableSection {
        start: "",
        figure: template!(
            "# HELP network_conntrack_table_<COLUMN> Table of tracked connections: <COLUMN>.\n\
             # TYPE network_conntrack_table_<COLUMN> gauge\n\
             network_conntrack_table_<COLUMN> <count>\n"
        ),
        separator: "",
        end: "",
        unknown: "",
    },
};
