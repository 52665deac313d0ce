//! What has to hold for any bytes, by the part of the library that takes them: the fuzzer (fuzz/) runs these
//! functions on what it thinks of, and the tests on all that it has kept (the module `corpus`).

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

use crate::oracles::check::{self as check_oracle, Numbers, is_percent, shown};
use crate::oracles::command_line as options_oracle;
use crate::oracles::conntrack_table as conntrack_oracle;
use crate::oracles::sock_diag as diag_oracle;
use crate::oracles::socket_table as oracle;
use crate::pieces;
use crate::pieces::{LONGEST_TEXT, fitting_text, text};

/// A table of sockets, behind a byte that is `6` if they are IPv6's, and [sizes](pieces).
pub fn rows(input: &[u8]) {
    let Some((family, input)) = input.split_first() else { return };
    let (file, family) = match family {
        b'6' => (ProcFile::Udp6, Family::Inet6),
        _ => (ProcFile::Tcp, Family::Inet),
    };
    let (pieces, bytes) = pieces(input);
    let outcome = pieces::sockets(family, pieces);
    assert_eq!(outcome, oracle::sockets(bytes, family));
    if let Err((number, head)) = outcome {
        not_a_row(file, number, &head);
    }
}

/// A table of tracked connections behind [sizes](pieces).
pub fn conntrack(input: &[u8]) {
    let (pieces, bytes) = pieces(input);
    let outcome = pieces::flows(pieces);
    assert_eq!(outcome, pieces::flows([bytes]), "where reads end");
    if let Some(expected) = conntrack_oracle::flows(bytes) {
        assert_eq!(outcome, expected);
    }
    if let Err((number, head)) = outcome {
        not_a_row(ProcFile::Conntrack, number, &head);
    }
}

/// A datagram of sock_diag behind a byte that says which dump it is of. It is a kernel's release, too.
pub fn diag(input: &[u8]) {
    let Some((dump, datagram)) = input.split_first() else { return };
    let dump = DumpKind::ALL[usize::from(*dump) % 3];
    let whole = pieces::taken(datagram, dump);
    assert_eq!(whole, diag_oracle::expected(datagram, dump));
    // The kernel may as well hand out its messages one by one.
    let mut sockets = Vec::new();
    let mut rest = datagram;
    let result = loop {
        let length = rest.first_chunk().map_or(0, |length| u32::from_ne_bytes(*length) as usize);
        let (first, others) = match length {
            16.. => rest.split_at(length.next_multiple_of(4).min(rest.len())),
            _ => (rest, &b""[..]),
        };
        let (more, result) = pieces::taken(first, dump);
        sockets.extend(more);
        if result != Ok(false) || others.is_empty() {
            break result;
        }
        rest = others;
    };
    assert_eq!(whole, (sockets, result), "message by message");

    assert_eq!(sock_diag::kernel_dump_is_reliable(datagram), diag_oracle::is_sound(datagram));
}

/// The words of a command line, with null bytes between them.
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
        fill(&mut numbers, 1, 100_000);
    }
    command_line(&words, &numbers);
}

/// Numbers, and KEY=RANGE with null bytes between them to hold these against: a byte whose lowest bit says whether
/// they are of tracked connections; how full the table is, as two numbers of 32 bits; a byte that says how many
/// numbers are counted; for each its group, its name and how many more; and the words.
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
        fill(&mut numbers, entries, limit);
    }

    let mut line: Vec<&[u8]> = if conntrack { vec![b"--conntrack"] } else { Vec::new() };
    for (number, word) in words.split(|&byte| byte == 0).enumerate() {
        let key = Key::parse(subject(conntrack), word);
        let seen = key.map(|key| filled(&numbers).number(key));
        assert_eq!(seen, numbers.number(word), "{}", word.escape_ascii());
        line.extend([if number % 2 == 0 { &b"-w"[..] } else { b"-c" }, word]);
        // By itself, because a word that makes no sense hides the others.
        let alone = [&line[..usize::from(conntrack)], &line[line.len() - 2..]].concat();
        command_line(&alone, &numbers);
    }
    command_line(&line, &numbers);
}

/// The bytes of a table cut into pieces, and whole: the first byte says how many (up to seven) are sizes. The pieces
/// have these in turn.
fn pieces(input: &[u8]) -> (Vec<&[u8]>, &[u8]) {
    let (number, rest) = input.split_first().unwrap_or((&0, b""));
    let number = usize::from(number % 8).min(rest.len());
    let (sizes, table) = rest.split_at(number);
    let mut pieces = Vec::new();
    let mut rest = table;
    // (Each takes time. The first are anywhere in a table, if the sizes are so.)
    for &size in sizes.iter().cycle().take(100) {
        let (piece, others) = rest.split_at(usize::from(size).max(1).min(rest.len()));
        pieces.push(piece);
        rest = others;
    }
    pieces.push(rest);
    (pieces, table)
}

/// What is counted.
fn subject(conntrack: bool) -> Subject {
    if conntrack { Subject::Connections } else { Subject::Sockets }
}

/// What is said of a line that isn't a row.
fn not_a_row(file: ProcFile, number: u32, head: &[u8]) {
    let path = str::from_utf8(file.name()).unwrap();
    let what =
        format!("/\\xff{path}: line {number} is not a row of this table: '{}'\n", shown(head));
    let line = MalformedLine { number, head_length: head.len() as u8 };
    let failure =
        Failure { resource: Resource::ProcFile(file), reason: Reason::MalformedLine(line) };
    let mut queries = Queries::new();
    let plan = Plan { procfs: b"/\xff", ..Plan::new(&mut queries) };
    for (audience, exit_status, before) in AUDIENCES {
        let (message, status) = text(|text| failure.compose(&plan, head, audience, text));
        assert_eq!(status, if audience == Audience::Person { 1 } else { exit_status });
        is_message(&message, &format!("{before}{what}"));
    }
}

/// Who reads a message, the exit status that a command line has for them, and how a message begins.
const AUDIENCES: [(Audience, u8, &str); 2] = [
    (Audience::Person, 2, "network-connections: "),
    (Audience::Monitor, 3, "NETWORK-CONNECTIONS UNKNOWN - "),
];

fn is_message(message: &str, expected: &str) {
    let line = message.strip_suffix('\n').unwrap();
    assert!(line.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{line:?}");
    assert_eq!(message, expected);
}

/// A command line, and what it makes of these numbers.
fn command_line(words: &[&[u8]], numbers: &Numbers) {
    let mut queries = Queries::new();
    let mut plan = Plan::new(&mut queries);
    let parsed = request::parse(words.iter().copied(), &mut plan);
    let expected = options_oracle::Line::parse(words);
    assert_eq!(parsed.request, expected.request());
    let (audience, exit_status, before) = AUDIENCES[usize::from(expected.check)];
    assert_eq!(parsed.audience, audience);
    if let Err(error) = parsed.request {
        let (message, status) = text(|text| error.compose(audience, text));
        assert_eq!(status, exit_status);
        is_message(&message, &format!("{before}{}", options_oracle::message(error)));
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
    let seconds = expected.interval.and_then(options_oracle::natural);
    assert_eq!(plan.seconds().map(|seconds| seconds as u128), seconds);
    select(&plan, &expected);

    let counts = filled(numbers);
    match presentation {
        Presentation::Query => {
            let lines = expected.asked.iter().map(|(key, _)| numbers.number(key).unwrap());
            let lines = lines.map(|number| format!("{number}\n")).collect::<String>();
            assert_eq!(text(|text| query::compose(plan.queries, &counts, text)).0, lines);
        }
        Presentation::Check => {
            let (expected_status, line) = check_oracle::line(&expected.asked, numbers);
            let line = Some(line).filter(|line| line.len() <= LONGEST_TEXT);
            let (seen, status) = fitting_text(|text| check::compose(plan.queries, &counts, text));
            assert_eq!((seen, status as u8), (line, expected_status));
        }
        Presentation::Report(_) => {}
    }
}

/// The sockets that are counted, of such as have the ports that are asked for and such as don't; and the tracked
/// connections.
fn select(plan: &Plan, expected: &options_oracle::Line) {
    let [locals, remotes] = &expected.ports;
    let with_others = |ports: &[u16]| -> Vec<u16> {
        ports.iter().flat_map(|&port| [port, port.wrapping_add(1)]).chain([0, 65535]).collect()
    };
    let (locals, remotes) = (with_others(locals), with_others(remotes));
    let mut sockets = Vec::new();
    for (place, &local) in locals.iter().enumerate() {
        let remote = remotes[place % remotes.len()];
        sockets.extend([(local, remote, false), (local, remote, true)]);
    }
    for (place, &remote) in remotes.iter().enumerate() {
        sockets.push((locals[place % locals.len()], remote, false));
    }
    let is_selected = |&(local, remote, has_no_remote): &(u16, u16, bool)| {
        let [locals, remotes] = &expected.ports;
        (expected.all || !has_no_remote || expected.conntrack)
            && (locals.is_empty() || locals.contains(&local))
            && (remotes.is_empty() || remotes.contains(&remote))
    };
    let mut table = String::from(if expected.conntrack { "" } else { "header\n" });
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
        let mut reader = TableReader::conntrack_table(&mut buffer);
        reader.spare_mut()[..table.len()].copy_from_slice(table.as_bytes());
        reader.consume_connections(table.len(), |row| {
            selected.push(plan.filter.selects_connection(|| row.original_ports()));
        })
    } else {
        let mut reader = TableReader::socket_table(&mut buffer);
        reader.spare_mut()[..table.len()].copy_from_slice(table.as_bytes());
        reader.consume_sockets(table.len(), Family::Inet, |socket| {
            selected.push(plan.filter.selects_socket(&socket));
        })
    }
    .unwrap();
    assert_eq!(selected, sockets.iter().map(is_selected).collect::<Vec<_>>());
}

/// What was counted, as the library has it.
fn counts(numbers: &Numbers) -> Counts {
    let mut counts = Counts::ZERO;
    counts.reset(subject(numbers.conntrack));
    for &(group, name, more) in &numbers.added {
        counts.add(group, name, more);
    }
    counts
}

/// Notes how full the table is, with the percents that the library has for it.
fn fill(numbers: &mut Numbers, entries: u32, limit: u32) {
    let mut counts = counts(numbers);
    counts.table_fill = Some(TableFill { entries, limit });
    let [percent, replied] = ["table.percent", "table.replied_percent"]
        .map(|key| counts.number(Key::parse(Subject::Connections, key.as_bytes()).unwrap()));
    let [all, unreplied] =
        ["all", "all.UNREPLIED"].map(|key| numbers.number(key.as_bytes()).unwrap());
    assert!(is_percent(percent, entries, limit), "{percent}% are {entries} of {limit}");
    let those = all.saturating_sub(unreplied);
    assert!(is_percent(replied, those, limit), "{replied}% are {those} of {limit}");
    numbers.table = [entries, limit, percent, replied];
}

/// The same, and how full the table is.
fn filled(numbers: &Numbers) -> Counts {
    let mut counts = counts(numbers);
    if numbers.conntrack {
        let [entries, limit, ..] = numbers.table;
        counts.table_fill = Some(TableFill { entries, limit });
    }
    counts
}
