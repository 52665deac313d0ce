//! The reader of socket tables, compared with cases and with the oracle.

use network_connections::bytes::swar::WORD_SIZE;
use network_connections::kernel::socket_row::HEAD_LENGTH;
use network_connections::kernel::table_reader::{ReadBuffer, TableReader};
use network_connections::model::socket::Family::{self, Inet, Inet6};
use network_connections::model::socket::State;
use proptest::prelude::*;

use crate::harness::{SMALLEST, read_sockets};
use crate::oracles::Table;
use crate::oracles::socket_table::{self as oracle, Socket};
use crate::samples;
use crate::samples::damage::{cut, cuts, damaged, damages};
use crate::samples::socket_table::{self as socket_samples, ZERO, row};

const HEADER: &[u8] = socket_samples::HEADER.as_bytes();

/// Reads a table with a header and this line.
fn read_line(family: Family, line: &str) -> Table<Socket> {
    read_sockets(family, [HEADER, line.as_bytes(), b"\n"])
}

/// The IPv6 address `::1`.
const SELF: &str = "00000000000000000000000001000000";

#[test]
fn a_row_is_parsed_as_a_socket() {
    let cases = [
        (
            "established",
            "   0: 0100007F:1F90 0200007F:C001 01 00000000:00000000",
            State::Established,
            false,
        ),
        (
            "listening",
            "   1: 00000000:1F90 00000000:0000 0A 00000000:00000000",
            State::Listen,
            true,
        ),
        (
            "a remote port is not a remote address",
            "   2: 0100007F:1F90 00000000:C001 07 0",
            State::Close,
            true,
        ),
        (
            "addresses of a big-endian machine",
            "   3: 7F000001:1F90 7F000001:C001 06 00000000:00000000",
            State::TimeWait,
            false,
        ),
        (
            "only the last digit isn't zero",
            "   4: 0100007F:1F90 00000001:0000 02 ",
            State::SynSent,
            false,
        ),
        (
            "only the first digit isn't zero",
            "   5: 0100007F:1F90 10000000:0000 03 ",
            State::SynRecv,
            false,
        ),
        ("slot of four digits", "9999: 0100007F:1F90 0200007F:C001 04 ", State::FinWait1, false),
        ("slot of five digits", "10000: 0100007F:1F90 0200007F:C001 05 ", State::FinWait2, false),
        (
            "slot of ten digits",
            "2147483647: 0100007F:1F90 0200007F:C001 08 ",
            State::CloseWait,
            false,
        ),
        ("no space before the slot", "0: 0100007F:1F90 0200007F:C001 09 ", State::LastAck, false),
        ("letters", "   0: ABCDEF7F:ABCD ABCDEF7F:EF01 0B ", State::Closing, false),
        (
            "all decimal digits in sl",
            "1234567890: 01234567:8901 23456789:0123 01 ",
            State::Established,
            false,
        ),
        ("nothing after st", "   0: 0100007F:1F90 0200007F:C001 0A", State::Listen, false),
        (
            "a state that the kernel shows as 03",
            "   0: 0100007F:1F90 0200007F:C001 0C ",
            State::Unknown,
            false,
        ),
        (
            "a state that the kernel does not show",
            "   0: 0100007F:1F90 0200007F:C001 0D ",
            State::Unknown,
            false,
        ),
        ("no state", "   0: 0100007F:1F90 0200007F:C001 00 ", State::Unknown, false),
        ("the largest state", "   0: 0100007F:1F90 0200007F:C001 FF ", State::Unknown, false),
        (
            "state A0 is not state 0A",
            "   0: 0100007F:1F90 0200007F:C001 A0 ",
            State::Unknown,
            false,
        ),
    ];
    for (name, row, state, has_no_remote) in cases {
        let sockets = read_line(Inet, row).unwrap();
        let seen = sockets.iter().map(|socket| (socket.state, socket.has_no_remote));
        assert_eq!(seen.collect::<Vec<_>>(), [(state, has_no_remote)], "{name}");
    }
}

#[test]
fn an_ipv6_row_is_parsed_as_a_socket() {
    let last = format!("{}1", &ZERO[1..]);
    let first = format!("1{}", &ZERO[1..]);
    let cases = [
        ("established", SELF, State::Established, false),
        ("unconnected", ZERO, State::Established, true),
        ("only the last digit isn't zero", last.as_str(), State::Established, false),
        ("only the first digit isn't zero", first.as_str(), State::Established, false),
    ];
    for (name, remote, state, has_no_remote) in cases {
        let row = format!("2147483647: {SELF}:1F90 {remote}:C001 01 00000000:00000000");
        let socket = Socket { state, has_no_remote, local_port: 0x1F90, remote_port: 0xC001 };
        assert_eq!(read_line(Inet6, &row), Ok(vec![socket]), "{name}");
    }
}

#[test]
fn a_malformed_line_is_an_error() {
    let cases = [
        ("empty", ""),
        ("spaces", "    "),
        ("a tab before the slot", "\t   0: 0100007F:1F90 0200007F:C001 01 "),
        ("another header", "  sl  local_address rem_address   st"),
        ("words", "hello, world"),
        ("no slot", " 0100007F:1F90 0200007F:C001 01 "),
        ("slot without digits", "   : 0100007F:1F90 0200007F:C001 01 "),
        ("slot without a colon", "   0  0100007F:1F90 0200007F:C001 01 "),
        ("hexadecimal slot", "   A: 0100007F:1F90 0200007F:C001 01 "),
        ("hexadecimal slot of four letters", "FFFF: 0100007F:1F90 0200007F:C001 01 "),
        ("only a slot", "   0:"),
        ("nothing between slot and address", "   0:0100007F:1F90 0200007F:C001 01 "),
        ("local address too short", "   0: 100007F:1F90 0200007F:C001 01 "),
        ("local address too long", "   0: 00100007F:1F90 0200007F:C001 01 "),
        ("local address of IPv6", "   0: 00000000000000000000000001000000:1F90 0200007F:C001 01 "),
        ("local address not hexadecimal", "   0: 0100007G:1F90 0200007F:C001 01 "),
        ("no local port", "   0: 0100007F 0200007F:C001 01 "),
        ("local port too short", "   0: 0100007F:F90 0200007F:C001 01 "),
        ("local port too long", "   0: 0100007F:01F90 0200007F:C001 01 "),
        ("remote address too short", "   0: 0100007F:1F90 200007F:C001 01 "),
        ("remote address not hexadecimal", "   0: 0100007F:1F90 0200007x:C001 01 "),
        ("remote port not hexadecimal", "   0: 0100007F:1F90 0200007F:C0-1 01 "),
        ("no remote address", "   0: 0100007F:1F90"),
        ("no st", "   0: 0100007F:1F90 0200007F:C001"),
        ("no st, but a space", "   0: 0100007F:1F90 0200007F:C001 "),
        ("st of one digit", "   0: 0100007F:1F90 0200007F:C001 1 "),
        ("st of one digit, and the end", "   0: 0100007F:1F90 0200007F:C001 1"),
        ("st of three digits", "   0: 0100007F:1F90 0200007F:C001 001 "),
        ("st of ten digits", "   0: 0100007F:1F90 0200007F:C001 0100000000 "),
        ("lowercase digits", "   0: 0100007f:1F90 0200007F:C001 01 "),
        ("st in lowercase", "   0: 0100007F:1F90 0200007F:C001 0b "),
        ("a space between digits of sl", " 1 0: 0100007F:1F90 0200007F:C001 01 "),
        ("a space after sl", "  1 : 0100007F:1F90 0200007F:C001 01 "),
        ("a colon in sl", "12:3: 0100007F:1F90 0200007F:C001 01 "),
        ("bytes above ASCII in sl", "1\u{e9}0: 0100007F:1F90 0200007F:C001 01 "),
        ("sl of eleven columns", "          0: 0100007F:1F90 0200007F:C001 01 "),
        ("sl of eleven digits", "12345678901: 0100007F:1F90 0200007F:C001 01 "),
        ("st not hexadecimal", "   0: 0100007F:1F90 0200007F:C001 0x "),
        ("st of no hexadecimal digits", "   0: 0100007F:1F90 0200007F:C001 xx "),
        ("a tab", "   0:\t0100007F:1F90 0200007F:C001 01 "),
        ("two spaces", "   0: 0100007F:1F90  0200007F:C001 01 "),
        ("a carriage return", "   0: 0100007F:1F90 0200007F:C001 01\r"),
        ("bytes above ASCII", "   0: 0100007F:1F90 0200007F:C001 0\u{b2} "),
        ("a null byte", "   0: 0100007F:1F90 0200007F\0C001 01 "),
    ];
    for (name, row) in cases {
        assert_eq!(read_line(Inet, row), Err((2, row.into())), "{name}");
    }
    let ipv4 = "   0: 0100007F:1F90 0200007F:C001 01 ";
    assert_eq!(read_line(Inet6, ipv4), Err((2, ipv4.into())), "an IPv4 row among IPv6 rows");
}

#[test]
fn an_error_has_the_number_and_the_head_of_the_line() {
    let row = b"   0: 0100007F:1F90 0200007F:C001 01 \n";
    let long = [b'x'; 2 * HEAD_LENGTH];
    let head = long[..HEAD_LENGTH].to_vec();
    assert_eq!(read_sockets(Inet, [HEADER, row, row, &long, b"\n", row]), Err((4, head.clone())));
    assert_eq!(read_sockets(Inet, [HEADER, row, row, &long]), Err((4, head)), "in the last line");
    let spaces = format!("{:HEAD_LENGTH$}", "");
    let row = format!("{spaces}0: 0100007F:1F90 0200007F:C001 01");
    assert_eq!(read_line(Inet, &row), Err((2, spaces.into())), "sl wider than a head");
}

#[test]
fn the_last_line_needs_no_newline() {
    let socket = Socket {
        state: State::Established,
        has_no_remote: false,
        local_port: 0x1F90,
        remote_port: 0xC001,
    };
    let cases: [(&[u8], Table<Socket>); 7] = [
        (b"", Ok(vec![])),
        (b"   0: 0100007F:1F90 0200007F:C001 01 00000000:0", Ok(vec![socket])),
        (b"   0: 0100007F:1F90 0200007F:C001 01 ", Ok(vec![socket])),
        (b"   0: 0100007F:1F90 0200007F:C001 01", Ok(vec![socket])),
        (
            b"   0: 0100007F:1F90 0200007F:C001 0",
            Err((2, b"   0: 0100007F:1F90 0200007F:C001 0".into())),
        ),
        (b"   0: 0100007F:1F90", Err((2, b"   0: 0100007F:1F90".into()))),
        (b" ", Err((2, b" ".into()))),
    ];
    for (last, expected) in cases {
        assert_eq!(read_sockets(Inet, [HEADER, last]), expected, "{:?}", last.escape_ascii());
    }
}

#[test]
fn a_table_without_the_header_is_an_error() {
    const ROW: &[u8] = b"   0: 0100007F:1F90 0200007F:C001 01 ";
    let spaces = |length| " ".repeat(length).into_bytes();
    let widest = [spaces(HEAD_LENGTH - 3), b"sl".into()].concat();
    for header in [HEADER, b"sl\n", b"   sl  local_address\n", b"sl \xff\0\n", &widest] {
        let header = header.trim_ascii_end();
        let table = [header, b"\n", ROW].concat();
        assert_eq!(read_sockets(Inet, [&table[..]]).map(|sockets| sockets.len()), Ok(1));
        assert_eq!(read_sockets(Inet, table.chunks(1)).map(|sockets| sockets.len()), Ok(1));
        assert_eq!(read_sockets(Inet, [header]), Ok(vec![]), "only a header");
    }
    let too_wide = [spaces(HEAD_LENGTH - 2), b"sl".into()].concat();
    let lines = [
        &b""[..],
        b"s",
        b" s",
        b"Sl",
        b"slabinfo - version: 2.1",
        b"sl\xff",
        b" local_address",
        b"\tsl",
        b"\xff\0",
        ROW,
        &too_wide,
    ];
    for line in lines {
        let expected = Err((1, line[..line.len().min(HEAD_LENGTH)].to_vec()));
        for table in [line, &[line, b"\n"].concat(), &[line, b"\n", ROW, b"\n"].concat()] {
            let shown = table.escape_ascii();
            assert_eq!(read_sockets(Inet, [table]), expected, "{shown}");
            assert_eq!(read_sockets(Inet, table.chunks(1)), expected, "{shown}");
            assert_eq!(oracle::sockets(table, Inet), expected, "{shown}");
        }
    }
}

#[test]
fn lines_may_be_of_any_length() {
    let row = b"   0: 0100007F:1F90 0200007F:C001 01 ";
    // The reader skips zeros, and the search for a newline also stops at
    // uppercase letters.
    for byte in *b"x0A" {
        for length in (0..100).chain([4095, 4096, 4097, 60_000]) {
            let tail = vec![byte; length];
            let table = [&b"sl "[..], &tail, b"\n", row, &tail, b"\n", row, &tail].concat();
            let seen = read_sockets(Inet, [&table[..]]).map(|sockets| sockets.len());
            assert_eq!(seen, Ok(2), "a tail of {length} times {}", byte.escape_ascii());
        }
    }
}

#[test]
fn a_malformed_line_is_an_error_before_its_end() {
    let mut buffer = ReadBuffer::<{ SMALLEST + 64 / WORD_SIZE }>::ZERO;
    let mut reader = TableReader::new(&mut buffer);
    let mut reads = 0;
    let line = loop {
        reads += 1;
        assert!(reads < 5, "expected an error within 4 reads");
        let spare = reader.spare_mut();
        spare.fill(b'x');
        if reads == 1 {
            spare[..3].copy_from_slice(b"sl\n");
        }
        let read_length = spare.len();
        if let Err(line) =
            reader.consume_sockets(read_length, Inet, |_| panic!("expected no socket"))
        {
            break line;
        }
    };
    assert_eq!((line.number, buffer.head(line)), (2, &[b'x'; HEAD_LENGTH][..]));
}

#[test]
fn a_read_may_end_at_any_byte() {
    let tables: [(Family, &[u8]); 4] = [
        (Inet, b"  sl\n   0: 0100007F:1F90 0200007F:C001 011\n"),
        (Inet, b"  sl\n   0: 0100007F:1F90 0200007F:C001 01 x\n 123: 00000000:1F90 00000000:0000 0A\n"),
        (Inet, b"  sl\n   0: 0100007F:1F90 0200007F:C001 01 x\n 123: 00000000:1F90 00000000;0000 0A x\nx"),
        (Inet6, b"  sl\n2147483647: 00000000000000000000000001000000:1F90 00000000000000000000000001000000:C001 01 00000000:00000000\n"),
    ];
    for (family, table) in tables {
        let whole = oracle::sockets(table, family);
        assert_eq!(read_sockets(family, [table]), whole);
        assert_eq!(read_sockets(family, table.chunks(1)), whole, "byte by byte");
        for first in 0..table.len() {
            for second in first..table.len() {
                let chunks = [&table[..first], &table[first..second], &table[second..]];
                assert_eq!(read_sockets(family, chunks), whole, "cut at {first} and {second}");
            }
        }
    }
}

#[test]
fn every_byte_at_every_index_is_parsed_as_by_the_oracle() {
    for family in [Inet, Inet6] {
        let row = match family {
            Inet => "0: 0100007F:1F90 0200007F:C001 01 ".to_string(),
            Inet6 => format!("0: {SELF}:1F90 {ZERO}:C001 01 "),
        };
        // Each case changes two bytes, because the parser compares several
        // bytes at once.
        for index in 0..row.len() - 1 {
            for first in 0..=u8::MAX {
                for second in [row.as_bytes()[index + 1], b'0', b'A', b'g', b' ', 0x7f, 0xff] {
                    let mut row = row.clone().into_bytes();
                    row[index..index + 2].copy_from_slice(&[first, second]);
                    let table = [HEADER, &row].concat();
                    let expected = oracle::sockets(&table, family);
                    assert_eq!(
                        read_sockets(family, [&table[..]]),
                        expected,
                        "{}",
                        row.escape_ascii()
                    );
                }
            }
        }
    }
}

fn family() -> impl Strategy<Value = Family> {
    prop_oneof![Just(Inet), Just(Inet6)]
}

/// Returns tables of rows in the format of the kernel.
fn table(family: Family) -> impl Strategy<Value = Vec<u8>> {
    samples::table(socket_samples::HEADER, row(family))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn the_reader_agrees_with_the_oracle_on_tables(
        (family, table) in family().prop_flat_map(|family| (Just(family), table(family))),
        cuts in cuts(),
    ) {
        let expected = oracle::sockets(&table, family);
        prop_assert!(expected.is_ok());
        prop_assert_eq!(read_sockets(family, cut(&table, &cuts)), expected);
    }

    #[test]
    fn the_reader_agrees_with_the_oracle_on_damaged_tables(
        (family, table) in family().prop_flat_map(|family| (Just(family), table(family))),
        damages in damages(b"\n :0AG"),
        cuts in cuts(),
    ) {
        let table = damaged(table, damages);
        prop_assert_eq!(read_sockets(family, cut(&table, &cuts)), oracle::sockets(&table, family));
    }

    #[test]
    fn the_reader_agrees_with_the_oracle_on_random_bytes(
        family in family(),
        bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(b'\n'), Just(b' ')], 0..1000),
        cuts in cuts(),
    ) {
        let outcome = read_sockets(family, cut(&bytes, &cuts));
        prop_assert_eq!(&outcome, &oracle::sockets(&bytes, family));
        let lines = bytes.iter().filter(|&&byte| byte == b'\n').count();
        prop_assert!(outcome.map_or(0, |sockets| sockets.len()) <= lines);
    }
}
