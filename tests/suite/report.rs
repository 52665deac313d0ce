//! Counts, the report and the messages, as the library gives them.

use network_connections::counts::{Counts, Key, SUM, State, Subject};
use network_connections::message::{self, File, Reader, Reason, Told};
use network_connections::options::{Problem, Usage};
use network_connections::packed::pack;
use network_connections::report::{self, Format, Origin};
use network_connections::row::HEAD;
use network_connections::rows::Line;
use network_connections::table::Table;
use network_connections::text::Text;
use proptest::prelude::*;

use crate::program::numbers;

fn json(counts: &Counts) -> String {
    let mut text = Text::new();
    report::compose(Format::DEFAULT, counts, &Origin::default(), &mut text);
    String::from_utf8(text.complete().unwrap().to_vec()).unwrap()
}

/// The message that `tell` composes, and the exit status that comes with it.
fn told(tell: impl FnOnce(&mut Text) -> Told) -> (String, u8) {
    let mut text = Text::new();
    text.push(b"what there was before");
    let Told { exit_status } = tell(&mut text);
    (String::from_utf8(text.complete().unwrap().to_vec()).unwrap(), exit_status)
}

/// Every state, in the order of the report.
fn states() -> Vec<State> {
    let mut states = State::BY_NUMBER.to_vec();
    states.sort_by_key(|&state| state as usize);
    states.dedup();
    assert_eq!(states.len(), State::NUMBER);
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
        let name = String::from_utf8_lossy(State::NAMES.get(state as usize));
        let index = usize::from(number).wrapping_sub(1);
        assert_eq!(name, kernel.get(index).copied().unwrap_or("UNKNOWN"), "{number}");
    }
}

#[test]
fn a_table_that_every_system_has_is_read_last() {
    // A process that ends between two reads has none of its files any more, and that must be noticed.
    assert!(!Table::SOCKETS[3].is_optional());
    let mut tables: Vec<usize> = Table::SOCKETS.iter().map(|&table| table as usize).collect();
    tables.sort();
    assert_eq!(tables, [0, 1, 2, 3], "each once");
    assert_eq!(Table::CONNTRACK, [Table::Conntrack]);
    assert!(!Table::Conntrack.is_optional());
}

#[test]
fn every_counter_is_reported_in_its_groups_and_nowhere_else() {
    for &table in Table::SOCKETS {
        for state in states() {
            let name = String::from_utf8_lossy(State::NAMES.get(state as usize));
            let mut counts = Counts::NONE;
            counts.add(table as usize, state as usize, 7);
            let (group, sum) = match table {
                Table::Tcp4 => ("tcp4", "tcp"),
                Table::Tcp6 => ("tcp6", "tcp"),
                Table::Udp4 => ("udp4", "udp"),
                Table::Udp6 => ("udp6", "udp"),
                Table::Conntrack => panic!("{table:?} is not of sockets"),
            };
            let expected = [group, sum, "all"].map(|group| (format!("{group}.{name}"), 7));
            let mut reported = numbers(&json(&counts));
            assert_eq!(reported.len(), 7 * 12);
            reported.retain(|_, count| *count != 0);
            assert_eq!(reported, expected.into());
        }
    }
}

/// The highest counts there can be.
fn most() -> Counts {
    let mut counts = Counts::NONE;
    for &table in Table::SOCKETS {
        for state in states() {
            counts.add(table as usize, state as usize, u32::MAX);
        }
    }
    counts
}

#[test]
fn the_longest_report_fits() {
    let counts = most();
    let numbers = numbers(&json(&counts));
    assert!(numbers.values().all(|&count| count == u64::from(u32::MAX)));
}

proptest! {
    #[test]
    fn counters_and_sums_saturate(
        added in prop::collection::vec(
            (prop::sample::select(Table::SOCKETS), prop::sample::select(states()), any::<u32>()),
            0..50,
        ),
    ) {
        let mut counts = Counts::NONE;
        for &(table, state, sockets) in &added {
            counts.add(table as usize, state as usize, sockets);
        }
        let groups = [
            ("tcp4", 0..=0),
            ("tcp6", 1..=1),
            ("udp4", 2..=2),
            ("udp6", 3..=3),
            ("tcp", 0..=1),
            ("udp", 2..=3),
            ("all", 0..=3),
        ];
        for (place, (name, tables)) in groups.into_iter().enumerate() {
            let number = |of: &dyn Fn(State) -> bool| {
                let added = added.iter().filter(|(table, state, _)| {
                    tables.contains(&(*table as usize)) && of(*state)
                });
                let sum: u64 = added.map(|&(_, _, sockets)| u64::from(sockets)).sum();
                sum.min(u32::MAX.into()) as u32
            };
            for state in states() {
                prop_assert_eq!(counts.count(place, state as usize), number(&|it| it == state));
                let key = format!("{name}.{}", String::from_utf8_lossy(State::NAMES.get(state as usize)));
                let key = Key::parse(&Subject::SOCKETS, key.as_bytes()).unwrap();
                prop_assert_eq!(counts.number(key), number(&|it| it == state));
            }
            let key = Key::parse(&Subject::SOCKETS, name.as_bytes()).unwrap();
            prop_assert_eq!(counts.number(key), number(&|_| true));
            prop_assert_eq!(counts.count(place, SUM), number(&|_| true));
        }
        counts.clear(false);
        prop_assert_eq!(counts, Counts::NONE);
    }
}

#[test]
fn messages_name_what_and_where() {
    let file = File { directory: b"/proc", path: b"/net/tcp" };
    let cases = [
        (
            file,
            Reason::words(pack!("Permission denied")),
            "network-connections: /proc/net/tcp: Permission denied\n",
        ),
        (file, Reason::number(132), "network-connections: /proc/net/tcp: Unknown error 132\n"),
        (
            File::STANDARD_OUTPUT,
            Reason::words(pack!("No space left on device")),
            "network-connections: standard output: No space left on device\n",
        ),
        (
            file,
            Reason::not_a_row(Line { number: 12, head: b"   0: 01" }),
            "network-connections: /proc/net/tcp: line 12 is not a row of this table: '   0: 01'\n",
        ),
        (
            file,
            Reason::not_a_row(Line { number: u32::MAX, head: b"\x1b[2J\0\t\\\x7f\xff~" }),
            "network-connections: /proc/net/tcp: line 4294967295 is not a row of this table: \
             '\\x1b[2J\\x00\\x09\\x5c\\x7f\\xff~'\n",
        ),
        (
            File { directory: b"/a\nb", path: b"/net/udp6" },
            Reason::words(pack!("Is a directory")),
            "network-connections: /a\\x0ab/net/udp6: Is a directory\n",
        ),
    ];
    for (file, reason, expected) in cases {
        let told = told(|text| message::failure(&file, &reason, Reader::Person, text));
        assert_eq!(told, (expected.into(), 1), "{reason:?}");
    }
}

#[test]
fn usage_errors_have_exit_status_2_and_a_hint() {
    let cases: [(Problem, &[u8], &str); 16] = [
        (Problem::UnknownOption, b"\n", "unknown option '-\\x0a'"),
        (Problem::UnknownOption, b"-", "unknown option '--'"),
        (Problem::UnwantedValue, b"-all", "option '--all' takes no value"),
        (Problem::MissingValue, b"i", "option '-i' needs a value"),
        (Problem::TooMany, b"-query", "too many of option '--query'"),
        (Problem::SecondPath, b"b", "more than one PATH: 'b'"),
        (Problem::Empty, b"FILE", "FILE is empty"),
        (Problem::NotAPort, b"x", "PORT 'x' is not a number from 0 to 65535"),
        (Problem::NotAFormat, b"x", "FORMAT 'x' is none of json ndjson prometheus influx collectd"),
        (Problem::NotAKey, b"x", "KEY 'x' is neither GROUP nor GROUP.STATE"),
        (Problem::NetlinkConntrack, b"", "--conntrack is not for --source netlink"),
        (Problem::NotAThreshold, b"x", "'x' is not KEY=RANGE"),
        (
            Problem::NotARange,
            b"2:1",
            "RANGE '2:1' is not [@][START:][END] of whole numbers in order",
        ),
        (Problem::NotAnInterval, b"0", "SECONDS '0' is not a number from 1 to 86400"),
        (
            Problem::Conflict,
            b"",
            "only one of --format, --query and --warning/--critical may be used",
        ),
        (Problem::Empty, b"a|\"", "a\\x7c\\x22 is empty"),
    ];
    for (problem, word, what) in cases {
        let expected = format!("network-connections: {what}; see 'network-connections --help'\n");
        let told = told(|text| message::usage(Usage { problem, word }, Reader::Person, text));
        assert_eq!(told, (expected, 2), "{problem:?}");
    }
}

#[test]
fn the_longest_message_fits_and_has_its_end() {
    let path = [b'\n'; 5000];
    let file = File { directory: &path, path: b"/net/tcp6" };
    let line = Line { number: u32::MAX, head: &[0xff; HEAD] };
    let quoted = "\\x0a".repeat(1024) + "...";
    let head = "\\xff".repeat(HEAD);
    let (message, _) =
        told(|text| message::failure(&file, &Reason::not_a_row(line), Reader::Person, text));
    assert_eq!(
        message,
        format!(
            "network-connections: {quoted}/net/tcp6: line 4294967295 is not a row of this table: '{head}'\n"
        ),
    );
    let usage = Usage { problem: Problem::SecondPath, word: &path };
    let (message, _) = told(|text| message::usage(usage, Reader::Person, text));
    assert_eq!(
        message,
        format!(
            "network-connections: more than one PATH: '{quoted}'; see 'network-connections --help'\n"
        ),
    );
}

#[test]
fn a_text_that_is_cut_is_not_complete() {
    let mut text = Text::new();
    text.push(b"as much as there is room for");
    assert_eq!(text.complete(), Some(&b"as much as there is room for"[..]));
    text.push(&[b'x'; 1 << 20]);
    assert_eq!(text.complete(), None);
    text.push(b"!");
    assert_eq!(text.complete(), None);
    assert_eq!(text.fitted(), b"as much as there is room for!");
    text.clear();
    assert_eq!(text.complete(), Some(&b""[..]));
}

#[test]
fn a_monitor_has_its_own_beginning_and_status() {
    let file = File { directory: b"/proc", path: b"/net/tcp" };
    let tell = |text: &mut Text| message::failure(&file, &Reason::number(7), Reader::Monitor, text);
    let line = "NETWORK-CONNECTIONS UNKNOWN - /proc/net/tcp: Unknown error 7\n";
    assert_eq!(told(tell), (line.into(), 3));
    let usage = Usage { problem: Problem::NotAKey, word: b"x" };
    let (line, status) = told(|text| message::usage(usage, Reader::Monitor, text));
    assert!(line.starts_with("NETWORK-CONNECTIONS UNKNOWN - KEY 'x' is"), "{line}");
    assert_eq!(status, 3);
}

#[test]
fn the_longest_report_of_every_format_fits() {
    let counts = most();
    // The longest name that Linux gives a host, all of it escaped.
    let origin = Origin { host: &[b'|'; 64], interval: b"86400.000" };
    for format in Format::ALL {
        let mut text = Text::new();
        report::compose(format, &counts, &origin, &mut text);
        assert!(text.complete().is_some(), "{format:?}");
    }
}
