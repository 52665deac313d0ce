//! The reader of tables of tracked connections, compared with cases and with
//! the oracle.

use std::fs;

use network_connections::bytes::swar::WORD_SIZE;
use network_connections::cli::request::{self, Plan, Queries};
use network_connections::kernel::socket_row::{HEAD_LENGTH, WINDOW};
use network_connections::kernel::table_reader::{ReadBuffer, TableReader};
use proptest::prelude::*;

use crate::harness::{SMALL, read_flows, read_flows_in};
use crate::oracles::Table;
use crate::oracles::conntrack_table::{self as oracle, Flow, STATES, STATUSES};
use crate::samples;
use crate::samples::conntrack_table::{fixtures, row};
use crate::samples::damage::{cut, cuts, damaged, damages};

/// Reads a table of this line.
fn read_line(line: &str) -> Table<Flow> {
    read_flows([line.as_bytes(), b"\n"])
}

/// Returns a connection with the ports 40000 and 443. An empty state stands for
/// no state.
fn flow(group: &'static str, state: &'static str, status: &'static str) -> Flow {
    let state = Some(state).filter(|state| !state.is_empty());
    Flow { group, state, status, ports: [Some(40000), Some(443)] }
}

/// Returns a connection with neither a state nor ports.
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
fn a_row_is_parsed_as_a_connection() {
    let cases = [
        // TCP, with accounting and other optional columns.
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
        // Timestamps, in the format of some kernels.
        (
            format!(
                "ipv4     2 tcp      6 99 LAST_ACK {TUPLE} {REPLY} [ASSURED] mark=0 delta-time=4711 \
                 [start=Wed Nov 25 2026] [stop=Wed Nov 25 2026] use=1"
            ),
            flow("tcp4", "LAST_ACK", "ASSURED"),
        ),
        // Offloaded connections, with neither seconds nor a state.
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
        // Two statuses in one row. The connection has the last status.
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
        // Other protocols. Some rows have a word where a TCP row has the state.
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
        // The number identifies the protocol, because not every kernel knows
        // the name.
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
        assert_eq!(read_line(&row), Ok(vec![expected.clone()]), "{row}");
        assert_eq!(oracle::flows(row.as_bytes()), Some(Ok(vec![expected])), "the oracle: {row}");
    }
}

#[test]
fn each_state_and_no_other_word_is_parsed_as_a_state() {
    for state in STATES {
        let row = format!("ipv4     2 tcp      6 1 {state} {TUPLE} {REPLY} use=1");
        assert_eq!(read_line(&row), Ok(vec![flow("tcp4", state, "REPLIED")]));
        let shorter = state[..state.len() - 1].to_string();
        let similar = [format!("{state}2"), format!("x{state}"), format!("{state}]"), shorter];
        for other in similar.into_iter().chain([state.to_lowercase(), format!("[{state}]")]) {
            if STATES.contains(&other.as_str()) {
                continue;
            }
            let row = format!("ipv6     10 tcp      6 1 {other} {TUPLE6} {REPLY6} use=1");
            assert_eq!(read_line(&row), Ok(vec![flow("tcp6", "UNKNOWN", "REPLIED")]), "{other}");
        }
    }
    for other in ["LISTEN", "IGNORE", "RETRANS", "UNACK", "MAX", "FIN_WAIT1", "ASSURED"] {
        let row = format!("ipv4     2 tcp      6 1 {other} {TUPLE} {REPLY} use=1");
        assert_eq!(read_line(&row), Ok(vec![flow("tcp4", "UNKNOWN", "REPLIED")]), "{other}");
    }
}

#[test]
fn each_status_and_no_other_word_is_parsed_as_a_status() {
    for status in STATUSES.into_iter().filter(|status| *status != "REPLIED") {
        let row = format!("ipv6     10 tcp      6 1 CLOSE {TUPLE6} {REPLY6} [{status}] use=1");
        assert_eq!(read_line(&row), Ok(vec![flow("tcp6", "CLOSE", status)]));
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
            assert_eq!(read_line(&row), Ok(vec![flow("udp4", "", "REPLIED")]), "{other}");
        }
    }
    let others =
        ["[]", "[", "]", "[SEEN_REPLY]", "[NEVER_SEEN]", "[CLOSE]", "[ESTABLISHED]", "[REPLIED]"];
    for other in others {
        let row =
            format!("ipv4     2 tcp      6 1 LAST_ACK {TUPLE} [ASSURED] {REPLY} {other} use=1");
        assert_eq!(read_line(&row), Ok(vec![flow("tcp4", "LAST_ACK", "ASSURED")]), "{other}");
    }
}

/// Administrators and other programs choose the values in a row.
#[test]
fn a_value_is_never_parsed_as_a_keyword() {
    let words = STATES.into_iter().map(str::to_string);
    let words = words.chain(STATUSES.map(|status| format!("[{status}]")));
    let words = words.chain(["src", "sport", "dport", "src=1", "sport=1"].map(str::to_string));
    for word in words {
        for name in ["secctx", "mark", "zone"] {
            let row = format!(
                "ipv4     2 tcp      6 1 CLOSE {TUPLE} zone-orig={word} {REPLY} [ASSURED] {name}={word} \
                 use=1"
            );
            assert_eq!(read_line(&row), Ok(vec![flow("tcp4", "CLOSE", "ASSURED")]), "{row}");
            let row = format!("ipv4     2 tcp      6 {TUPLE} {REPLY} {name}={word}");
            assert_eq!(read_line(&row), Ok(vec![flow("tcp4", "UNKNOWN", "REPLIED")]), "{row}");
        }
    }
    // A value begins no tuple, and a row without a tuple is malformed.
    for row in ["ipv4     2 udp      17 9 secctx=src=1", "ipv4     2 udp      17 9 xsrc=1"] {
        assert_eq!(read_line(row), Err((1, row.into())));
    }
}

#[test]
fn a_keyword_is_compared_as_a_whole() {
    let with_status = |word: &str| {
        read_line(&format!("ipv4     2 tcp      6 9 CLOSE {TUPLE} {REPLY} {word} use=1")).unwrap()
    };
    // Each word has the length or the first eight bytes of a status. Some words
    // also end with the last four bytes of a status.
    for word in ["[ASSURED]NREPLIED]", "[UNREPLIX]", "[ASSUREX]", "[OFFLOAX]", "[UNREPLIEDRED]"] {
        assert_eq!(with_status(word), [flow("tcp4", "CLOSE", "REPLIED")], "{word}");
    }
    assert_eq!(with_status("[ASSURED]"), [flow("tcp4", "CLOSE", "ASSURED")]);
    // The length modulo 256 is the length of the status.
    let long = format!("[ASSURED{}SURED]", "_".repeat(251));
    assert_eq!(long.len(), 9 + 256);
    assert_eq!(with_status(&long), [flow("tcp4", "CLOSE", "REPLIED")]);
    let with_state =
        |word: &str| read_line(&format!("ipv4     2 tcp      6 9 {word} {TUPLE} {REPLY} use=1"));
    for word in ["ESTABLISXED", "ESTABLISHEDSHED", "SYN_SEXT", "SYN_SENT22", "TIME_WAXT"] {
        assert_eq!(with_state(word).unwrap(), [flow("tcp4", "UNKNOWN", "REPLIED")], "{word}");
    }
}

/// Senders of packets choose their addresses. Each of these addresses has the
/// hash of a keyword, in a hash function that multiplies by 31.
#[test]
fn an_address_is_never_parsed_as_a_keyword() {
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
        assert_eq!(read_line(&row), Ok(vec![flow("tcp6", "SYN_SENT", "UNREPLIED")]), "{row}");
        let row = format!("ipv6     10 udp      17 9 dst={address}");
        assert_eq!(read_line(&row), Err((1, row[..row.len().min(HEAD_LENGTH)].into())));
    }
}

#[test]
fn the_ports_belong_to_the_original_direction() {
    let ports = |rest: &str| {
        let flows = read_line(&format!("ipv4     2 udp      17 9 {rest}")).unwrap();
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
        let flows = read_flows_in(&[row.as_bytes(), b"\n"], &mut buffer).unwrap();
        assert_eq!(flows[0].ports, [Some(port), Some(other)]);
    }
}

#[test]
fn a_filter_by_port_selects_no_connection_without_ports() {
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
        let mut reader = TableReader::new(&mut buffer);
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

/// Malformed lines.
const MALFORMED_LINES: [&str; 35] = [
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
    // A row of /proc/net/ip_conntrack of old kernels, without a family.
    "tcp      6 431999 ESTABLISHED src=192.0.2.1 dst=192.0.2.2",
];

#[test]
fn a_malformed_line_is_an_error() {
    let row = format!("ipv4     2 udp      17 9 {TUPLE} {REPLY}\n");
    let row6 = format!("ipv6     10 tcp      6 9 CLOSE {TUPLE6} {REPLY6}\n");
    for case in MALFORMED_LINES {
        let head = case.as_bytes()[..case.len().min(HEAD_LENGTH)].to_vec();
        assert_eq!(read_line(case), Err((1, head.clone())), "{case}");
        // The next row does not complete the malformed line.
        for row in [&row, &row6] {
            let chunks = [row.as_bytes(), row.as_bytes(), case.as_bytes(), b"\n", row.as_bytes()];
            assert_eq!(read_flows(chunks), Err((3, head.clone())), "{case}, between rows");
            assert_eq!(
                read_flows([&chunks.concat()[..]]),
                Err((3, head.clone())),
                "{case}, between rows in one read"
            );
        }
        if !case.is_empty() {
            assert_eq!(
                read_flows([case.as_bytes()]),
                Err((1, head.clone())),
                "{case}, without a newline"
            );
            assert_eq!(
                read_flows([row.as_bytes(), case.as_bytes()]),
                Err((2, head)),
                "{case}, after a row"
            );
        }
    }
    let long = format!("{}\n", "x".repeat(2 * HEAD_LENGTH));
    assert_eq!(read_flows([row.as_bytes(), long.as_bytes()]), Err((2, vec![b'x'; HEAD_LENGTH])));
}

#[test]
fn the_last_line_needs_no_newline() {
    let row = format!("ipv4     2 tcp      6 9 CLOSE {TUPLE} {REPLY} [ASSURED] use=1");
    let one = flow("tcp4", "CLOSE", "ASSURED");
    let line = format!("{row}\n");
    assert_eq!(read_flows([]), Ok(vec![]), "an empty file");
    assert_eq!(read_flows([row.as_bytes()]), Ok(vec![one.clone()]));
    assert_eq!(read_flows([line.as_bytes()]), Ok(vec![one.clone()]));
    assert_eq!(read_flows([line.as_bytes(), row.as_bytes()]), Ok(vec![one.clone(), one]));
    // A truncated row is a row if the row still has the start of a tuple.
    let tuple = row.find("src=").unwrap() + "src=".len();
    for end in 1..row.len() {
        let cut = &row.as_bytes()[..end];
        let seen = read_flows([line.as_bytes(), cut]).map(|flows| flows.len());
        let head = cut[..cut.len().min(HEAD_LENGTH)].to_vec();
        match end {
            // The row ends between `src` and the equals sign. The reader may
            // parse the row or reject it.
            _ if end + 1 == tuple => assert!(seen == Ok(2) || seen == Err((2, head)), "{seen:?}"),
            _ if end < tuple => assert_eq!(seen, Err((2, head)), "{}", &row[..end]),
            _ => assert_eq!(seen, Ok(2), "{}", &row[..end]),
        }
    }
}

#[test]
fn lines_may_be_as_long_as_the_buffer_allows() {
    const WORDS: usize = 128;
    // The memory for reads holds the newline before the row, the row, and the
    // newline after the row.
    const LONGEST: usize = WORDS * WORD_SIZE - WINDOW - 2;
    let head = format!("ipv4     2 udp      17 9 {TUPLE} ");
    for byte in *b"x [A_" {
        for length in LONGEST - 70..LONGEST + 70 {
            let mut row = head.clone().into_bytes();
            row.resize(length, byte);
            let table = [&row[..], b"\n", &row, b"\n"].concat();
            for size in [1, 7, 100, table.len()] {
                let chunks: Vec<&[u8]> = table.chunks(size).collect();
                let mut buffer = ReadBuffer::<WORDS>::ZERO;
                let seen = read_flows_in(&chunks, &mut buffer).map(|flows| flows.len());
                let expected = match length <= LONGEST {
                    true => Ok(2),
                    false => Err((1, row[..HEAD_LENGTH].to_vec())),
                };
                assert_eq!(seen, expected, "a row of {length} bytes, in reads of {size}");
            }
        }
    }
}

#[test]
fn a_read_may_end_at_any_byte() {
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
        let whole = oracle::flows(table).unwrap();
        assert_eq!(read_flows([table]), whole);
        for size in 1..table.len() {
            assert_eq!(read_flows(table.chunks(size)), whole, "in reads of {size} bytes");
        }
        for first in 0..table.len() {
            for second in first..table.len() {
                let chunks = [&table[..first], &table[first..second], &table[second..]];
                assert_eq!(read_flows(chunks), whole, "cut at {first} and {second}");
            }
        }
    }
}

#[test]
fn the_reader_agrees_with_the_oracle_on_the_fixtures() {
    for fixture in fixtures() {
        let table = fs::read(fixture.join("net/nf_conntrack")).unwrap();
        let expected = oracle::flows(&table).unwrap();
        let rows = table.iter().filter(|&&byte| byte == b'\n').count();
        assert_eq!(expected.as_ref().map(Vec::len), Ok(rows), "{fixture:?}");
        assert_eq!(read_flows([&table[..]]), expected, "{fixture:?}");
        for size in (1..100).chain([500, 1000, 4096]) {
            let mut buffer = ReadBuffer::<{ 4096 / WORD_SIZE }>::ZERO;
            let chunks: Vec<&[u8]> = table.chunks(size).collect();
            assert_eq!(
                read_flows_in(&chunks, &mut buffer),
                expected,
                "{fixture:?}, in reads of {size} bytes"
            );
        }
    }
}

#[test]
fn every_byte_at_every_index_is_parsed_as_by_the_oracle() {
    let row = b"ipv4     2 tcp      6 9 CLOSE src=1 dst=2 sport=3 dport=4 [ASSURED] use=1\n";
    let table = [&row[..], row, row].concat();
    let mut unambiguous = 0;
    for index in 0..row.len() {
        for byte in 0..=u8::MAX {
            let mut table = table.clone();
            table[row.len() + index] = byte;
            let seen = read_flows([&table[..]]);
            if let Some(expected) = oracle::flows(&table) {
                unambiguous += 1;
                assert_eq!(seen, expected, "{}", table.escape_ascii());
            }
        }
    }
    assert!(
        unambiguous > row.len() * 150,
        "expected more than 150 unambiguous tables for each index, not {unambiguous} in all"
    );
}

/// Returns tables of rows in the format of the kernel, without a header.
fn table() -> impl Strategy<Value = Vec<u8>> {
    samples::table("", row())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn the_reader_agrees_with_the_oracle_on_tables(table in table(), cuts in cuts()) {
        let seen = read_flows(cut(&table, &cuts));
        let expected = oracle::flows(&table);
        // A table may have ambiguous words, and then the oracle has no result.
        prop_assume!(expected.is_some());
        prop_assert_eq!(seen, expected.unwrap());
    }

    #[test]
    fn the_reader_agrees_with_the_oracle_on_damaged_tables(
        table in table().prop_filter("expected bytes to damage", |table| table.len() > 3),
        damages in damages(b"\n [A_0=-"),
        cuts in cuts(),
    ) {
        let table = damaged(table, damages);
        let seen = read_flows(cut(&table, &cuts));
        if let Some(expected) = oracle::flows(&table) {
            prop_assert_eq!(seen, expected, "{}", table.escape_ascii());
        }
    }

    #[test]
    fn the_reader_agrees_with_the_oracle_on_random_bytes(
        bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(b'\n'), Just(b' ')], 0..1000),
        has_prefix in any::<bool>(),
        cuts in cuts(),
    ) {
        let bytes = [if has_prefix { &b"ipv4     2 tcp      6 "[..] } else { b"" }, &bytes].concat();
        let seen = read_flows(cut(&bytes, &cuts));
        if let Some(expected) = oracle::flows(&bytes) {
            prop_assert_eq!(&seen, &expected);
        }
        let lines = bytes.iter().filter(|&&byte| byte == b'\n').count() + 1;
        prop_assert!(seen.map_or(0, |flows| flows.len()) <= lines);
    }
}
