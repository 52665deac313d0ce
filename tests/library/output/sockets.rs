//! Counts, the report and the messages, as the library gives them.

use std::str;

use network_connections::cli::audience::Audience;
use network_connections::cli::failure::{Failure, Reason, Resource, Suffix};
use network_connections::cli::request::{Plan, Queries};
use network_connections::cli::usage_error::{Problem, UsageError};
use network_connections::kernel::errno::Errno;
use network_connections::kernel::proc_file::{ProcFile, SOCKET_TABLES, is_optional};
use network_connections::kernel::socket_row::HEAD_LENGTH;
use network_connections::kernel::table_reader::MalformedLine;
use network_connections::model::counts::Counts;
use network_connections::model::key::Key;
use network_connections::model::schema::Subject;
use network_connections::model::socket::{SocketTable, State};
use network_connections::output::format::Origin;
use network_connections::output::formats;
use network_connections::text::buffer::TextBuffer;
use proptest::prelude::*;

use crate::harness::text;
use crate::samples::report::numbers;

fn json(counts: &Counts) -> String {
    text(|text| formats::DEFAULT.compose(counts, &Origin::default(), text)).0
}

/// The message for a failure in this directory, and the exit status.
fn failure(directory: &[u8], resource: Resource, reason: Reason, head: &[u8]) -> (String, u8) {
    let mut queries = Queries::new();
    let plan = Plan { procfs: directory, output: Some(directory), ..Plan::new(&mut queries) };
    let failure = Failure { resource, reason };
    text(|text| {
        text.push(b"what there was before");
        failure.compose(&plan, head, Audience::Person, text)
    })
}

/// Every state, in the order of the report.
fn states() -> Vec<State> {
    let mut states = State::BY_NUMBER.to_vec();
    states.sort_by_key(|&state| state as usize);
    states.dedup();
    assert_eq!(states.len(), State::COUNT);
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
    assert!(!is_optional(SOCKET_TABLES[3].0));
    let mut tables: Vec<usize> = SOCKET_TABLES.iter().map(|(table, _)| table.group()).collect();
    tables.sort();
    assert_eq!(tables, [0, 1, 2, 3], "each once");
    for (table, file) in SOCKET_TABLES {
        let name = str::from_utf8(file.name()).unwrap().trim_start_matches("/net/");
        let group = str::from_utf8(table.name()).unwrap();
        assert_eq!(name.trim_end_matches('6'), &group[..3]);
        assert_eq!(name.ends_with('6'), group.ends_with('6'));
    }
}

#[test]
fn every_counter_is_reported_in_its_groups_and_nowhere_else() {
    for &table in SocketTable::ALL {
        for state in states() {
            let name = String::from_utf8_lossy(State::NAMES.get(state as usize));
            let mut counts = Counts::ZERO;
            counts.add(table.group(), state as usize, 7);
            let (group, sum) = match table {
                SocketTable::Tcp4 => ("tcp4", "tcp"),
                SocketTable::Tcp6 => ("tcp6", "tcp"),
                SocketTable::Udp4 => ("udp4", "udp"),
                SocketTable::Udp6 => ("udp6", "udp"),
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
    let mut counts = Counts::ZERO;
    for &table in SocketTable::ALL {
        for state in states() {
            counts.add(table.group(), state as usize, u32::MAX);
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
            (prop::sample::select(SocketTable::ALL), prop::sample::select(states()), any::<u32>()),
            0..50,
        ),
    ) {
        let mut counts = Counts::ZERO;
        for &(table, state, sockets) in &added {
            counts.add(table.group(), state as usize, sockets);
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
                prop_assert_eq!(counts.cell(place, state as usize), number(&|it| it == state));
                let key = format!("{name}.{}", String::from_utf8_lossy(State::NAMES.get(state as usize)));
                let key = Key::parse(Subject::Sockets, key.as_bytes()).unwrap();
                prop_assert_eq!(counts.number(key), number(&|it| it == state));
            }
            let key = Key::parse(Subject::Sockets, name.as_bytes()).unwrap();
            prop_assert_eq!(counts.number(key), number(&|_| true));
            prop_assert_eq!(counts.total(place), number(&|_| true));
        }
        counts.reset(Subject::Sockets);
        prop_assert_eq!(counts, Counts::ZERO);
    }
}

#[test]
fn messages_name_what_and_where() {
    let table = Resource::ProcFile(ProcFile::Tcp);
    let line = |number, head: &[u8]| {
        Reason::MalformedLine(MalformedLine { number, head_length: head.len() as u8 })
    };
    let unprintable = b"\x1b[2J\0\t\\\x7f\xff~";
    type Case<'a> = (&'a [u8], Resource, Reason, &'a [u8], &'a str);
    let cases: [Case; 10] = [
        (b"/proc", table, Reason::Errno(Errno::ACCES), b"", "/proc/net/tcp: Permission denied"),
        (b"/proc", table, Reason::Errno(Errno(132)), b"", "/proc/net/tcp: Unknown error 132"),
        (
            b"/proc",
            Resource::StandardOutput,
            Reason::Errno(Errno::NOSPC),
            b"",
            "standard output: No space left on device",
        ),
        (
            b"/proc",
            table,
            line(12, b"   0: 01"),
            b"   0: 01",
            "/proc/net/tcp: line 12 is not a row of this table: '   0: 01'",
        ),
        (
            b"/proc",
            table,
            line(u32::MAX, unprintable),
            unprintable,
            "/proc/net/tcp: line 4294967295 is not a row of this table: \
             '\\x1b[2J\\x00\\x09\\x5c\\x7f\\xff~'",
        ),
        (
            b"/a\nb",
            Resource::ProcFile(ProcFile::Udp6),
            Reason::Errno(Errno::ISDIR),
            b"",
            "/a\\x0ab/net/udp6: Is a directory",
        ),
        (
            b"/x",
            Resource::OwnProcFile(ProcFile::ConntrackMax),
            Reason::Errno(Errno::INVAL),
            b"",
            "/proc/sys/net/netfilter/nf_conntrack_max: Invalid argument",
        ),
        (b"/f", Resource::OutputFile, Reason::NotARegularFile, b"", "/f: Not a regular file"),
        (
            b"/f",
            Resource::TemporaryFile(Suffix::New),
            Reason::Errno(Errno::EXIST),
            b"",
            "/f.new: File exists",
        ),
        (
            b"/x",
            Resource::IntervalTimer,
            Reason::Errno(Errno::MFILE),
            b"",
            "interval timer: Too many open files",
        ),
    ];
    for (directory, resource, reason, head, expected) in cases {
        let expected = format!("network-connections: {expected}\n");
        assert_eq!(failure(directory, resource, reason, head), (expected, 1), "{reason:?}");
    }
}

#[test]
fn usage_errors_have_exit_status_2_and_a_hint() {
    let cases: [(Problem, &[u8], &str); 18] = [
        (Problem::UnknownOption, b"\n", "unknown option '-\\x0a'"),
        (Problem::UnknownOption, b"-", "unknown option '--'"),
        (Problem::UnwantedValue, b"-all", "option '--all' takes no value"),
        (Problem::MissingValue, b"i", "option '-i' needs a value"),
        (Problem::TooMany, b"-query", "too many of option '--query'"),
        (Problem::SecondPath, b"b", "more than one PATH: 'b'"),
        (Problem::EmptyPath, b"", "PATH is empty"),
        (Problem::EmptyFile, b"", "FILE is empty"),
        (Problem::InvalidPort, b"x", "invalid PORT 'x' (expected a number from 0 to 65535)"),
        (Problem::InvalidSource, b"x", "invalid SOURCE 'x' (expected proc, netlink or auto)"),
        (
            Problem::InvalidFormat,
            b"x",
            "invalid FORMAT 'x' (expected one of json ndjson prometheus influx collectd)",
        ),
        (Problem::InvalidKey, b"x", "invalid KEY 'x' (expected GROUP or GROUP.STATE)"),
        (Problem::ConntrackWithNetlink, b"", "--source netlink can't count with --conntrack"),
        (Problem::InvalidThreshold, b"x", "invalid threshold 'x' (expected KEY=RANGE)"),
        (
            Problem::InvalidRange,
            b"2:1",
            "invalid RANGE '2:1' (expected [@][START:][END], whole numbers in order)",
        ),
        (Problem::InvalidInterval, b"0", "invalid SECONDS '0' (expected a number from 1 to 86400)"),
        (
            Problem::Conflict,
            b"",
            "only one of --format, --query and --warning/--critical may be used",
        ),
        (Problem::SecondPath, b"a|\"", "more than one PATH: 'a\\x7c\\x22'"),
    ];
    for (problem, argument, what) in cases {
        let expected = format!("network-connections: {what}; see 'network-connections --help'\n");
        let error = UsageError { problem, argument };
        let told = text(|text| error.compose(Audience::Person, text));
        assert_eq!(told, (expected, 2), "{problem:?}");
    }
}

#[test]
fn the_longest_message_fits_and_has_its_end() {
    let path = [b'\n'; 5000];
    let line = MalformedLine { number: u32::MAX, head_length: HEAD_LENGTH as u8 };
    let (table, reason) = (Resource::ProcFile(ProcFile::Tcp6), Reason::MalformedLine(line));
    let quoted = "\\x0a".repeat(1024) + "...";
    let head = "\\xff".repeat(HEAD_LENGTH);
    let (message, _) = failure(&path, table, reason, &[0xff; HEAD_LENGTH]);
    assert_eq!(
        message,
        format!(
            "network-connections: {quoted}/net/tcp6: line 4294967295 is not a row of this table: '{head}'\n"
        ),
    );
    let error = UsageError { problem: Problem::SecondPath, argument: &path };
    let (message, _) = text(|text| error.compose(Audience::Person, text));
    assert_eq!(
        message,
        format!(
            "network-connections: more than one PATH: '{quoted}'; see 'network-connections --help'\n"
        ),
    );
}

#[test]
fn a_text_that_is_cut_is_not_complete() {
    let mut bytes = [0; 40];
    let mut text = TextBuffer::new(&mut bytes);
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
    let mut queries = Queries::new();
    let plan = Plan::new(&mut queries);
    let failure =
        Failure { resource: Resource::ProcFile(ProcFile::Tcp), reason: Reason::Errno(Errno(97)) };
    let line = "NETWORK-CONNECTIONS UNKNOWN - /proc/net/tcp: Unknown error 97\n";
    assert_eq!(text(|text| failure.compose(&plan, b"", Audience::Monitor, text)), (line.into(), 3));
    let error = UsageError { problem: Problem::InvalidKey, argument: b"x" };
    let (line, status) = text(|text| error.compose(Audience::Monitor, text));
    assert!(line.starts_with("NETWORK-CONNECTIONS UNKNOWN - invalid KEY 'x' ("), "{line}");
    assert_eq!(status, 3);
}

#[test]
fn the_longest_report_of_every_format_fits() {
    let counts = most();
    // The longest name that Linux gives a host, all of it escaped.
    let origin = Origin { host: &[b'|'; 64], interval: b"86400.000" };
    for format in formats::ALL {
        text(|text| format.compose(&counts, &origin, text));
    }
}
