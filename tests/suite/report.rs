//! Counts, the report and the messages, as the library gives them.

use network_connections::counts::{Counts, Group, State};
use network_connections::message::{Error, File, Reason};
use network_connections::options::{Problem, Usage};
use network_connections::report;
use network_connections::rows::{HEAD, Line};
use network_connections::table::Table;
use network_connections::text::{Text, TooLong};
use proptest::prelude::*;

use crate::program::numbers;

fn json(counts: &Counts) -> String {
    let mut text = Text::default();
    report::json(counts, &mut text);
    String::from_utf8(text.complete().unwrap().to_vec()).unwrap()
}

fn message(error: Error) -> String {
    let mut text = Text::default();
    text.push(b"what there was before");
    error.tell(&mut text);
    String::from_utf8(text.complete().unwrap().to_vec()).unwrap()
}

/// Every state, in the order of the report.
fn states() -> Vec<State> {
    let mut states = State::BY_NUMBER.to_vec();
    states.sort_by_key(|&state| state as usize);
    states.dedup();
    assert_eq!(states.len(), State::NAMES.len());
    states
}

#[test]
fn states_have_the_kernels_numbers() {
    // include/net/tcp_states.h
    let kernel = [
        "ESTABLISHED",
        "SYN_SENT",
        "SYN_RECV",
        "FIN_WAIT1",
        "FIN_WAIT2",
        "TIME_WAIT",
        "CLOSE",
        "CLOSE_WAIT",
        "LAST_ACK",
        "LISTEN",
        "CLOSING",
    ];
    for number in 0..=u8::MAX {
        let state = State::from_number(number);
        let name = State::NAMES[state as usize];
        let index = usize::from(number).wrapping_sub(1);
        assert_eq!(name, kernel.get(index).copied().unwrap_or("UNKNOWN"), "{number}");
    }
}

#[test]
fn a_table_that_every_system_has_is_read_last() {
    // A process that ends between two reads has none of its files any more, and that must be noticed.
    assert!(!Table::ALL[3].is_optional());
    assert_eq!(Table::ALL.map(|table| table as usize).into_iter().sum::<usize>(), 6, "each once");
}

#[test]
fn every_counter_is_reported_in_its_groups_and_nowhere_else() {
    for table in Table::ALL {
        for (name, state) in State::NAMES.into_iter().zip(states()) {
            let mut counts = Counts::default();
            counts.add(table, state, 7);
            let (group, sum) = match table {
                Table::Tcp4 => ("tcp4", "tcp"),
                Table::Tcp6 => ("tcp6", "tcp"),
                Table::Udp4 => ("udp4", "udp"),
                Table::Udp6 => ("udp6", "udp"),
            };
            let expected = [group, sum, "all"].map(|group| (format!("{group}.{name}"), 7));
            let mut reported = numbers(&json(&counts));
            assert_eq!(reported.len(), 7 * 12);
            reported.retain(|_, count| *count != 0);
            assert_eq!(reported, expected.into());
        }
    }
}

#[test]
fn the_longest_report_fits() {
    let mut counts = Counts::default();
    for table in Table::ALL {
        for state in states() {
            counts.add(table, state, u32::MAX);
        }
    }
    let numbers = numbers(&json(&counts));
    assert!(numbers.values().all(|&count| count == u64::from(u32::MAX)));
}

proptest! {
    #[test]
    fn counters_and_sums_saturate(
        added in prop::collection::vec(
            (prop::sample::select(&Table::ALL[..]), prop::sample::select(states()), any::<u32>()),
            0..50,
        ),
    ) {
        let mut counts = Counts::default();
        for &(table, state, sockets) in &added {
            counts.add(table, state, sockets);
        }
        for group in &Group::ALL {
            let counts: Vec<u32> = counts.of(group).collect();
            prop_assert_eq!(counts.len(), State::NAMES.len());
            for (count, state) in counts.into_iter().zip(states()) {
                let sum: u64 = added
                    .iter()
                    .filter(|(table, of, _)| group.tables.contains(table) && *of == state)
                    .map(|&(_, _, sockets)| u64::from(sockets))
                    .sum();
                prop_assert_eq!(u64::from(count), sum.min(u32::MAX.into()));
            }
        }
    }
}

#[test]
fn messages_name_what_and_where() {
    let file = File { directory: b"/proc", path: "/net/tcp" };
    let cases = [
        (
            Error::File { file, reason: Reason::Words("Permission denied") },
            "network-connections: /proc/net/tcp: Permission denied\n",
        ),
        (
            Error::File { file, reason: Reason::Number(132) },
            "network-connections: /proc/net/tcp: Unknown error 132\n",
        ),
        (
            Error::File {
                file: File::STANDARD_OUTPUT,
                reason: Reason::Words("No space left on device"),
            },
            "network-connections: standard output: No space left on device\n",
        ),
        (
            Error::Row { file, line: Line { number: 12, head: b"   0: 01" } },
            "network-connections: /proc/net/tcp: line 12 is not a socket row: '   0: 01'\n",
        ),
        (
            Error::Row { file, line: Line { number: u32::MAX, head: b"\x1b[2J\0\t\\\x7f\xff~" } },
            "network-connections: /proc/net/tcp: line 4294967295 is not a socket row: \
             '\\x1b[2J\\x00\\x09\\x5c\\x7f\\xff~'\n",
        ),
        (
            Error::File {
                file: File { directory: b"/a\nb", path: "/net/udp6" },
                reason: Reason::Words("Is a directory"),
            },
            "network-connections: /a\\x0ab/net/udp6: Is a directory\n",
        ),
        (
            Error::Usage(Usage { problem: Problem::SecondPath, word: b"b" }),
            "network-connections: more than one PATH: 'b'; see 'network-connections --help'\n",
        ),
        (Error::TooLong, "network-connections: the output does not fit its buffer\n"),
        (Error::ReaderGone, ""),
    ];
    for (error, expected) in cases {
        assert_eq!(message(error), expected);
    }
}

#[test]
fn usage_errors_alone_have_exit_status_2() {
    let file = File::STANDARD_OUTPUT;
    let line = Line { number: 2, head: b"" };
    let exit_status = |error: Error| error.tell(&mut Text::default()).exit_status;
    assert_eq!(exit_status(Error::Usage(Usage { problem: Problem::EmptyPath, word: b"" })), 2);
    for error in [
        Error::File { file, reason: Reason::Words("Is a directory") },
        Error::Row { file, line },
        Error::TooLong,
        Error::ReaderGone,
    ] {
        assert_eq!(exit_status(error), 1, "{error:?}");
    }
}

#[test]
fn the_longest_message_fits_and_has_its_end() {
    let path = [b'\n'; 5000];
    let file = File { directory: &path, path: "/net/tcp6" };
    let line = Line { number: u32::MAX, head: &[0xff; HEAD] };
    let quoted = "\\x0a".repeat(1024) + "...";
    let head = "\\xff".repeat(HEAD);
    assert_eq!(
        message(Error::Row { file, line }),
        format!(
            "network-connections: {quoted}/net/tcp6: line 4294967295 is not a socket row: '{head}'\n"
        ),
    );
    assert_eq!(
        message(Error::Usage(Usage { problem: Problem::SecondPath, word: &path })),
        format!(
            "network-connections: more than one PATH: '{quoted}'; see 'network-connections --help'\n"
        ),
    );
}

#[test]
fn a_text_that_is_cut_is_not_complete() {
    let mut text = Text::default();
    text.push(b"as much as there is room for");
    assert_eq!(text.complete(), Ok(&b"as much as there is room for"[..]));
    text.push(&[b'x'; 1 << 20]);
    assert_eq!(text.complete(), Err(TooLong));
    text.push(b"!");
    assert_eq!(text.complete(), Err(TooLong));
    assert_eq!(text.fitted(), b"as much as there is room for!");
    text.clear();
    assert_eq!(text.complete(), Ok(&b""[..]));
}
