//! Reports of tracked connections.

use std::collections::BTreeMap;

use network_connections::model::counts::Counts;
use network_connections::output::format::Origin;
use network_connections::output::formats;

use crate::harness::text;
use crate::oracles::conntrack_table::{GROUPS, STATES};
use crate::sample_counts::{
    basic_groups, connection_columns, distinct_count, distinct_counts, highest_connection_counts,
};

fn compose(format: &str, counts: &Counts) -> String {
    let origin = Origin { host: b"here", interval: b"10" };
    let format = formats::from_name(format.as_bytes()).unwrap();
    text(|text| format.compose(counts, &origin, text)).0
}

/// The entries and the limit of the table, or nothing if unknown.
type Fill = Option<(u32, u32)>;

/// Returns the report on [`distinct_counts`] in a format.
fn expected(format: &str, fill: Fill) -> String {
    match format {
        "json" => expected_json(fill),
        "ndjson" => expected_json(fill).replace([' ', '\n'], "") + "\n",
        "prometheus" => expected_prometheus(fill),
        "influx" => expected_influx(fill),
        _ => expected_collectd(fill),
    }
}

/// Returns the number of a group and a column in [`distinct_counts`].
fn count(group: &str, column: usize) -> u32 {
    basic_groups(group).iter().map(|&basic| distinct_count(basic, column)).sum()
}

/// Returns the states, with their columns.
fn states() -> Vec<(usize, &'static str)> {
    connection_columns().into_iter().enumerate().take(STATES.len()).collect()
}

/// Returns the statuses, with their columns.
fn statuses() -> Vec<(usize, &'static str)> {
    connection_columns().into_iter().enumerate().skip(STATES.len()).collect()
}

/// Splits the name of a basic group into the protocol and the version of IP.
fn split(group: &str) -> (&str, &str) {
    group.split_at(group.len() - 1)
}

fn expected_json(fill: Fill) -> String {
    let object = |group: &str, columns: Vec<(usize, &str)>| {
        let pairs =
            columns.iter().map(|(column, name)| format!("\"{name}\": {}", count(group, *column)));
        format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
    };
    let groups = GROUPS.into_iter().map(|group| {
        let total: u32 = statuses().iter().map(|(column, _)| count(group, *column)).sum();
        format!(
            "    \"{group}\": {{\n        \"total\": {total},\n        \"state\": {},\n        \
             \"status\": {}\n    }},\n",
            object(group, states()),
            object(group, statuses())
        )
    });
    let [entries, limit] = match fill {
        Some((entries, limit)) => [entries, limit].map(|number| number.to_string()),
        None => ["null"; 2].map(String::from),
    };
    format!(
        "{{\n{}    \"table\": {{\"entries\": {entries}, \"limit\": {limit}}}\n}}\n",
        groups.collect::<String>()
    )
}

fn expected_prometheus(fill: Fill) -> String {
    let mut text = String::from(
        "# HELP network_conntrack_states Tracked TCP connections by IP version and state.\n\
         # TYPE network_conntrack_states gauge\n",
    );
    for group in &GROUPS[..2] {
        let (protocol, version) = split(group);
        for (column, state) in states() {
            text += &format!(
                "network_conntrack_states{{protocol=\"{protocol}\",ip=\"v{version}\",\
                 state=\"{}\"}} {}\n",
                state.to_lowercase(),
                count(group, column)
            );
        }
    }
    text += "# HELP network_conntrack_entries Tracked connections by protocol, IP version and \
             status.\n# TYPE network_conntrack_entries gauge\n";
    for group in &GROUPS[..6] {
        let (protocol, version) = split(group);
        for (column, status) in statuses() {
            text += &format!(
                "network_conntrack_entries{{protocol=\"{protocol}\",ip=\"v{version}\",\
                 status=\"{}\"}} {}\n",
                status.to_lowercase(),
                count(group, column)
            );
        }
    }
    if let Some((entries, limit)) = fill {
        for (name, number) in [("entries", entries), ("limit", limit)] {
            text += &format!(
                "# HELP network_conntrack_table_{name} Table of tracked connections: {name}.\n\
                 # TYPE network_conntrack_table_{name} gauge\n\
                 network_conntrack_table_{name} {number}\n"
            );
        }
    }
    text
}

fn expected_influx(fill: Fill) -> String {
    let mut text = String::new();
    for group in &GROUPS[..6] {
        let (protocol, version) = split(group);
        let fields = connection_columns()
            .into_iter()
            .enumerate()
            .map(|(column, name)| format!("{}={}i", name.to_lowercase(), count(group, column)));
        let fields = fields.collect::<Vec<_>>().join(",");
        text += &format!("network_conntrack,protocol={protocol},ip=v{version} {fields}\n");
    }
    if let Some((entries, limit)) = fill {
        text += &format!("network_conntrack_table entries={entries}i,limit={limit}i\n");
    }
    text
}

fn expected_collectd(fill: Fill) -> String {
    let put = |group: &str, kind: &str, name: &str, number: u32| {
        format!("PUTVAL \"here/network_conntrack-{group}/{kind}-{name}\" interval=10 N:{number}\n")
    };
    let mut text = String::new();
    for group in &GROUPS[..2] {
        for (column, state) in states() {
            text += &put(group, "tcp_connections", state, count(group, column));
        }
    }
    for group in &GROUPS[..6] {
        for (column, status) in statuses() {
            text += &put(group, "conntrack", status, count(group, column));
        }
    }
    if let Some((entries, limit)) = fill {
        text += &put("table", "conntrack", "entries", entries);
        text += &put("table", "conntrack", "limit", limit);
    }
    text
}

#[test]
fn every_format_shows_every_count() {
    for fill in [Some((12, 16384)), Some((0, 0)), Some((u32::MAX, u32::MAX)), None] {
        for format in formats::NAMES.0.split(' ') {
            assert_eq!(
                compose(format, &distinct_counts(fill)),
                expected(format, fill),
                "{format} {fill:?}"
            );
        }
    }
}

// Unlike `expected`, this test computes nothing.
#[test]
fn every_format_has_these_literal_lines() {
    let counts = distinct_counts(Some((12, 16384)));
    let lines: [(&str, usize, &str); 12] = [
        ("json", 0, "{"),
        ("json", 1, "    \"tcp4\": {"),
        ("json", 2, "        \"total\": 70,"),
        (
            "json",
            3,
            "        \"state\": {\"NONE\": 1, \"SYN_SENT\": 2, \"SYN_RECV\": 3, \"ESTABLISHED\": 4, \
             \"FIN_WAIT\": 5, \"CLOSE_WAIT\": 6, \"LAST_ACK\": 7, \"TIME_WAIT\": 8, \"CLOSE\": 9, \
             \"SYN_SENT2\": 10, \"UNKNOWN\": 11},",
        ),
        (
            "json",
            4,
            "        \"status\": {\"UNREPLIED\": 12, \"REPLIED\": 13, \"ASSURED\": 14, \
             \"OFFLOAD\": 15, \"HW_OFFLOAD\": 16}",
        ),
        ("json", 5, "    },"),
        ("json", 51, "    \"table\": {\"entries\": 12, \"limit\": 16384}"),
        (
            "prometheus",
            5,
            "network_conntrack_states{protocol=\"tcp\",ip=\"v4\",state=\"established\"} 4",
        ),
        (
            "prometheus",
            55,
            "network_conntrack_entries{protocol=\"other\",ip=\"v6\",status=\"hw_offload\"} 96",
        ),
        (
            "influx",
            5,
            "network_conntrack,protocol=other,ip=v6 none=81i,syn_sent=82i,syn_recv=83i,\
             established=84i,fin_wait=85i,close_wait=86i,last_ack=87i,time_wait=88i,close=89i,\
             syn_sent2=90i,unknown=91i,unreplied=92i,replied=93i,assured=94i,offload=95i,\
             hw_offload=96i",
        ),
        (
            "collectd",
            3,
            "PUTVAL \"here/network_conntrack-tcp4/tcp_connections-ESTABLISHED\" interval=10 N:4",
        ),
        (
            "collectd",
            52,
            "PUTVAL \"here/network_conntrack-table/conntrack-entries\" interval=10 N:12",
        ),
    ];
    for (format, line, expected) in lines {
        let text = compose(format, &counts);
        assert_eq!(text.lines().nth(line), Some(expected), "{text}");
    }
    assert!(
        compose("ndjson", &counts).starts_with("{\"tcp4\":{\"total\":70,\"state\":{\"NONE\":1,")
    );
}

/// Parses a JSON value, and inserts each number into `found` by the names on
/// the way to the number, as `GROUP.status.STATUS`. Returns the rest of the
/// text. Panics if two numbers have the same names.
fn parse_values<'a>(
    json: &'a str,
    name: &str,
    found: &mut BTreeMap<String, Option<u32>>,
) -> &'a str {
    let json = json.trim_start();
    if let Some(mut rest) = json.strip_prefix('{') {
        loop {
            let (key, after) =
                rest.trim_start().strip_prefix('"').unwrap().split_once('"').unwrap();
            assert!(!key.is_empty() && !key.contains('\\'), "{key}");
            rest = after.trim_start().strip_prefix(':').unwrap();
            let name = if name.is_empty() { key.to_string() } else { format!("{name}.{key}") };
            rest = parse_values(rest, &name, found).trim_start();
            match rest.strip_prefix(',') {
                Some(after) => rest = after,
                None => return rest.strip_prefix('}').unwrap(),
            }
        }
    }
    let end = json.find(|character: char| !character.is_ascii_alphanumeric()).unwrap();
    let value = match &json[..end] {
        "null" => None,
        number => Some(number.parse().unwrap()),
    };
    assert_eq!(found.insert(name.to_string(), value), None, "the JSON has {name} once");
    &json[end..]
}

#[test]
fn json_and_ndjson_have_the_same_values() {
    for fill in [Some((12, 16384)), None] {
        let parsed = ["json", "ndjson"].map(|format| {
            let text = compose(format, &distinct_counts(fill));
            let mut found = BTreeMap::new();
            assert_eq!(parse_values(&text, "", &mut found), "\n", "{text}");
            found
        });
        assert_eq!(parsed[0], parsed[1]);
        assert_eq!(parsed[0].len(), GROUPS.len() * (1 + connection_columns().len()) + 2);
        assert_eq!(parsed[0]["table.entries"], fill.map(|(entries, _)| entries));
        assert_eq!(parsed[0]["table.limit"], fill.map(|(_, limit)| limit));
        assert_eq!(parsed[0]["other6.status.HW_OFFLOAD"], Some(96));
        assert_eq!(compose("ndjson", &distinct_counts(fill)).lines().count(), 1);
    }
}

#[test]
fn the_longest_report_of_every_format_fits() {
    let counts = highest_connection_counts();
    // A host name of the greatest length that Linux allows. Every byte is
    // escaped.
    let origin = Origin { host: &[b'|'; 64], interval: b"86400.000" };
    for format in formats::ALL {
        text(|text| format.compose(&counts, &origin, text));
    }
}
