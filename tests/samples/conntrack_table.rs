//! Tables of tracked connections.

use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;

use crate::oracles::conntrack_table::STATES;

/// Returns the directories with a table of each kernel generation.
pub fn fixtures() -> Vec<PathBuf> {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/conntrack");
    let files = fs::read_dir(directory).unwrap().map(|file| file.unwrap().path());
    let fixtures: Vec<PathBuf> = files.collect();
    assert_eq!(fixtures.len(), 8);
    fixtures
}

/// Returns rows in the format of the kernel. Many words are keywords, or almost
/// keywords.
pub fn row() -> impl Strategy<Value = String> {
    let head = prop::sample::select(vec!["ipv4     2", "ipv6     10"]);
    let protocol = prop::sample::select(vec![
        "tcp      6",
        "tcp      6",
        "udp      17",
        "icmp     1",
        "icmpv6   58",
        "gre      47",
        "sctp     132",
        "udplite  136",
        "unknown  255",
    ]);
    let state = prop_oneof![
        4 => prop::sample::select(STATES.to_vec()).prop_map(|state| format!(" {state}")),
        1 => "[A-Z_]{1,12}2?".prop_map(|state| format!(" {state}")),
        1 => Just(" timeout=30, stream_timeout=180".to_string()),
        2 => Just(String::new()),
    ];
    let times = prop_oneof![
        4 => (0..1_000_000i32, state).prop_map(|(seconds, state)| format!(" {seconds}{state}")),
        1 => Just(String::new()),
    ];
    let word = prop_oneof![
        4 => prop::sample::select(vec![
            "[UNREPLIED]",
            "[ASSURED]",
            "[OFFLOAD]",
            "[HW_OFFLOAD]",
            "[CLOSE]",
            "ASSURED",
            "secctx=[ASSURED]",
            "secctx=NONE",
            "[",
            "[]",
            "mark=0",
            "zone=1",
            "src=192.0.2.3",
            "sport=80",
            "dport=443",
            "secctx=system_u:object_r:unlabeled_t:s0",
            "delta-time=17",
        ])
        .prop_map(String::from),
        1 => any::<u16>().prop_map(|port| format!("sport={port}")),
        1 => any::<u16>().prop_map(|port| format!("dport={port}")),
        1 => any::<u64>().prop_map(|number| format!("packets={number} bytes={number}")),
        1 => "[!-~]{0,30}",
    ];
    let words = prop::collection::vec(word, 0..16).prop_map(|words| words.join(" "));
    (head, protocol, times, any::<std::net::Ipv4Addr>(), words).prop_map(
        |(head, protocol, times, source, words)| {
            format!("{head} {protocol}{times} src={source} {words} use=2")
        },
    )
}
