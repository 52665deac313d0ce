//! The program compared with the oracle on generated tables. The tests of the
//! library run only on one architecture. These tests also run the program of
//! another architecture, with another byte order or word size. The parser
//! depends on both, because the parser looks at a word at a time.

use std::collections::BTreeMap;
use std::fs;

use network_connections::model::socket::Family::{self, Inet, Inet6};
use network_connections::model::socket::State;
use proptest::prelude::*;

use crate::harness::{counts, nonzero, procfs, program, report};
use crate::oracles::command_line::always_zero;
use crate::oracles::conntrack_table::{self as conntrack_oracle, Flow, GROUPS, STATES, STATUSES};
use crate::oracles::socket_table::{self as oracle, Socket};
use crate::samples::conntrack_table;
use crate::samples::socket_table::HEADER;
use crate::samples::socket_table::row;

/// Returns the expected counts of these sockets, in the form of [`nonzero`].
fn expected_counts(group: &str, sockets: impl Iterator<Item = Socket>) -> Vec<String> {
    let mut numbers = BTreeMap::new();
    for socket in sockets {
        let state = String::from_utf8_lossy(State::NAMES.get(socket.state as usize));
        *numbers.entry(state).or_insert(0) += 1;
    }
    numbers.into_iter().map(|(state, number)| format!("{group}.{state} {number}")).collect()
}

/// Generates a table that is longer than one read.
fn table(family: Family) -> impl Strategy<Value = String> {
    prop::collection::vec(row(family), 300..500).prop_map(|rows| {
        let rows = rows.into_iter().map(|row| String::from_utf8(row).unwrap() + "\n");
        HEADER.to_string() + &rows.collect::<String>()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..Default::default() })]

    #[test]
    fn the_program_agrees_with_the_oracle_on_long_socket_tables(tcp in table(Inet), tcp6 in table(Inet6)) {
        let sockets = oracle::sockets(tcp.as_bytes(), Inet).unwrap();
        let sockets6 = oracle::sockets(tcp6.as_bytes(), Inet6).unwrap();
        let procfs = procfs(&[("tcp", &tcp), ("tcp6", &tcp6)]);
        let port = sockets[0].remote_port.to_string();
        type Filter<'a> = &'a dyn Fn(&Socket) -> bool;
        let cases: [(&[&str], Filter); 3] = [
            (&["--all"], &|_| true),
            (&[], &|socket| !socket.has_no_remote),
            (&["--all", "--remote-port", &port], &|socket| socket.remote_port.to_string() == port),
        ];
        for (options, filter) in cases {
            let [sockets, sockets6] = [&sockets, &sockets6].map(|it| it.iter().copied().filter(filter));
            let expected = [expected_counts("tcp4", sockets), expected_counts("tcp6", sockets6)].concat();
            let counted = nonzero(counts(program().args(options).arg(procfs.path())));
            prop_assert_eq!(counted, expected, "{:?}", options);
        }
    }

    #[test]
    fn the_program_agrees_with_the_oracle_on_long_conntrack_tables(
        rows in prop::collection::vec(conntrack_table::row(), 300..500),
    ) {
        // The test removes malformed rows, and ambiguous rows, for which the
        // oracle has no result.
        let flows = |row: &String| conntrack_oracle::flows(row.as_bytes())?.ok();
        let rows: Vec<String> = rows.into_iter().filter(|row| flows(row).is_some()).collect();
        prop_assert!(rows.len() > 100);
        let flows: Vec<Flow> = rows.iter().filter_map(flows).flatten().collect();
        let procfs = procfs(&[("nf_conntrack", &rows.join("\n"))]);
        let port = flows.iter().find_map(|flow| flow.ports[1]).unwrap();
        type Filter<'a> = &'a dyn Fn(&Flow) -> bool;
        let cases: [(&[&str], Filter); 2] = [
            (&[], &|_| true),
            (&["--remote-port", &port.to_string()], &|flow| flow.ports[1] == Some(port)),
        ];
        let names = || STATES.into_iter().chain(STATUSES);
        let keys = GROUPS[..6].iter().flat_map(|&group| names().map(move |name| (group, name)));
        let may_count = |group: &str, name: &str| always_zero(true, false, &[], &format!("{group}.{name}")).is_none();
        let keys: Vec<(&str, &str)> = keys.filter(|(group, name)| may_count(group, name)).collect();
        for (options, filter) in cases {
            for keys in keys.chunks(48) {
                let expected = keys.iter().map(|&(group, name)| {
                    let is_counted = |flow: &&Flow| {
                        let is_named = flow.state == Some(name) || flow.status == name;
                        flow.group == group && is_named && filter(flow)
                    };
                    format!("{}\n", flows.iter().filter(is_counted).count())
                });
                let mut program = program();
                program.arg("--conntrack").args(options).arg(procfs.path());
                program.args(keys.iter().map(|(group, name)| format!("-q{group}.{name}")));
                prop_assert_eq!(report(&mut program), expected.collect::<String>(), "{:?}", options);
            }
        }
    }
}

#[test]
fn the_program_agrees_with_the_oracle_on_rows_with_one_replaced_byte() {
    let zero = "0".repeat(32);
    let rows = [
        (Inet, "tcp", "   7: 0A1B2C3D:4E5F 6071829A:B0C1 0A 000".to_string()),
        (Inet6, "tcp6", format!(" 123: {zero}:1F90 {zero}:C001 01 000")),
    ];
    for (family, name, row) in rows {
        let procfs = procfs(&[]);
        let file = procfs.path().join("net").join(name);
        for index in 0..row.len() {
            // Bytes next to the digits, the letters and the separators, and
            // other bytes.
            for byte in *b"/0:9@AFGa !\n\x80\xff" {
                let mut row = row.clone().into_bytes();
                row[index] = byte;
                let table = [HEADER.as_bytes(), &row, b"\n"].concat();
                fs::write(&file, &table).unwrap();
                let output = program().arg("--query=all").arg("--all").arg(procfs.path()).output();
                let printed = String::from_utf8(output.unwrap().stdout).unwrap();
                let expected = match oracle::sockets(&table, family) {
                    Ok(sockets) => format!("{}\n", sockets.len()),
                    Err(_) => String::new(),
                };
                assert_eq!(printed, expected, "{}", row.escape_ascii());
            }
        }
    }
}
