//! What has to hold for any bytes, by the part of the library that takes them: the fuzzer (fuzz/) runs these
//! functions on what it thinks of, and the tests on all that it has kept (the module `corpus`).

use std::str;

use network_connections::check;
use network_connections::counts::{Counts, Key, SUM, Subject};
use network_connections::diag::{self, Dump};
use network_connections::message::{self, File, Reader, Reason};
use network_connections::options::{Command, Options};
use network_connections::report::{self, Format};
use network_connections::rows::{Buffer, Line, Rows};
use network_connections::swar::WORD;
use network_connections::table::{Family, Table};
use network_connections::text::Text;

use crate::check_oracle::{self, Numbers, is_percent, shown};
use crate::options_oracle::{self, FORMATS};
use crate::{conntrack_oracle, diag_oracle, oracle, read};

/// A table of sockets, behind a byte that is `6` if they are IPv6's, and [sizes](pieces).
pub fn rows(input: &[u8]) {
    let Some((family, input)) = input.split_first() else { return };
    let (table, family) = match family {
        b'6' => (Table::Udp6, Family::Inet6),
        _ => (Table::Tcp4, Family::Inet),
    };
    let (pieces, bytes) = pieces(input);
    let outcome = read::sockets(family, pieces);
    assert_eq!(outcome, oracle::sockets(bytes, family));
    if let Err((number, head)) = outcome {
        not_a_row(table, number, &head);
    }
}

/// A table of tracked connections behind [sizes](pieces).
pub fn conntrack(input: &[u8]) {
    let (pieces, bytes) = pieces(input);
    let outcome = read::flows(pieces);
    assert_eq!(outcome, read::flows([bytes]), "where reads end");
    if let Some(expected) = conntrack_oracle::flows(bytes) {
        assert_eq!(outcome, expected);
    }
    if let Err((number, head)) = outcome {
        not_a_row(Table::Conntrack, number, &head);
    }
}

/// A datagram of sock_diag behind a byte that says which dump it is of. It is a kernel's release, too.
pub fn diag(input: &[u8]) {
    let Some((dump, datagram)) = input.split_first() else { return };
    let dump = Dump::ALL[usize::from(*dump) % 3];
    let whole = read::taken(datagram, dump);
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
        let (more, result) = read::taken(first, dump);
        sockets.extend(more);
        if result != Ok(false) || others.is_empty() {
            break result;
        }
        rest = others;
    };
    assert_eq!(whole, (sockets, result), "message by message");

    assert_eq!(diag::is_sound(datagram), diag_oracle::is_sound(datagram));
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
        let key = Key::parse(Subject::of(conntrack), word);
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

/// What is said of a line that isn't a row.
fn not_a_row(table: Table, number: u32, head: &[u8]) {
    let file = File { directory: b"/\xff", path: table.file() };
    let path = str::from_utf8(table.file()).unwrap();
    let what =
        format!("/\\xff{path}: line {number} is not a row of this table: '{}'\n", shown(head));
    for (reader, exit_status, before) in READERS {
        let mut text = Text::new();
        let reason = Reason::not_a_row(Line { number, head });
        let told = message::failure(&file, &reason, reader, &mut text);
        assert_eq!(told.exit_status, if reader == Reader::Person { 1 } else { exit_status });
        is_message(&text, &format!("{before}{what}"));
    }
}

/// Who reads a message, the exit status that a command line has for them, and how a message begins.
const READERS: [(Reader, u8, &str); 2] = [
    (Reader::Person, 2, "network-connections: "),
    (Reader::Monitor, 3, "NETWORK-CONNECTIONS UNKNOWN - "),
];

fn is_message(text: &Text, expected: &str) {
    let text = text.complete().expect("a message fits");
    let (newline, line) = text.split_last().unwrap();
    assert!(*newline == b'\n' && line.iter().all(|byte| matches!(byte, b' '..=b'~')), "{line:?}");
    assert_eq!(text, expected.as_bytes(), "{}", text.escape_ascii());
}

/// A command line, and what it makes of these numbers.
fn command_line(words: &[&[u8]], numbers: &Numbers) {
    let mut options = Options::default();
    options.parse(words.iter().copied());
    let expected = options_oracle::Line::parse(words);
    assert_eq!(options.command, expected.command());
    assert_eq!(options.check, expected.check);
    let (reader, exit_status, before) = READERS[usize::from(expected.check)];
    assert_eq!(options.reader(), reader);
    if let Command::Wrong(usage) = options.command {
        let mut text = Text::new();
        assert_eq!(message::usage(usage, reader, &mut text).exit_status, exit_status);
        is_message(&text, &format!("{before}{}", options_oracle::message(usage)));
    }
    if options.command != Command::Count {
        return;
    }

    assert_eq!(options.path, expected.path);
    assert_eq!(options.procfs(), expected.path.unwrap_or(b"/proc"));
    assert_eq!(options.conntrack, expected.conntrack);
    assert_eq!(options.all, expected.all);
    assert_eq!(options.source, expected.source());
    assert_eq!(options.ports.each_ref().map(|ports| ports.to_vec()), expected.ports);
    let format = expected.format.map(|name| FORMATS.iter().position(|it| *it == name).unwrap());
    assert_eq!(options.format, format.map(|place| &Format::ALL[place]));
    assert_eq!(options.query, expected.query);
    assert_eq!(options.output, expected.output);
    assert_eq!(options.interval, expected.interval);
    let seconds = expected.interval.and_then(options_oracle::natural);
    assert_eq!(options.seconds().map(|seconds| seconds as u128), seconds);
    select(&options, &expected);

    let counts = filled(numbers);
    let mut text = Text::new();
    if options.query {
        report::query(&options.asked, &counts, &mut text);
        let lines = expected.asked.iter().map(|(key, _)| numbers.number(key).unwrap());
        is_text(&text, &lines.map(|number| format!("{number}\n")).collect::<String>());
    } else if options.check {
        let status = check::compose(&options.asked, &counts, &mut text);
        let (expected_status, line) = check_oracle::line(&expected.asked, numbers);
        assert_eq!(status, expected_status, "{line}");
        is_text(&text, &line);
    }
}

/// A text is complete if there is room for all of it.
fn is_text(text: &Text, expected: &str) {
    let mut room = Text::new();
    room.push(expected.as_bytes());
    assert!(text.complete() == room.complete(), "{}, not {expected}", text.fitted().escape_ascii());
}

/// The sockets that are counted, of such as have the ports that are asked for and such as don't; and the tracked
/// connections.
fn select(options: &Options, expected: &options_oracle::Line) {
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
    let is_selected = |&(local, remote, remote_is_zero): &(u16, u16, bool)| {
        let [locals, remotes] = &expected.ports;
        (expected.all || !remote_is_zero || expected.conntrack)
            && (locals.is_empty() || locals.contains(&local))
            && (remotes.is_empty() || remotes.contains(&remote))
    };
    let mut table = String::from(if expected.conntrack { "" } else { "header\n" });
    for (local, remote, remote_is_zero) in &sockets {
        table += &match expected.conntrack {
            true => format!("ipv4     2 udp      17 9 src=1 sport={local} dport={remote} src=2\n"),
            false => {
                let address = if *remote_is_zero { 0 } else { 1 };
                format!("   0: 00000000:{local:04X} {address:08X}:{remote:04X} 01 0\n")
            }
        };
    }
    let mut buffer = Buffer::<{ 8192 / WORD }>::NEW;
    let mut rows =
        Rows::new(&mut buffer, if expected.conntrack { Table::Conntrack } else { Table::Tcp4 });
    rows.room()[..table.len()].copy_from_slice(table.as_bytes());
    let mut selected = Vec::new();
    match expected.conntrack {
        true => rows.take_tracked(table.len(), |it| selected.push(options.select_tracked(&it))),
        false => rows.take(table.len(), |it| selected.push(options.select(&it))),
    }
    .unwrap();
    assert_eq!(selected, sockets.iter().map(is_selected).collect::<Vec<_>>());
}

/// What was counted, as the library has it.
fn counts(numbers: &Numbers) -> Counts {
    let mut counts = Counts::NONE;
    counts.clear(numbers.conntrack);
    for &(group, name, more) in &numbers.added {
        counts.add(group, name, more);
        // What has no state.
        counts.add(group, SUM, more);
    }
    counts
}

/// Notes how full the table is, with the percents that the library has for it.
fn fill(numbers: &mut Numbers, entries: u32, limit: u32) {
    let mut counts = counts(numbers);
    counts.fill(entries, limit);
    let [percent, replied] = ["table.percent", "table.replied_percent"]
        .map(|key| counts.number(Key::parse(&Subject::CONNTRACK, key.as_bytes()).unwrap()));
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
        counts.fill(numbers.table[0], numbers.table[1]);
    }
    counts
}
