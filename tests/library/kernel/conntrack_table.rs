//! The reader of tracked connections: cases by hand, then whatever proptest thinks of, against the oracle.

use std::fs;

use network_connections::bytes::swar::WORD_SIZE;
use network_connections::cli::request::{self, Plan, Queries};
use network_connections::kernel::socket_row::{HEAD_LENGTH, WINDOW};
use network_connections::kernel::table_reader::{ReadBuffer, TableReader};
use proptest::prelude::*;

use crate::oracles::conntrack_table::{self as conntrack_oracle, Flow, Outcome, STATES, STATUSES};
use crate::pieces::{SMALL, flows, flows_in};
use crate::samples::conntrack_table::{fixtures, row};
use crate::samples::damage::{cut, damage, damaged, places};

/// What the reader makes of this one line.
fn line(line: &str) -> Outcome {
    flows([line.as_bytes(), b"\n"])
}

/// A connection whose ports are 40000 and 443.
fn flow(group: &'static str, state: &'static str, status: &'static str) -> Flow {
    let state = Some(state).filter(|state| !state.is_empty());
    Flow { group, state, status, ports: [Some(40000), Some(443)] }
}

/// One without ports.
fn portless(group: &'static str, status: &'static str) -> Flow {
    Flow { ports: [None; 2], ..flow(group, "", status) }
}

const TUPLE: &str = "src=192.0.2.1 dst=198.51.100.2 sport=40000 dport=443";
const REPLY: &str = "src=198.51.100.2 dst=203.0.113.3 sport=443 dport=1024";
const TUPLE6: &str = "src=2001:0db8:0000:0000:0000:0000:0000:0001 \
                      dst=2001:0db8:0000:0000:0000:0000:0000:0002 sport=40000 dport=443";
const REPLY6: &str = "src=2001:0db8:0000:0000:0000:0000:0000:0002 \
                      dst=2001:0db8:0000:0000:0000:0000:0000:0003 sport=443 dport=1024";
const ADDRESSES: &str = "src=192.0.2.1 dst=192.0.2.2";

#[test]
fn rows_are_connections() {
    let cases = [
        // TCP, with accounting and all the rest that may be on.
        (
            format!(
                "ipv4     2 tcp      6 431999 ESTABLISHED {TUPLE} packets=7 bytes=1024 {REPLY} \
                 packets=5 bytes=700 [ASSURED] mark=0 secmark=0 use=1"
            ),
            flow("tcp4", "ESTABLISHED", "ASSURED"),
        ),
        (
            format!(
                "ipv4     2 tcp      6 119 SYN_SENT {TUPLE} packets=1 bytes=60 [UNREPLIED] {REPLY} \
                 packets=0 bytes=0 mark=0 secctx=system_u:object_r:unlabeled_t:s0 zone=3 \
                 delta-time=1 use=2"
            ),
            flow("tcp4", "SYN_SENT", "UNREPLIED"),
        ),
        (
            format!("ipv4     2 tcp      6 59 SYN_RECV {TUPLE} {REPLY} use=1"),
            flow("tcp4", "SYN_RECV", "REPLIED"),
        ),
        (
            format!("ipv6     10 tcp      6 9 CLOSE {TUPLE6} {REPLY6} [ASSURED] mark=0 use=1"),
            flow("tcp6", "CLOSE", "ASSURED"),
        ),
        (
            format!("ipv6     10 tcp      6 99 TIME_WAIT {TUPLE6} {REPLY6} mark=0 zone=0 use=1"),
            flow("tcp6", "TIME_WAIT", "REPLIED"),
        ),
        // Timestamps, as some kernels have them.
        (
            format!(
                "ipv4     2 tcp      6 99 LAST_ACK {TUPLE} {REPLY} [ASSURED] mark=0 delta-time=4711 \
                 [start=Wed Nov 25 2026] [stop=Wed Nov 25 2026] use=1"
            ),
            flow("tcp4", "LAST_ACK", "ASSURED"),
        ),
        // Offloaded: neither time nor state.
        (
            format!("ipv4     2 tcp      6 {TUPLE} {REPLY} [OFFLOAD] mark=0 zone=0 use=3"),
            flow("tcp4", "UNKNOWN", "OFFLOAD"),
        ),
        (
            format!("ipv6     10 tcp      6 {TUPLE6} {REPLY6} [HW_OFFLOAD] mark=0 use=3"),
            flow("tcp6", "UNKNOWN", "HW_OFFLOAD"),
        ),
        (
            format!("ipv4     2 udp      17 {TUPLE} {REPLY} [HW_OFFLOAD] mark=0 use=3"),
            flow("udp4", "", "HW_OFFLOAD"),
        ),
        (
            format!("ipv6     10 udp      17 {TUPLE6} {REPLY6} [OFFLOAD] mark=0 use=3"),
            flow("udp6", "", "OFFLOAD"),
        ),
        // Two of them in one row: the last counts.
        (
            format!("ipv4     2 udp      17 {TUPLE} [UNREPLIED] {REPLY} [HW_OFFLOAD] mark=0 use=2"),
            flow("udp4", "", "HW_OFFLOAD"),
        ),
        (
            format!("ipv4     2 udp      17 {TUPLE} [UNREPLIED] {REPLY} [OFFLOAD] mark=0 use=2"),
            flow("udp4", "", "OFFLOAD"),
        ),
        (
            format!(
                "ipv4     2 tcp      6 599 ESTABLISHED {TUPLE} [UNREPLIED] {REPLY} [ASSURED] use=2"
            ),
            flow("tcp4", "ESTABLISHED", "ASSURED"),
        ),
        // UDP.
        (
            format!("ipv4     2 udp      17 29 {TUPLE} [UNREPLIED] {REPLY} mark=0 zone=3 use=2"),
            flow("udp4", "", "UNREPLIED"),
        ),
        (
            format!(
                "ipv4     2 udp      17 179 {TUPLE} zone-orig=1 packets=1 bytes=60 {REPLY} \
                 zone-reply=2 packets=1 bytes=60 [ASSURED] mark=4294967295 use=2"
            ),
            flow("udp4", "", "ASSURED"),
        ),
        (
            format!("ipv6     10 udp      17 29 {TUPLE6} {REPLY6} mark=0 use=2"),
            flow("udp6", "", "REPLIED"),
        ),
        // Other protocols, some with words where TCP has its state.
        (
            format!("ipv4     2 sctp     132 432000 ESTABLISHED {TUPLE} {REPLY} [ASSURED] use=1"),
            flow("other4", "", "ASSURED"),
        ),
        (
            format!("ipv6     10 sctp     132 9 CLOSED {TUPLE6} {REPLY6} use=1"),
            flow("other6", "", "REPLIED"),
        ),
        (
            format!("ipv4     2 dccp     33 479 REQUEST {TUPLE} [UNREPLIED] {REPLY} use=1"),
            flow("other4", "", "UNREPLIED"),
        ),
        (
            format!("ipv4     2 udplite  136 29 {TUPLE} {REPLY} use=1"),
            flow("other4", "", "REPLIED"),
        ),
        (
            format!(
                "ipv4     2 icmp     1 29 {ADDRESSES} type=8 code=0 id=7 [UNREPLIED] {ADDRESSES} \
                 type=0 code=0 id=7 mark=0 use=1"
            ),
            portless("other4", "UNREPLIED"),
        ),
        (
            format!(
                "ipv6     10 icmpv6   58 29 {ADDRESSES} type=128 code=0 id=7 {ADDRESSES} type=129 \
                 code=0 id=7 mark=0 use=1"
            ),
            portless("other6", "REPLIED"),
        ),
        (
            format!(
                "ipv4     2 gre      47 29 timeout=30, stream_timeout=180 {ADDRESSES} srckey=0x0 \
                 dstkey=0x1 {ADDRESSES} srckey=0x1 dstkey=0x0 [ASSURED] use=1"
            ),
            portless("other4", "ASSURED"),
        ),
        (
            format!(
                "ipv6     10 gre      47 timeout=30, stream_timeout=180 {ADDRESSES} srckey=0x0 \
                 dstkey=0x1 {ADDRESSES} srckey=0x1 dstkey=0x0 [OFFLOAD] use=1"
            ),
            portless("other6", "OFFLOAD"),
        ),
        (
            format!("ipv4     2 unknown  2 599 {ADDRESSES} [UNREPLIED] {ADDRESSES} use=1"),
            portless("other4", "UNREPLIED"),
        ),
        // The number tells what it is, because the name is not known to every kernel.
        (
            format!("ipv4     2 unknown  6 9 CLOSE {TUPLE} {REPLY} use=1"),
            flow("tcp4", "CLOSE", "REPLIED"),
        ),
        (
            format!("ipv4     2 tcp      17 9 CLOSE {TUPLE} {REPLY} use=1"),
            flow("udp4", "", "REPLIED"),
        ),
        (
            format!("ipv4     2 tcp      66 9 CLOSE {TUPLE} {REPLY} use=1"),
            flow("other4", "", "REPLIED"),
        ),
        (format!("ipv4     2 tcp      178 9 CLOSE {TUPLE} {REPLY} use=1"), {
            flow("other4", "", "REPLIED")
        }),
        (
            format!("ipv4     2 unknown  0 9 CLOSE {TUPLE} {REPLY} use=1"),
            flow("other4", "", "REPLIED"),
        ),
    ];
    for (row, expected) in cases {
        assert_eq!(line(&row), Ok(vec![expected.clone()]), "{row}");
        let oracle = conntrack_oracle::flows(row.as_bytes());
        assert_eq!(oracle, Some(Ok(vec![expected])), "the oracle: {row}");
    }
}

#[test]
fn every_state_is_known_and_no_other_word() {
    for state in STATES {
        let row = format!("ipv4     2 tcp      6 1 {state} {TUPLE} {REPLY} use=1");
        assert_eq!(line(&row), Ok(vec![flow("tcp4", state, "REPLIED")]));
        let shorter = state[..state.len() - 1].to_string();
        let longer = [format!("{state}2"), format!("x{state}"), format!("{state}]"), shorter];
        for other in longer.into_iter().chain([state.to_lowercase(), format!("[{state}]")]) {
            if STATES.contains(&other.as_str()) {
                continue;
            }
            let row = format!("ipv6     10 tcp      6 1 {other} {TUPLE6} {REPLY6} use=1");
            assert_eq!(line(&row), Ok(vec![flow("tcp6", "UNKNOWN", "REPLIED")]), "{other}");
        }
    }
    for other in ["LISTEN", "IGNORE", "RETRANS", "UNACK", "MAX", "FIN_WAIT1", "ASSURED"] {
        let row = format!("ipv4     2 tcp      6 1 {other} {TUPLE} {REPLY} use=1");
        assert_eq!(line(&row), Ok(vec![flow("tcp4", "UNKNOWN", "REPLIED")]), "{other}");
    }
}

#[test]
fn every_status_is_known_and_no_other_word() {
    for status in STATUSES.into_iter().filter(|status| *status != "REPLIED") {
        let row = format!("ipv6     10 tcp      6 1 CLOSE {TUPLE6} {REPLY6} [{status}] use=1");
        assert_eq!(line(&row), Ok(vec![flow("tcp6", "CLOSE", status)]));
        let others = [
            status.to_string(),
            format!("[{status}"),
            format!("{status}]"),
            format!("[[{status}]]"),
            format!("[{status}]x"),
            format!("x[{status}]"),
            format!("[{}]", status.to_lowercase()),
            format!("[ {status} ]"),
        ];
        for other in others {
            let row = format!("ipv4     2 udp      17 1 {TUPLE} {REPLY} {other} use=1");
            assert_eq!(line(&row), Ok(vec![flow("udp4", "", "REPLIED")]), "{other}");
        }
    }
    let others =
        ["[]", "[", "]", "[SEEN_REPLY]", "[NEVER_SEEN]", "[CLOSE]", "[ESTABLISHED]", "[REPLIED]"];
    for other in others {
        let row =
            format!("ipv4     2 tcp      6 1 LAST_ACK {TUPLE} [ASSURED] {REPLY} {other} use=1");
        assert_eq!(line(&row), Ok(vec![flow("tcp4", "LAST_ACK", "ASSURED")]), "{other}");
    }
}

/// What somebody else may choose.
#[test]
fn a_value_is_no_word_of_the_rows() {
    let words = STATES.into_iter().map(str::to_string);
    let words = words.chain(STATUSES.map(|status| format!("[{status}]")));
    let words = words.chain(["src", "sport", "dport", "src=1", "sport=1"].map(str::to_string));
    for word in words {
        for name in ["secctx", "mark", "zone"] {
            let row = format!(
                "ipv4     2 tcp      6 1 CLOSE {TUPLE} zone-orig={word} {REPLY} [ASSURED] {name}={word} \
                 use=1"
            );
            assert_eq!(line(&row), Ok(vec![flow("tcp4", "CLOSE", "ASSURED")]), "{row}");
            let row = format!("ipv4     2 tcp      6 {TUPLE} {REPLY} {name}={word}");
            assert_eq!(line(&row), Ok(vec![flow("tcp4", "UNKNOWN", "REPLIED")]), "{row}");
        }
    }
    // Nor does it make a tuple, without which there is no row.
    for row in ["ipv4     2 udp      17 9 secctx=src=1", "ipv4     2 udp      17 9 xsrc=1"] {
        assert_eq!(line(row), Err((1, row.into())));
    }
}

#[test]
fn a_word_is_known_only_if_all_of_it_is() {
    let flows = |word: &str| {
        line(&format!("ipv4     2 tcp      6 9 CLOSE {TUPLE} {REPLY} {word} use=1")).unwrap()
    };
    // Each has the first eight bytes and the last four of a status, or its length.
    for word in ["[ASSURED]NREPLIED]", "[UNREPLIX]", "[ASSUREX]", "[OFFLOAX]", "[UNREPLIEDRED]"] {
        assert_eq!(flows(word), [flow("tcp4", "CLOSE", "REPLIED")], "{word}");
    }
    assert_eq!(flows("[ASSURED]"), [flow("tcp4", "CLOSE", "ASSURED")]);
    // The same length, if it were told by a byte.
    let long = format!("[ASSURED{}SURED]", "_".repeat(251));
    assert_eq!(long.len(), 9 + 256);
    assert_eq!(flows(&long), [flow("tcp4", "CLOSE", "REPLIED")]);
    let state = |word: &str| line(&format!("ipv4     2 tcp      6 9 {word} {TUPLE} {REPLY} use=1"));
    for word in ["ESTABLISXED", "ESTABLISHEDSHED", "SYN_SEXT", "SYN_SENT22", "TIME_WAXT"] {
        assert_eq!(state(word).unwrap(), [flow("tcp4", "UNKNOWN", "REPLIED")], "{word}");
    }
}

/// Whoever sends packets may choose their address: here, by digests that multiply by 31, as that of a word.
#[test]
fn an_address_is_no_word_of_the_rows() {
    let addresses = [
        "2001:0db8:0000:0000:0000:0000:0ede:9b96", // [UNREPLIED]
        "2001:0db8:0000:0000:0000:0000:2578:195d", // [ASSURED]
        "2001:0db8:0000:0000:0000:0000:5375:8b7d", // [OFFLOAD]
        "2001:0db8:0000:0000:0000:0000:c852:99bd", // ESTABLISHED
        "2001:0db8:0000:0000:0000:0000:f691:8770", // CLOSE
        "2001:0db8:0000:0000:0000:0002:2004:6541", // src
    ];
    for address in addresses {
        let row = format!(
            "ipv6     10 tcp      6 119 SYN_SENT src={address} dst=2001:0db8:: sport=40000 dport=443 \
             [UNREPLIED] src=2001:0db8:: dst={address} sport=443 dport=40000 mark=0 use=2"
        );
        assert_eq!(line(&row), Ok(vec![flow("tcp6", "SYN_SENT", "UNREPLIED")]), "{row}");
        let row = format!("ipv6     10 udp      17 9 dst={address}");
        assert_eq!(line(&row), Err((1, row[..row.len().min(HEAD_LENGTH)].into())));
    }
}

#[test]
fn ports_are_those_of_the_original_direction() {
    let ports = |rest: &str| {
        let flows = line(&format!("ipv4     2 udp      17 9 {rest}")).unwrap();
        flows[0].ports
    };
    let reply = "src=1 dst=2 sport=3 dport=4 use=1";
    let cases = [
        ("src=1 dst=2 sport=80 dport=443", [Some(80), Some(443)]),
        ("src=1 dst=2 sport=0 dport=65535", [Some(0), Some(65535)]),
        ("src=1 dst=2 sport=65535 dport=0", [Some(65535), Some(0)]),
        ("src=1 dst=2 sport=1 dport=1 zone-orig=7 packets=8 bytes=9 [UNREPLIED]", [Some(1); 2]),
        ("src=1 dst=2", [None; 2]),
        ("src=1 dst=2 type=8 code=0 id=7", [None; 2]),
        ("src=1 dst=2 srckey=0x50 dstkey=0x51", [None; 2]),
        ("src=1 dst=2 xsport=80 sportx=80 SPORT=80", [None; 2]),
        ("sport=80 src=1 dst=2 dport=443", [None, Some(443)]),
    ];
    for (tuple, expected) in cases {
        assert_eq!(ports(&format!("{tuple} {reply}")), expected, "{tuple}");
    }
    for port in 0..=u16::MAX {
        let other = port.rotate_left(5) ^ 0x5555;
        let row =
            format!("ipv4     2 udp      17 9 src=1 dst=2 sport={port} dport={other} {reply}");
        let mut buffer = ReadBuffer::<SMALL>::ZERO;
        let flows = flows_in(&[row.as_bytes(), b"\n"], &mut buffer).unwrap();
        assert_eq!(flows[0].ports, [Some(port), Some(other)]);
    }
}

#[test]
fn a_protocol_without_ports_has_none_that_is_asked_for() {
    let rows = [
        format!("ipv4     2 icmp     1 29 {ADDRESSES} type=8 code=0 id=7 {ADDRESSES} use=1\n"),
        format!("ipv4     2 gre      47 9 {ADDRESSES} srckey=0x0 dstkey=0x0 {ADDRESSES} use=1\n"),
        format!("ipv4     2 udp      17 9 {ADDRESSES} sport=0 dport=0 {TUPLE} use=1\n"),
    ];
    let table = rows.concat();
    let selected = |arguments: &[&str]| {
        let mut queries = Queries::new();
        let mut plan = Plan::new(&mut queries);
        request::parse(arguments.iter().map(|argument| argument.as_bytes()), &mut plan);
        let mut buffer = ReadBuffer::<{ 4096 / WORD_SIZE }>::ZERO;
        let mut reader = TableReader::conntrack_table(&mut buffer);
        reader.spare_mut()[..table.len()].copy_from_slice(table.as_bytes());
        let mut groups = Vec::new();
        reader
            .consume_connections(table.len(), |row| {
                if plan.filter.selects_connection(|| row.original_ports()) {
                    groups.push(row.connection.group as usize);
                }
            })
            .unwrap();
        groups
    };
    assert_eq!(selected(&["--conntrack"]), [4, 4, 2]);
    for option in ["--local-port", "--remote-port"] {
        assert_eq!(selected(&["--conntrack", option, "0"]), [2]);
        assert_eq!(selected(&["--conntrack", option, "65535", option, "255"]), [0; 0]);
    }
}

/// Lines that are no rows.
const OTHERS: [&str; 35] = [
    "",
    " ",
    "hello, world",
    "  sl  local_address rem_address   st tx_queue rx_queue",
    "   0: 0100007F:1F90 0200007F:C001 01 00000000:00000000",
    "ipv4",
    "ipv4abcdef",
    "ipv4     2",
    "ipv4     2 ",
    "ipv4     2 tcp",
    "ipv4     2 tcp      6",
    "ipv4     2 tcp      6 ",
    "ipv4     2 tcp      6 1",
    "ipv4     2 tcp      6 1 CLOSE",
    "ipv4     2 tcp      6 1 CLOSE sr",
    "ipv4     2 tcp      6 1 CLOSE dst=192.0.2.2",
    "ipv4     2 tcp      6 1 CLOSE xsrc=192.0.2.1 dst=192.0.2.2",
    "ipv4     2 tcp      6 1 CLOSE SRC=192.0.2.1 dst=192.0.2.2",
    "ipv4     2 tcp      6src=192.0.2.1 dst=192.0.2.2",
    "ipv4     2 tcp      6x src=192.0.2.1 dst=192.0.2.2",
    "ipv4     2 tcp      x6 src=192.0.2.1 dst=192.0.2.2",
    "ipv4     2 tcp      -6 src=192.0.2.1 dst=192.0.2.2",
    "ipv4     2 tcp      0x6 src=192.0.2.1 dst=192.0.2.2",
    "ipv4     2 tcp      tcp src=192.0.2.1 dst=192.0.2.2",
    "ipv4     2 tcp       src=192.0.2.1 dst=192.0.2.2",
    "ipv4     2 tcp     6 1 CLOSE src=192.0.2.1 dst=192.0.2.2",
    "ipv4     2 tcp       6 1 CLOSE src=192.0.2.1 dst=192.0.2.2",
    "ipv5     2 tcp      6 1 CLOSE src=192.0.2.1 dst=192.0.2.2",
    "IPv4     2 tcp      6 1 CLOSE src=192.0.2.1 dst=192.0.2.2",
    "ip       2 tcp      6 1 CLOSE src=192.0.2.1 dst=192.0.2.2",
    "unknown  2 tcp      6 1 CLOSE src=192.0.2.1 dst=192.0.2.2",
    " ipv4     2 tcp      6 1 CLOSE src=192.0.2.1 dst=192.0.2.2",
    "ipv6     10",
    "ipv6     10 tcp      6 1 CLOSE",
    // /proc/net/ip_conntrack of old kernels has no family.
    "tcp      6 431999 ESTABLISHED src=192.0.2.1 dst=192.0.2.2",
];

#[test]
fn other_lines_are_errors() {
    let row = format!("ipv4     2 udp      17 9 {TUPLE} {REPLY}\n");
    let row6 = format!("ipv6     10 tcp      6 9 CLOSE {TUPLE6} {REPLY6}\n");
    for case in OTHERS {
        let head = case.as_bytes()[..case.len().min(HEAD_LENGTH)].to_vec();
        assert_eq!(line(case), Err((1, head.clone())), "{case}");
        // The row behind it isn't taken for its rest.
        for row in [&row, &row6] {
            let pieces = [row.as_bytes(), row.as_bytes(), case.as_bytes(), b"\n", row.as_bytes()];
            assert_eq!(flows(pieces), Err((3, head.clone())), "{case} among others");
            assert_eq!(
                flows([&pieces.concat()[..]]),
                Err((3, head.clone())),
                "{case}, read at once"
            );
        }
        if !case.is_empty() {
            assert_eq!(flows([case.as_bytes()]), Err((1, head.clone())), "{case} without newline");
            assert_eq!(
                flows([row.as_bytes(), case.as_bytes()]),
                Err((2, head)),
                "{case} at the end"
            );
        }
    }
    let long = format!("{}\n", "x".repeat(2 * HEAD_LENGTH));
    assert_eq!(flows([row.as_bytes(), long.as_bytes()]), Err((2, vec![b'x'; HEAD_LENGTH])));
}

#[test]
fn the_last_line_needs_no_newline() {
    let row = format!("ipv4     2 tcp      6 9 CLOSE {TUPLE} {REPLY} [ASSURED] use=1");
    let one = flow("tcp4", "CLOSE", "ASSURED");
    let line = format!("{row}\n");
    assert_eq!(flows([]), Ok(vec![]), "an empty file");
    assert_eq!(flows([row.as_bytes()]), Ok(vec![one.clone()]));
    assert_eq!(flows([line.as_bytes()]), Ok(vec![one.clone()]));
    assert_eq!(flows([line.as_bytes(), row.as_bytes()]), Ok(vec![one.clone(), one]));
    // Whatever it is cut behind: it counts once it has its tuple.
    let tuple = row.find("src=").unwrap() + "src=".len();
    for end in 1..row.len() {
        let cut = &row.as_bytes()[..end];
        let seen = flows([line.as_bytes(), cut]).map(|flows| flows.len());
        let head = cut[..cut.len().min(HEAD_LENGTH)].to_vec();
        match end {
            // (It hasn't its equals sign yet, which nobody misses.)
            _ if end + 1 == tuple => assert!(seen == Ok(2) || seen == Err((2, head)), "{seen:?}"),
            _ if end < tuple => assert_eq!(seen, Err((2, head)), "{}", &row[..end]),
            _ => assert_eq!(seen, Ok(2), "{}", &row[..end]),
        }
    }
}

#[test]
fn lines_may_be_as_long_as_there_is_room() {
    const WORDS: usize = 128;
    // Behind the newline before it, and with its own.
    const LONGEST: usize = WORDS * WORD_SIZE - WINDOW - 2;
    let head = format!("ipv4     2 udp      17 9 {TUPLE} ");
    for byte in *b"x [A_" {
        for length in LONGEST - 70..LONGEST + 70 {
            let mut row = head.clone().into_bytes();
            row.resize(length, byte);
            let table = [&row[..], b"\n", &row, b"\n"].concat();
            for size in [1, 7, 100, table.len()] {
                let pieces: Vec<&[u8]> = table.chunks(size).collect();
                let mut buffer = ReadBuffer::<WORDS>::ZERO;
                let seen = flows_in(&pieces, &mut buffer).map(|flows| flows.len());
                let expected = match length <= LONGEST {
                    true => Ok(2),
                    false => Err((1, row[..HEAD_LENGTH].to_vec())),
                };
                assert_eq!(seen, expected, "{length} bytes, {size} at once");
            }
        }
    }
}

#[test]
fn where_a_read_ends_changes_nothing() {
    let tables = [
        format!("ipv4     2 tcp      6 9 CLOSE {TUPLE} [UNREPLIED] {REPLY} [ASSURED] use=1\n"),
        "ipv6     10 udp      17 src=1 dst=2 sport=3 dport=4 [HW_OFFLOAD] use=1\n\
         ipv4     2 gre      47 9 src=1\n"
            .into(),
        "ipv4     2 tcp      6 9 TIME_WAIT src=1 [ASSURED] \nipv4     2 tcp      6 9 CLOSE\n\
         ipv4     2 tcp      6 src=1\n"
            .into(),
        "ipv4     2 tcp      6 9 SYN_SENT2 src=1 [ASSURED] \n\
         ipv4     2 tcp      6 9 CLOSE src=1 [OFFLOAD] "
            .into(),
    ];
    for table in &tables {
        let table = table.as_bytes();
        let whole = conntrack_oracle::flows(table).unwrap();
        assert_eq!(flows([table]), whole);
        for size in 1..table.len() {
            assert_eq!(flows(table.chunks(size)), whole, "{size} bytes at once");
        }
        for first in 0..table.len() {
            for second in first..table.len() {
                let pieces = [&table[..first], &table[first..second], &table[second..]];
                assert_eq!(flows(pieces), whole, "cut at {first} and {second}");
            }
        }
    }
}

#[test]
fn whole_tables_are_read_as_by_the_oracle() {
    for fixture in fixtures() {
        let table = fs::read(fixture.join("net/nf_conntrack")).unwrap();
        let expected = conntrack_oracle::flows(&table).unwrap();
        let rows = table.iter().filter(|&&byte| byte == b'\n').count();
        assert_eq!(expected.as_ref().map(Vec::len), Ok(rows), "{fixture:?}");
        assert_eq!(flows([&table[..]]), expected, "{fixture:?}");
        for size in (1..100).chain([500, 1000, 4096]) {
            let mut buffer = ReadBuffer::<{ 4096 / WORD_SIZE }>::ZERO;
            let pieces: Vec<&[u8]> = table.chunks(size).collect();
            assert_eq!(flows_in(&pieces, &mut buffer), expected, "{fixture:?}, {size} at once");
        }
    }
}

#[test]
fn every_byte_in_every_place() {
    let row = b"ipv4     2 tcp      6 9 CLOSE src=1 dst=2 sport=3 dport=4 [ASSURED] use=1\n";
    let table = [&row[..], row, row].concat();
    let mut verdicts = 0;
    for place in 0..row.len() {
        for byte in 0..=u8::MAX {
            let mut table = table.clone();
            table[row.len() + place] = byte;
            let seen = flows([&table[..]]);
            if let Some(expected) = conntrack_oracle::flows(&table) {
                verdicts += 1;
                assert_eq!(seen, expected, "{}", table.escape_ascii());
            }
        }
    }
    assert!(verdicts > row.len() * 150, "{verdicts}");
}

/// A table of rows, of which the last may lack its newline.
fn table() -> impl Strategy<Value = Vec<u8>> {
    (prop::collection::vec(row(), 0..12), any::<bool>()).prop_map(|(rows, newline)| {
        let mut table = rows.join("\n").into_bytes();
        if newline && !rows.is_empty() {
            table.push(b'\n');
        }
        table
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn tables_are_read_as_by_the_oracle(table in table(), places in places()) {
        let seen = flows(cut(&table, &places));
        let expected = conntrack_oracle::flows(&table);
        // (Of its words some may be of the kind that the oracle doesn't know what to make of.)
        prop_assume!(expected.is_some());
        prop_assert_eq!(seen, expected.unwrap());
    }

    #[test]
    fn damaged_tables_are_read_as_by_the_oracle(
        table in table().prop_filter("nothing to damage", |table| table.len() > 3),
        damage in damage(b"\n [A_0=-"),
        places in places(),
    ) {
        let table = damaged(table, damage);
        let seen = flows(cut(&table, &places));
        if let Some(expected) = conntrack_oracle::flows(&table) {
            prop_assert_eq!(seen, expected, "{}", table.escape_ascii());
        }
    }

    #[test]
    fn random_bytes_are_read_as_by_the_oracle(
        bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(b'\n'), Just(b' ')], 0..1000),
        starts in any::<bool>(),
        places in places(),
    ) {
        let bytes = [if starts { &b"ipv4     2 tcp      6 "[..] } else { b"" }, &bytes].concat();
        let seen = flows(cut(&bytes, &places));
        if let Some(expected) = conntrack_oracle::flows(&bytes) {
            prop_assert_eq!(&seen, &expected);
        }
        let lines = bytes.iter().filter(|&&byte| byte == b'\n').count() + 1;
        prop_assert!(seen.map_or(0, |flows| flows.len()) <= lines);
    }
}
