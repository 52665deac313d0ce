//! JSON. Of sockets as Python's `json.dumps(…, indent=4)` lays it out: an object with an object for each group,
//! which has a number for each state, and never another key. Of tracked connections the states and the statuses
//! of a group are objects on one line each.

super::format! {
    has_origin: false,
    [TABLES_AND_SUMS ALL_STATES
        "{"
        "\n    \"%A\": {"
        "\n        \"%D\": %N"
        ","
        ""
        "\n    }"
        ","
        "\n}\n"
    ]
    [PROTOCOLS_AND_SUMS LABELED
        "{"
        "\n    \"%A\": {\n        \"total\": %N,\n        \"state\": {"
        "\"%D\": %N"
        ", "
        "},\n        \"status\": {"
        "}\n    },"
    ]
    [WHOLE_TABLE FILL
        ""
        "\n    \"%A\": {"
        "\"%D\": %N"
        ", "
        ""
        "}"
        ""
        "\n}\n"
    ]
    unknown: "\n    \"table\": {\"entries\": null, \"limit\": null}\n}\n",
}
