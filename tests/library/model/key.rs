//! The keys that name the single numbers of a report.

use std::collections::BTreeSet;

use network_connections::cli::usage_error::Problem;
use network_connections::model::filter::Filter;
use network_connections::model::key::Key;
use network_connections::model::schema::Subject;

use crate::oracles::command_line::always_zero;
use crate::oracles::conntrack_table::GROUPS;
use crate::sample_counts::{TABLE_FIGURES, connection_columns};
use crate::samples::socket_table;

fn parse(name: &str) -> Option<Key> {
    Key::parse(Subject::Connections, name.as_bytes())
}

#[test]
fn a_key_is_a_group_or_a_group_and_a_column() {
    // The names that keys consist of, and some names of no key.
    let mut groups: Vec<&str> = GROUPS.to_vec();
    groups.extend(["table", "", "tcp5", "icmp", "TCP", "other", "conntrack", "al", "tables"]);
    let mut columns = [connection_columns(), TABLE_FIGURES.to_vec()].concat();
    let socket_states = socket_table::STATES.map(|(state, _)| state);
    columns.extend(socket_states);
    columns.extend(["", "total", "NEW", "unreplied", "[ASSURED]", "ENTRIES", "established", "*"]);
    let mut keys = BTreeSet::new();
    for group in groups {
        for column in [None].into_iter().chain(columns.iter().map(Some)) {
            let name = match column {
                None => group.to_string(),
                Some(column) => format!("{group}.{column}"),
            };
            let is_key = match column {
                None => GROUPS.contains(&group),
                Some(column) if group == "table" => TABLE_FIGURES.contains(column),
                Some(column) => GROUPS.contains(&group) && connection_columns().contains(column),
            };
            assert_eq!(parse(&name).is_some(), is_key, "{name}");
            for other in
                [format!("{name} "), format!(" {name}"), format!("{name}."), format!(".{name}")]
            {
                assert_eq!(parse(&other), None, "{other}");
            }
            if is_key {
                keys.insert(name);
            }
        }
    }
    assert_eq!(keys.len(), GROUPS.len() * (1 + connection_columns().len()) + TABLE_FIGURES.len());
    for name in ["table", "tcp.entries", "all.percent", "table.ESTABLISHED", "tcp.FIN_WAIT1"] {
        assert_eq!(parse(name), None, "{name}");
    }

    // Of these keys, a key of sockets has no group `other` or `table`, and its
    // column is a state of sockets.
    for name in keys {
        let (group, column) = name.split_once('.').unwrap_or((&name, ""));
        let is_group = !group.starts_with("other") && group != "table";
        let is_key = is_group && (column.is_empty() || socket_states.contains(&column));
        let parsed = Key::parse(Subject::Sockets, name.as_bytes());
        assert_eq!(parsed.is_some(), is_key, "{name}");
    }
}

#[test]
fn a_number_is_always_zero_as_in_the_oracle() {
    for (conntrack, subject) in [(false, Subject::Sockets), (true, Subject::Connections)] {
        let schema = subject.schema();
        for group in schema.groups {
            for column in schema.all_columns() {
                let column = String::from_utf8_lossy(schema.column_name(column));
                let name = format!("{}.{column}", group.name);
                let key = Key::parse(subject, name.as_bytes()).unwrap();
                for all in [false, true] {
                    for remote_ports in [&[][..], &[0], &[80], &[80, 0]] {
                        let mut filter = Filter { all, ..Filter::default() };
                        filter.remote_ports.extend_from_slice(remote_ports).unwrap();
                        let seen = key.always_zero(subject, &filter).map(Problem::from);
                        let expected = always_zero(conntrack, all, remote_ports, &name);
                        assert_eq!(seen, expected, "{name} {all} {remote_ports:?}");
                    }
                }
            }
        }
    }
}
