//! Properties that hold for any input: one function for each fuzz target. The
//! fuzzer in fuzz/ calls the functions with new inputs. The module `corpus`
//! calls the functions with the inputs that the fuzzer has kept.

use std::str;

use network_connections::bytes::swar::WORD_SIZE;
use network_connections::cli::audience::Audience;
use network_connections::cli::failure::{Failure, Reason, Resource};
use network_connections::cli::request::{self, Plan, Presentation, Queries, Request};
use network_connections::kernel::proc_file::ProcFile;
use network_connections::kernel::sock_diag::{self, DumpKind};
use network_connections::kernel::table_reader::{MalformedLine, ReadBuffer, TableReader};
use network_connections::model::connection::TableFill;
use network_connections::model::counts::Counts;
use network_connections::model::key::Key;
use network_connections::model::schema::Subject;
use network_connections::model::socket::Family;
use network_connections::output::{check, formats, query};

use crate::harness::{
    LONGEST_TEXT, parse_datagram, read_flows, read_sockets, text, text_if_fitting,
};
use crate::oracles::check::{self as check_oracle, Numbers, is_percent, shown};
use crate::oracles::command_line as options_oracle;
use crate::oracles::conntrack_table as conntrack_oracle;
use crate::oracles::sock_diag as diag_oracle;
use crate::oracles::socket_table as socket_oracle;

/// Asserts that the table reader agrees with the oracle on a table of sockets.
///
/// The first byte is `6` for a table of IPv6. The [lengths of
/// chunks](split_chunks) and the table follow.
pub fn rows(input: &[u8]) {
    let Some((family, input)) = input.split_first() else { return };
    let (file, family) = match family {
        b'6' => (ProcFile::Udp6, Family::Inet6),
        _ => (ProcFile::Tcp, Family::Inet),
    };
    let (chunks, bytes) = split_chunks(input);
    let table = read_sockets(family, chunks.iter().copied());
    assert_eq!(table, socket_oracle::sockets(bytes, family));
    if let Err((number, head)) = table {
        assert_malformed_line(file, number, &head);
    }
    // These bytes make every first line a header.
    let with_header = [b"sl ", bytes].concat();
    let table = read_sockets(family, [&b"sl "[..]].into_iter().chain(chunks));
    assert_eq!(table, socket_oracle::sockets(&with_header, family));
    if let Err((number, head)) = table {
        assert_malformed_line(file, number, &head);
    }
}

/// Asserts that the table reader agrees with the oracle on a table of tracked
/// connections, and that reads may end at any byte.
///
/// The input begins with the [lengths of chunks](split_chunks). The table
/// follows.
pub fn conntrack(input: &[u8]) {
    let (chunks, bytes) = split_chunks(input);
    let table = read_flows(chunks);
    assert_eq!(table, read_flows([bytes]), "expected the same result from one read");
    if let Some(expected) = conntrack_oracle::flows(bytes) {
        assert_eq!(table, expected);
    }
    if let Err((number, head)) = table {
        assert_malformed_line(ProcFile::Conntrack, number, &head);
    }
}

/// Asserts that the parser agrees with the oracle on a datagram of sock_diag,
/// and on each message of the datagram. Asserts the same for the datagram's
/// bytes as a release of the kernel.
///
/// The first byte selects the dump. The datagram follows.
pub fn diag(input: &[u8]) {
    let Some((dump, datagram)) = input.split_first() else { return };
    let dump = DumpKind::ALL[usize::from(*dump) % 3];
    let whole = parse_datagram(datagram, dump);
    assert_eq!(whole, diag_oracle::parse_datagram(datagram, dump));
    // The kernel may also send each message in a datagram of its own.
    let mut sockets = Vec::new();
    let mut rest = datagram;
    let result = loop {
        let length = rest.first_chunk().map_or(0, |length| u32::from_ne_bytes(*length) as usize);
        let (first, others) = match length {
            16.. => rest.split_at(length.next_multiple_of(4).min(rest.len())),
            _ => (rest, &b""[..]),
        };
        let (more, result) = parse_datagram(first, dump);
        sockets.extend(more);
        if result != Ok(false) || others.is_empty() {
            break result;
        }
        rest = others;
    };
    assert_eq!(whole, (sockets, result), "expected the same result message by message");

    assert_eq!(
        sock_diag::kernel_dump_is_reliable(datagram),
        diag_oracle::kernel_dump_is_reliable(datagram)
    );
}

/// Asserts that the library agrees with the oracle on a command line.
///
/// Null bytes separate the words of the command line.
pub fn options(input: &[u8]) {
    let words: Vec<&[u8]> = input.split(|&byte| byte == 0).collect();
    let conntrack = options_oracle::Line::parse(&words).conntrack;
    let mut numbers = Numbers { conntrack, added: Vec::new(), table: [0; 4] };
    for group in 0..numbers.groups().len() {
        for name in 0..numbers.names().len() {
            let more = numbers.added.len() as u32 * 3 + 1;
            numbers.added.push((group, name, more));
        }
    }
    if conntrack {
        set_table_fill(&mut numbers, 1, 100_000);
    }
    assert_command_line(&words, &numbers);
}

/// Asserts that the library agrees with the oracle on keys, and on checks of
/// numbers.
///
/// The input has these parts. Numbers of 32 bits are little-endian.
///
/// - A byte. The lowest bit is set for tracked connections.
/// - The entries and the limit of the table, 32 bits each.
/// - A byte: the number of records.
/// - Each record: a byte for the group, a byte for the column, and 32 bits for
///   the number to add.
/// - The thresholds KEY=RANGE. Null bytes separate the thresholds.
pub fn ranges(input: &[u8]) {
    let Some((head, rest)) = input.split_first_chunk::<10>() else { return };
    let [kind, table @ .., added] = *head;
    let conntrack = kind & 1 != 0;
    let [a, b, c, d, e, f, g, h] = table;
    let [entries, limit] = [[a, b, c, d], [e, f, g, h]].map(u32::from_le_bytes);
    let mut numbers = Numbers { conntrack, added: Vec::new(), table: [0; 4] };
    let Some((records, words)) = rest.split_at_checked(usize::from(added) * 6) else { return };
    for record in records.chunks_exact(6) {
        let [group, name, a, b, c, d] = *record else { unreachable!() };
        let group = usize::from(group) % numbers.groups().len();
        let name = usize::from(name) % numbers.names().len();
        numbers.added.push((group, name, u32::from_le_bytes([a, b, c, d])));
    }
    if conntrack {
        set_table_fill(&mut numbers, entries, limit);
    }

    let mut line: Vec<&[u8]> = if conntrack { vec![b"--conntrack"] } else { Vec::new() };
    for (number, word) in words.split(|&byte| byte == 0).enumerate() {
        let key = Key::parse(subject(conntrack), word);
        let seen = key.map(|key| counts_with_fill(&numbers).number(key));
        assert_eq!(seen, numbers.number(word), "{}", word.escape_ascii());
        line.extend([if number % 2 == 0 { &b"-w"[..] } else { b"-c" }, word]);
        // Each threshold also has a command line of its own, because the first
        // error hides the errors of later thresholds.
        let single = [&line[..usize::from(conntrack)], &line[line.len() - 2..]].concat();
        assert_command_line(&single, &numbers);
    }
    assert_command_line(&line, &numbers);
}

/// Splits an input into the chunks of a table. Returns the chunks, and the
/// whole table.
///
/// The first byte modulo 8 is the number of lengths. The lengths follow, one
/// byte each. The rest is the table. The chunks have these lengths in turn.
fn split_chunks(input: &[u8]) -> (Vec<&[u8]>, &[u8]) {
    let (number, rest) = input.split_first().unwrap_or((&0, b""));
    let number = usize::from(number % 8).min(rest.len());
    let (lengths, table) = rest.split_at(number);
    let mut chunks = Vec::new();
    let mut rest = table;
    // After 100 chunks, the rest is one chunk, because each chunk takes time.
    for &length in lengths.iter().cycle().take(100) {
        let (chunk, others) = rest.split_at(usize::from(length).max(1).min(rest.len()));
        chunks.push(chunk);
        rest = others;
    }
    chunks.push(rest);
    (chunks, table)
}

fn subject(conntrack: bool) -> Subject {
    if conntrack { Subject::Connections } else { Subject::Sockets }
}

/// Asserts that the message about a malformed line names the file and the line,
/// and shows the head of the line.
fn assert_malformed_line(file: ProcFile, number: u32, head: &[u8]) {
    let path = str::from_utf8(file.name()).unwrap();
    let is_header = number == 1 && file != ProcFile::Conntrack;
    let what = if is_header { "the header of a socket table" } else { "a row of this table" };
    let reason = format!("/\\xff/{path}: line {number} is not {what}: '{}'\n", shown(head));
    let line = MalformedLine { number, head_length: head.len() as u8 };
    let failure =
        Failure { resource: Resource::ProcFile(file), reason: Reason::MalformedLine(line) };
    let mut queries = Queries::new();
    let plan = Plan { procfs: b"/\xff", ..Plan::new(&mut queries) };
    for (audience, exit_status, prefix) in AUDIENCES {
        let (message, status) = text(|text| failure.compose(&plan, head, audience, text));
        assert_eq!(status, if audience == Audience::Person { 1 } else { exit_status });
        assert_message(&message, &format!("{prefix}{reason}"));
    }
}

/// Each reader of a message, the exit status of a usage error for this reader,
/// and the start of the message.
const AUDIENCES: [(Audience, u8, &str); 2] = [
    (Audience::Person, 2, "network-connections: "),
    (Audience::Monitor, 3, "NETWORK-CONNECTIONS UNKNOWN - "),
];

/// Asserts that a message is one line of printable ASCII, and is as expected.
fn assert_message(message: &str, expected: &str) {
    let line = message.strip_suffix('\n').unwrap();
    assert!(line.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{line:?}");
    assert_eq!(message, expected);
}

/// Asserts that the library agrees with the oracle on a command line: on the
/// plan or the error, on the selected sockets or connections, and on the output
/// for these numbers.
fn assert_command_line(words: &[&[u8]], numbers: &Numbers) {
    let mut queries = Queries::new();
    let mut plan = Plan::new(&mut queries);
    let parsed = request::parse(words.iter().copied(), &mut plan);
    let expected = options_oracle::Line::parse(words);
    assert_eq!(parsed.request, expected.request());
    let (audience, exit_status, prefix) = AUDIENCES[usize::from(expected.check)];
    assert_eq!(parsed.audience, audience);
    if let Err(error) = parsed.request {
        let (message, status) = text(|text| error.compose(audience, text));
        assert_eq!(status, exit_status);
        assert_message(&message, &format!("{prefix}{}", options_oracle::message(error)));
    }
    if parsed.request != Ok(Request::Count) {
        return;
    }

    assert_eq!(plan.procfs, expected.path.unwrap_or(b"/proc"));
    assert_eq!(plan.subject, subject(expected.conntrack));
    assert_eq!(plan.filter.all, expected.all);
    assert_eq!(plan.source, expected.source());
    let ports = [&plan.filter.local_ports, &plan.filter.remote_ports];
    assert_eq!(ports.map(|ports| ports.to_vec()), expected.ports);
    let presentation = match expected.format.unwrap_or("json") {
        _ if expected.query => Presentation::Query,
        _ if expected.check => Presentation::Check,
        name => Presentation::Report(formats::from_name(name.as_bytes()).unwrap()),
    };
    assert_eq!(plan.presentation, presentation);
    assert_eq!(plan.output, expected.output);
    assert_eq!(plan.interval, expected.interval);
    assert_eq!(plan.timeout.map(|seconds| seconds as u128), expected.timeout);
    let seconds = expected.interval.and_then(options_oracle::natural);
    assert_eq!(plan.seconds().map(|seconds| seconds as u128), seconds);
    assert_filter(&plan, &expected);

    let counts = counts_with_fill(numbers);
    match presentation {
        Presentation::Query => {
            let lines = expected.asked.iter().map(|(key, _)| numbers.number(key).unwrap());
            let lines = lines.map(|number| format!("{number}\n")).collect::<String>();
            assert_eq!(text(|text| query::compose(plan.queries, &counts, text)).0, lines);
        }
        Presentation::Check => {
            let (expected_status, line) = check_oracle::line(&expected.asked, numbers);
            let line = Some(line).filter(|line| line.len() <= LONGEST_TEXT);
            let (seen, status) =
                text_if_fitting(|text| check::compose(plan.queries, &counts, text));
            assert_eq!((seen, status as u8), (line, expected_status));
        }
        Presentation::Report(_) => {}
    }
}

/// Asserts that the filter of a plan selects the expected sockets or
/// connections. Some of these have the ports of the filter, and some have other
/// ports.
fn assert_filter(plan: &Plan, expected: &options_oracle::Line) {
    let [locals, remotes] = &expected.ports;
    let with_others = |ports: &[u16]| -> Vec<u16> {
        ports.iter().flat_map(|&port| [port, port.wrapping_add(1)]).chain([0, 65535]).collect()
    };
    let (locals, remotes) = (with_others(locals), with_others(remotes));
    let mut sockets = Vec::new();
    for (index, &local) in locals.iter().enumerate() {
        let remote = remotes[index % remotes.len()];
        sockets.extend([(local, remote, false), (local, remote, true)]);
    }
    for (index, &remote) in remotes.iter().enumerate() {
        sockets.push((locals[index % locals.len()], remote, false));
    }
    let is_selected = |&(local, remote, has_no_remote): &(u16, u16, bool)| {
        let [locals, remotes] = &expected.ports;
        (expected.all || !has_no_remote || expected.conntrack)
            && (locals.is_empty() || locals.contains(&local))
            && (remotes.is_empty() || remotes.contains(&remote))
    };
    // The table reader accepts every line that begins with the word "sl".
    let mut table = String::from(if expected.conntrack { "" } else { "sl\n" });
    for (local, remote, has_no_remote) in &sockets {
        table += &match expected.conntrack {
            true => format!("ipv4     2 udp      17 9 src=1 sport={local} dport={remote} src=2\n"),
            false => {
                let address = if *has_no_remote { 0 } else { 1 };
                format!("   0: 00000000:{local:04X} {address:08X}:{remote:04X} 01 0\n")
            }
        };
    }
    let mut buffer = ReadBuffer::<{ 8192 / WORD_SIZE }>::ZERO;
    let mut selected = Vec::new();
    if expected.conntrack {
        let mut reader = TableReader::new(&mut buffer);
        reader.spare_mut()[..table.len()].copy_from_slice(table.as_bytes());
        reader.consume_connections(table.len(), |row| {
            selected.push(plan.filter.selects_connection(|| row.original_ports()));
        })
    } else {
        let mut reader = TableReader::new(&mut buffer);
        reader.spare_mut()[..table.len()].copy_from_slice(table.as_bytes());
        reader.consume_sockets(table.len(), Family::Inet, |socket| {
            selected.push(plan.filter.selects_socket(&socket));
        })
    }
    .unwrap();
    assert_eq!(selected, sockets.iter().map(is_selected).collect::<Vec<_>>());
}

/// Returns these numbers as counts of the library, without the fill of the
/// table.
fn counts(numbers: &Numbers) -> Counts {
    let mut counts = Counts::ZERO;
    counts.reset(subject(numbers.conntrack));
    for &(group, name, more) in &numbers.added {
        counts.add(group, name, more);
    }
    counts
}

/// Sets the fill of the table, and the percentages that the library computes
/// from the fill. Asserts that the percentages are right.
fn set_table_fill(numbers: &mut Numbers, entries: u32, limit: u32) {
    let mut counts = counts(numbers);
    counts.table_fill = Some(TableFill { entries, limit });
    let [percent, replied] = ["table.percent", "table.replied_percent"]
        .map(|key| counts.number(Key::parse(Subject::Connections, key.as_bytes()).unwrap()));
    let [all, unreplied] =
        ["all", "all.UNREPLIED"].map(|key| numbers.number(key.as_bytes()).unwrap());
    assert!(
        is_percent(percent, entries, limit),
        "expected the percentage of {entries} in {limit}, not {percent}"
    );
    let replies = all.saturating_sub(unreplied);
    assert!(
        is_percent(replied, replies, limit),
        "expected the percentage of {replies} in {limit}, not {replied}"
    );
    numbers.table = [entries, limit, percent, replied];
}

/// Returns these numbers as counts of the library.
fn counts_with_fill(numbers: &Numbers) -> Counts {
    let mut counts = counts(numbers);
    if numbers.conntrack {
        let [entries, limit, ..] = numbers.table;
        counts.table_fill = Some(TableFill { entries, limit });
    }
    counts
}
