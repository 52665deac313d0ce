//! The same JSON object on one line: newline-delimited JSON, as log collectors read it.

super::format! {
    has_origin: false,
    [TABLES_AND_SUMS ALL_STATES "{" "\"%A\":{" "\"%D\":%N" "," "" "}" "," "}\n"]
    [PROTOCOLS_AND_SUMS LABELED
        "{"
        "\"%A\":{\"total\":%N,\"state\":{"
        "\"%D\":%N"
        ","
        "},\"status\":{"
        "}},"
    ]
    [WHOLE_TABLE FILL "" "\"%A\":{" "\"%D\":%N" "," "" "}" "" "}\n"]
    unknown: "\"table\":{\"entries\":null,\"limit\":null}}\n",
}
