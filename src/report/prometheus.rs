//! The text format of Prometheus (prometheus.io/docs/instrumenting/exposition_formats), version 0.0.4.
//! Sums are left to `sum by`.

use crate::table::Table;

super::format! {
    groups: Table::ALL.len(),
    has_origin: false,
    start: "# HELP network_connections Sockets by protocol, IP version and TCP state.\n\
            # TYPE network_connections gauge\n",
    group: "",
    state: "network_connections{protocol=\"%B\",ip=\"v%C\",state=\"%d\"} %N\n",
    group_end: "",
    end: "",
}
