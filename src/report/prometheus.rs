//! The text format of Prometheus (prometheus.io/docs/instrumenting/exposition_formats), version 0.0.4.
//! Sums are left to `sum by`.

super::format! {
    has_origin: false,
    [TABLES ALL_STATES
        "# HELP network_connections Sockets by protocol, IP version and TCP state.\n\
         # TYPE network_connections gauge\n"
        ""
        "network_connections{protocol=\"%B\",ip=\"v%C\",state=\"%d\"} %N\n"
    ]
    [TCP STATES
        "# HELP network_conntrack_states Tracked TCP connections by IP version and state.\n\
         # TYPE network_conntrack_states gauge\n"
        ""
        "network_conntrack_states{protocol=\"%B\",ip=\"v%C\",state=\"%d\"} %N\n"
    ]
    [PROTOCOLS STATUSES
        "# HELP network_conntrack_entries Tracked connections by protocol, IP version and status.\n\
         # TYPE network_conntrack_entries gauge\n"
        ""
        "network_conntrack_entries{protocol=\"%B\",ip=\"v%C\",status=\"%d\"} %N\n"
    ]
    [WHOLE_TABLE FILL
        ""
        ""
        "# HELP network_conntrack_table_%d Table of tracked connections: %d.\n\
         # TYPE network_conntrack_table_%d gauge\n\
         network_conntrack_table_%d %N\n"
    ]
    unknown: "",
}
