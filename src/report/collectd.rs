//! Commands of collectd's plain text protocol (collectd-exec(5)), for the time of arrival (`N`).

super::format! {
    has_origin: true,
    [TABLES ALL_STATES
        ""
        ""
        "PUTVAL \"%E/network_connections-%A/tcp_connections-%D\" interval=%F N:%N\n"
    ]
    [TCP STATES
        ""
        ""
        "PUTVAL \"%E/network_conntrack-%A/tcp_connections-%D\" interval=%F N:%N\n"
    ]
    [PROTOCOLS STATUSES
        ""
        ""
        "PUTVAL \"%E/network_conntrack-%A/conntrack-%D\" interval=%F N:%N\n"
    ]
    [WHOLE_TABLE FILL
        ""
        ""
        "PUTVAL \"%E/network_conntrack-%A/conntrack-%D\" interval=%F N:%N\n"
    ]
    unknown: "",
}
