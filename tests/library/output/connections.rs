//! The numbers of tracked connections as the library gives them: counters, keys, and every format.

use std::collections::{BTreeMap, BTreeSet};

use network_connections::model::connection::{TableFigure, TableFill};
use network_connections::model::counts::Counts;
use network_connections::model::key::Key;
use network_connections::model::schema::{Group, Schema, Subject};
use network_connections::output::format::Origin;
use network_connections::output::formats;
use proptest::prelude::*;

use crate::harness::text;
use crate::oracles::conntrack_table::{GROUPS, STATES, STATUSES};
use crate::samples::socket_table;

/// The numbers of the table as such.
const TABLE: [&str; 4] = ["entries", "limit", "percent", "replied_percent"];

/// The names of a group's numbers.
fn labels() -> Vec<&'static str> {
    STATES.into_iter().chain(STATUSES).collect()
}

/// Which of the first six groups each is the sum of.
fn summed(group: &str) -> Vec<usize> {
    let is_in =
        |basic: &&&str| group == "all" || **basic == group || basic[..basic.len() - 1] == *group;
    let basic = GROUPS[..6].iter().filter(is_in);
    basic.map(|basic| GROUPS.iter().position(|group| group == basic).unwrap()).collect()
}

/// Counts of another number everywhere, from 1 to 96; and how full the table is.
fn numbered(fill: Option<(u32, u32)>) -> Counts {
    let mut counts = Counts::ZERO;
    counts.reset(Subject::Connections);
    for group in 0..6 {
        for number in 0..labels().len() {
            counts.add(group, number, number_of(group, number));
        }
    }
    if let Some((entries, limit)) = fill {
        counts.table_fill = Some(TableFill { entries, limit });
    }
    counts
}

fn number_of(group: usize, number: usize) -> u32 {
    (group * labels().len() + number + 1) as u32
}

/// Counts of no connections but so many, of which some are UNREPLIED.
fn filled(unreplied: u32, others: u32, entries: u32, limit: u32) -> Counts {
    let mut counts = Counts::ZERO;
    counts.reset(Subject::Connections);
    for (group, status, number) in [
        (0, "UNREPLIED", unreplied),
        (2, "ASSURED", others / 2),
        (5, "REPLIED", others - others / 2),
    ] {
        counts.add(group, labels().iter().position(|label| *label == status).unwrap(), number);
    }
    counts.table_fill = Some(TableFill { entries, limit });
    counts
}

fn key(name: &str) -> Option<Key> {
    Key::parse(Subject::Connections, name.as_bytes())
}

fn number(counts: &Counts, name: &str) -> u32 {
    counts.number(key(name).unwrap_or_else(|| panic!("{name} is no key")))
}

#[test]
fn the_names_are_those_of_the_contract() {
    let schema = Subject::Connections.schema();
    assert_eq!(schema, &Schema::CONNECTIONS);
    assert_eq!(Subject::Sockets.schema(), &Schema::SOCKETS);
    let groups: Vec<&str> = schema.groups.iter().map(|group| group.name).collect();
    assert_eq!(groups, GROUPS);
    assert_eq!(Group::TABLE.name, "table");
    let columns = schema.all_columns().map(|column| schema.column_name(column));
    assert_eq!(
        columns.collect::<Vec<_>>(),
        labels().iter().map(|it| it.as_bytes()).collect::<Vec<_>>()
    );
    assert_eq!(TableFigure::NAMES.0, TABLE.join(" "));
}

#[test]
fn a_key_is_a_group_and_one_of_its_numbers() {
    // The words that keys are made of, and some that none are.
    let mut groups: Vec<&str> = GROUPS.to_vec();
    groups.extend(["table", "", "tcp5", "icmp", "TCP", "other", "conntrack", "al", "tables"]);
    let mut numbers = [labels(), TABLE.to_vec()].concat();
    let sockets = socket_table::STATES.map(|(state, _)| state);
    numbers.extend(sockets);
    numbers.extend(["", "total", "NEW", "unreplied", "[ASSURED]", "ENTRIES", "established", "*"]);
    let mut known = BTreeSet::new();
    for group in groups {
        for number in [None].into_iter().chain(numbers.iter().map(Some)) {
            let name = match number {
                None => group.to_string(),
                Some(number) => format!("{group}.{number}"),
            };
            let is_key = match number {
                None => GROUPS.contains(&group),
                Some(number) if group == "table" => TABLE.contains(number),
                Some(number) => GROUPS.contains(&group) && labels().contains(number),
            };
            assert_eq!(key(&name).is_some(), is_key, "{name}");
            for other in
                [format!("{name} "), format!(" {name}"), format!("{name}."), format!(".{name}")]
            {
                assert_eq!(key(&other), None, "{other}");
            }
            if is_key {
                known.insert(name);
            }
        }
    }
    assert_eq!(known.len(), GROUPS.len() * (1 + labels().len()) + TABLE.len());
    for name in ["table", "tcp.entries", "all.percent", "table.ESTABLISHED", "tcp.FIN_WAIT1"] {
        assert_eq!(key(name), None, "{name}");
    }

    // Of sockets there are others.
    for name in known {
        let (group, number) = name.split_once('.').unwrap_or((&name, ""));
        let is_group = !group.starts_with("other") && group != "table";
        let is_key = is_group && (number.is_empty() || sockets.contains(&number));
        let parsed = Key::parse(Subject::Sockets, name.as_bytes());
        assert_eq!(parsed.is_some(), is_key, "{name}");
    }
}

#[test]
fn a_group_is_the_sum_of_its_statuses() {
    let counts = numbered(None);
    for group in GROUPS {
        let of_label =
            |place: usize| summed(group).iter().map(|&it| number_of(it, place)).sum::<u32>();
        for (place, label) in labels().into_iter().enumerate() {
            assert_eq!(
                number(&counts, &format!("{group}.{label}")),
                of_label(place),
                "{group} {label}"
            );
        }
        let statuses = STATES.len()..labels().len();
        assert_eq!(number(&counts, group), statuses.map(of_label).sum::<u32>(), "{group}");
    }
    assert_eq!(number(&counts, "tcp4"), 12 + 13 + 14 + 15 + 16);
}

#[test]
fn percents_are_rounded_down() {
    // UNREPLIED rows, others, entries, limit; percent, and that of what is replied.
    let cases = [
        (0, 0, 0, 100, 0, 0),
        (0, 1, 1, 3, 33, 33),
        (1, 1, 2, 3, 66, 33),
        (0, 12, 12, 16384, 0, 0),
        (8000, 192, 8192, 16384, 50, 1),
        (10000, 5000, 15000, 15001, 99, 33),
        (0, 995, 999, 1000, 99, 99),
        (0, 1000, 1000, 1000, 100, 100),
        (5, 1005, 1010, 1000, 101, 100),
        // As many as may be is 0 where there is no limit.
        (0, 7, 7, 0, 0, 0),
        (7, 0, 7, 100, 7, 0),
        // More rows are read than the kernel counts, or fewer.
        (1, 50, 2, 100, 2, 50),
        (1, 2, 50, 100, 50, 2),
        // (It has as many as that in 13 GB.)
        (0, 42_949_672, 42_949_672, 42_949_672, 100, 100),
        (0, 42_949_673, 42_949_673, 50_000_000, 85, 85),
        (0, 1_000_000_000, 2_000_000_000, 2_000_000_000, 100, 50),
        (u32::MAX, u32::MAX, u32::MAX, u32::MAX, 100, 0),
        (0, u32::MAX, u32::MAX, u32::MAX, 100, 100),
    ];
    for (unreplied, others, entries, limit, percent, replied) in cases {
        let counts = filled(unreplied, others, entries, limit);
        let seen = TABLE.map(|name| number(&counts, &format!("table.{name}")));
        assert_eq!(seen, [entries, limit, percent, replied], "{unreplied} and {others}");
    }
}

#[test]
fn percents_of_many_entries_are_near() {
    for (entries, limit, percent) in [
        (42_949_672, 42_949_673, 99),
        (49_999_999, 50_000_099, 99),
        // Of these it is one too many, see `percent`.
        (50_000_000, 50_000_099, 100),
        (2_147_483_600, 2_147_483_647, 100),
        // The limit may have been lowered.
        (50_000_000, 1000, 5_000_000),
    ] {
        let counts = filled(0, entries, entries, limit);
        let seen = ["table.percent", "table.replied_percent"].map(|name| number(&counts, name));
        assert_eq!(seen, [percent; 2], "{entries} of {limit}");
    }
}

#[test]
fn to_begin_again_is_to_have_none() {
    let mut counts = numbered(Some((12, 16384)));
    assert!(counts.subject() == Subject::Connections && counts.table_fill.is_some());
    counts.reset(Subject::Sockets);
    assert_eq!(counts, Counts::ZERO);
    counts = numbered(Some((12, 16384)));
    counts.reset(Subject::Connections);
    let mut none = Counts::ZERO;
    none.reset(Subject::Connections);
    assert_eq!(counts, none);
    assert!(counts.subject() == Subject::Connections && counts.table_fill.is_none());
    for group in 0..GROUPS.len() + 1 {
        for column in 0..labels().len() + 1 {
            assert_eq!(counts.cell(group, column), 0);
        }
        assert_eq!(counts.total(group), 0);
    }
    assert!(TableFigure::ALL.iter().all(|&figure| counts.figure(figure) == 0));
}

proptest! {
    #[test]
    fn counters_and_sums_saturate(
        added in prop::collection::vec((0..6usize, 0..16usize, any::<u32>()), 0..50),
        fill in prop::option::of(any::<(u32, u32)>()),
    ) {
        let mut counts = Counts::ZERO;
        counts.reset(Subject::Connections);
        for &(group, number, more) in &added {
            counts.add(group, number, more);
        }
        if let Some((entries, limit)) = fill {
            counts.table_fill = Some(TableFill { entries, limit });
        }
        for (place, group) in GROUPS.into_iter().enumerate() {
            let groups = summed(group);
            let sum = |of: &dyn Fn(usize) -> bool| {
                let added = added.iter().filter(|(group, number, _)| {
                    groups.contains(group) && of(*number)
                });
                let sum: u64 = added.map(|&(_, _, more)| u64::from(more)).sum();
                sum.min(u32::MAX.into()) as u32
            };
            for (number, label) in labels().into_iter().enumerate() {
                let expected = sum(&|it| it == number);
                prop_assert_eq!(counts.cell(place, number), expected);
                prop_assert_eq!(self::number(&counts, &format!("{group}.{label}")), expected);
            }
            prop_assert_eq!(number(&counts, group), sum(&|it| it >= STATES.len()));
        }
    }
}

fn composed(format: &str, counts: &Counts) -> String {
    let origin = Origin { host: b"here", interval: b"10" };
    let format = formats::from_name(format.as_bytes()).unwrap();
    text(|text| format.compose(counts, &origin, text)).0
}

/// What a format is for [`numbered`].
fn expected(format: &str, fill: Option<(u32, u32)>) -> String {
    let number = |group: &str, place: usize| -> u32 {
        summed(group).iter().map(|&it| number_of(it, place)).sum()
    };
    let states: Vec<(usize, &str)> = labels().into_iter().enumerate().take(STATES.len()).collect();
    let statuses: Vec<(usize, &str)> =
        labels().into_iter().enumerate().skip(STATES.len()).collect();
    let object = |group: &str, labels: &[(usize, &str)]| {
        let pairs =
            labels.iter().map(|(place, label)| format!("\"{label}\": {}", number(group, *place)));
        format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
    };
    let split = |group: &'static str| group.split_at(group.len() - 1);
    match format {
        "json" => {
            let groups = GROUPS.into_iter().map(|group| {
                let total: u32 = statuses.iter().map(|(place, _)| number(group, *place)).sum();
                format!(
                    "    \"{group}\": {{\n        \"total\": {total},\n        \"state\": {},\n        \
                     \"status\": {}\n    }},\n",
                    object(group, &states),
                    object(group, &statuses)
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
        "ndjson" => expected("json", fill).replace([' ', '\n'], "") + "\n",
        "prometheus" => {
            let mut text = String::from(
                "# HELP network_conntrack_states Tracked TCP connections by IP version and state.\n\
                 # TYPE network_conntrack_states gauge\n",
            );
            for group in &GROUPS[..2] {
                let (protocol, version) = split(group);
                for (place, state) in &states {
                    text += &format!(
                        "network_conntrack_states{{protocol=\"{protocol}\",ip=\"v{version}\",\
                         state=\"{}\"}} {}\n",
                        state.to_lowercase(),
                        number(group, *place)
                    );
                }
            }
            text += "# HELP network_conntrack_entries Tracked connections by protocol, IP version and \
                     status.\n# TYPE network_conntrack_entries gauge\n";
            for group in &GROUPS[..6] {
                let (protocol, version) = split(group);
                for (place, status) in &statuses {
                    text += &format!(
                        "network_conntrack_entries{{protocol=\"{protocol}\",ip=\"v{version}\",\
                         status=\"{}\"}} {}\n",
                        status.to_lowercase(),
                        number(group, *place)
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
        "influx" => {
            let mut text = String::new();
            for group in &GROUPS[..6] {
                let (protocol, version) = split(group);
                let fields = states.iter().chain(&statuses).map(|(place, label)| {
                    format!("{}={}i", label.to_lowercase(), number(group, *place))
                });
                let fields = fields.collect::<Vec<_>>().join(",");
                text += &format!("network_conntrack,protocol={protocol},ip=v{version} {fields}\n");
            }
            if let Some((entries, limit)) = fill {
                text += &format!("network_conntrack_table entries={entries}i,limit={limit}i\n");
            }
            text
        }
        _ => {
            let put = |group: &str, kind: &str, name: &str, number: u32| {
                format!(
                    "PUTVAL \"here/network_conntrack-{group}/{kind}-{name}\" interval=10 N:{number}\n"
                )
            };
            let mut text = String::new();
            for group in &GROUPS[..2] {
                for (place, state) in &states {
                    text += &put(group, "tcp_connections", state, number(group, *place));
                }
            }
            for group in &GROUPS[..6] {
                for (place, status) in &statuses {
                    text += &put(group, "conntrack", status, number(group, *place));
                }
            }
            if let Some((entries, limit)) = fill {
                text += &put("table", "conntrack", "entries", entries);
                text += &put("table", "conntrack", "limit", limit);
            }
            text
        }
    }
}

#[test]
fn every_number_is_in_its_place_in_every_format() {
    for fill in [Some((12, 16384)), Some((0, 0)), Some((u32::MAX, u32::MAX)), None] {
        for format in formats::NAMES.0.split(' ') {
            assert_eq!(
                composed(format, &numbered(fill)),
                expected(format, fill),
                "{format} {fill:?}"
            );
        }
    }
}

/// (What the other test expects is computed. This is not.)
#[test]
fn the_first_lines_of_every_format() {
    let counts = numbered(Some((12, 16384)));
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
        let text = composed(format, &counts);
        assert_eq!(text.lines().nth(line), Some(expected), "{text}");
    }
    assert!(
        composed("ndjson", &counts).starts_with("{\"tcp4\":{\"total\":70,\"state\":{\"NONE\":1,")
    );
}

/// The values of JSON, by the names on the way to them, each of which must be there once. Behind it is what
/// is left of the text.
fn values<'a>(json: &'a str, name: &str, found: &mut BTreeMap<String, Option<u32>>) -> &'a str {
    let json = json.trim_start();
    if let Some(mut rest) = json.strip_prefix('{') {
        loop {
            let (key, behind) =
                rest.trim_start().strip_prefix('"').unwrap().split_once('"').unwrap();
            assert!(!key.is_empty() && !key.contains('\\'), "{key}");
            rest = behind.trim_start().strip_prefix(':').unwrap();
            let name = if name.is_empty() { key.to_string() } else { format!("{name}.{key}") };
            rest = values(rest, &name, found).trim_start();
            match rest.strip_prefix(',') {
                Some(behind) => rest = behind,
                None => return rest.strip_prefix('}').unwrap(),
            }
        }
    }
    let end = json.find(|it: char| !it.is_ascii_alphanumeric()).unwrap();
    let value = match &json[..end] {
        "null" => None,
        number => Some(number.parse().unwrap()),
    };
    assert_eq!(found.insert(name.to_string(), value), None, "{name} is there twice");
    &json[end..]
}

#[test]
fn both_kinds_of_json_are_the_same_json() {
    for fill in [Some((12, 16384)), None] {
        let parsed = ["json", "ndjson"].map(|format| {
            let text = composed(format, &numbered(fill));
            let mut found = BTreeMap::new();
            assert_eq!(values(&text, "", &mut found), "\n", "{text}");
            found
        });
        assert_eq!(parsed[0], parsed[1]);
        assert_eq!(parsed[0].len(), GROUPS.len() * (1 + labels().len()) + 2);
        assert_eq!(parsed[0]["table.entries"], fill.map(|(entries, _)| entries));
        assert_eq!(parsed[0]["table.limit"], fill.map(|(_, limit)| limit));
        assert_eq!(parsed[0]["other6.status.HW_OFFLOAD"], Some(96));
        assert_eq!(composed("ndjson", &numbered(fill)).lines().count(), 1);
    }
}

#[test]
fn the_longest_report_of_every_format_fits() {
    let mut counts = Counts::ZERO;
    counts.reset(Subject::Connections);
    for group in 0..6 {
        for number in 0..labels().len() {
            counts.add(group, number, u32::MAX);
        }
    }
    counts.table_fill = Some(TableFill { entries: u32::MAX, limit: u32::MAX });
    // The longest name that Linux gives a host, all of it escaped.
    let origin = Origin { host: &[b'|'; 64], interval: b"86400.000" };
    for format in formats::ALL {
        text(|text| format.compose(&counts, &origin, text));
    }
}
