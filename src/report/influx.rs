//! The line protocol of InfluxDB, without timestamps: the time of arrival is taken.

super::format! {
    has_origin: false,
    [TABLES ALL_STATES
        ""
        "network_connections,protocol=%B,ip=v%C "
        "%d=%Ni"
        ","
        ""
        "\n"
    ]
    [PROTOCOLS LABELED
        ""
        "network_conntrack,protocol=%B,ip=v%C "
        "%d=%Ni"
        ","
        ","
        "\n"
    ]
    [WHOLE_TABLE FILL
        ""
        "network_conntrack_table "
        "%d=%Ni"
        ","
        ""
        "\n"
    ]
    unknown: "",
}
