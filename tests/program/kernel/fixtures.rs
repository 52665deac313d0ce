//! Whole tables of several kernel generations, from `tests/fixtures`.

use std::fs;
use std::path::Path;

use crate::harness::{counts, native, nonzero, program, report};
use crate::oracles::conntrack_table as conntrack_oracle;

#[test]
fn sockets_of_every_kernel_generation_are_counted() {
    // The counts without `--all`, and the counts that `--all` adds.
    let cases: [(&str, &[&str], &[&str]); 8] = [
        (
            "2.6.18",
            &[
                "tcp4.ESTABLISHED 2",
                "tcp4.SYN_RECV 1",
                "tcp4.SYN_SENT 1",
                "tcp4.TIME_WAIT 2",
                "udp4.ESTABLISHED 1",
            ],
            &["tcp4.LISTEN 2", "udp4.CLOSE 2"],
        ),
        (
            "2.6.32",
            &[
                "tcp4.CLOSE_WAIT 1",
                "tcp4.CLOSING 1",
                "tcp4.ESTABLISHED 1",
                "tcp4.FIN_WAIT1 1",
                "tcp4.FIN_WAIT2 1",
                "tcp4.LAST_ACK 1",
                "tcp6.ESTABLISHED 2",
                "tcp6.TIME_WAIT 1",
                "udp6.ESTABLISHED 1",
            ],
            &["tcp4.LISTEN 1", "tcp6.LISTEN 2", "udp4.CLOSE 3", "udp6.CLOSE 2"],
        ),
        (
            "3.10",
            &["tcp4.CLOSE_WAIT 1", "tcp4.ESTABLISHED 5", "udp4.ESTABLISHED 1"],
            &["tcp4.LISTEN 1", "udp4.CLOSE 2"],
        ),
        (
            "4.18",
            &["tcp4.ESTABLISHED 2", "tcp4.TIME_WAIT 2", "tcp6.CLOSE_WAIT 2", "udp4.ESTABLISHED 1"],
            &["tcp4.LISTEN 1", "tcp6.LISTEN 1", "udp4.CLOSE 1", "udp6.CLOSE 1"],
        ),
        ("5.14", &["tcp4.ESTABLISHED 2", "tcp4.TIME_WAIT 1"], &["tcp4.LISTEN 1"]),
        (
            "5.15-big-endian",
            &["tcp4.ESTABLISHED 1", "tcp4.TIME_WAIT 2", "tcp6.ESTABLISHED 1", "udp6.ESTABLISHED 1"],
            &["tcp4.LISTEN 2", "tcp6.LISTEN 2", "udp4.CLOSE 2", "udp6.CLOSE 2"],
        ),
        (
            "6.18",
            &[
                "tcp4.CLOSE_WAIT 1",
                "tcp4.ESTABLISHED 9",
                "tcp4.FIN_WAIT2 1",
                "tcp4.SYN_SENT 3",
                "tcp4.TIME_WAIT 2",
                "tcp6.CLOSE_WAIT 1",
                "tcp6.ESTABLISHED 5",
                "tcp6.FIN_WAIT2 1",
                "udp4.ESTABLISHED 1",
                "udp6.ESTABLISHED 1",
            ],
            &["tcp4.LISTEN 2", "tcp6.LISTEN 2", "udp4.CLOSE 1", "udp6.CLOSE 1"],
        ),
        ("unknown-states", &["tcp4.UNKNOWN 2"], &["tcp4.CLOSE 1", "tcp4.UNKNOWN 1"]),
    ];
    for (kernel, connections, others) in cases {
        let procfs = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(kernel);
        let default = counts(program().arg(&procfs));
        let mut added = counts(program().arg(&procfs).arg("--all"));
        for (key, number) in &mut added {
            *number -= default[key];
        }
        assert_eq!(nonzero(default), connections, "{kernel}");
        assert_eq!(nonzero(added), others, "{kernel}");
        assert_eq!(report(program().arg(&procfs)), report(native().arg(&procfs)), "{kernel}");
    }
}

#[test]
fn the_oracle_counts_connections_of_every_kernel_generation() {
    let cases: [(&str, &[&str]); 8] = [
        (
            "2.6.32",
            &[
                "other4.ASSURED 2",
                "other4.UNREPLIED 2",
                "other6.UNREPLIED 1",
                "tcp4.ASSURED 5",
                "tcp4.CLOSE_WAIT 1",
                "tcp4.ESTABLISHED 1",
                "tcp4.FIN_WAIT 1",
                "tcp4.LAST_ACK 1",
                "tcp4.REPLIED 2",
                "tcp4.SYN_RECV 1",
                "tcp4.SYN_SENT 1",
                "tcp4.SYN_SENT2 1",
                "tcp4.TIME_WAIT 1",
                "tcp4.UNREPLIED 1",
                "tcp6.ASSURED 2",
                "tcp6.CLOSE 1",
                "tcp6.TIME_WAIT 1",
                "udp4.ASSURED 1",
                "udp4.REPLIED 1",
                "udp6.UNREPLIED 1",
            ],
        ),
        (
            "3.10",
            &[
                "other4.ASSURED 1",
                "other4.REPLIED 1",
                "other4.UNREPLIED 2",
                "other6.ASSURED 1",
                "other6.REPLIED 1",
                "other6.UNREPLIED 1",
                "tcp4.ASSURED 3",
                "tcp4.ESTABLISHED 2",
                "tcp4.SYN_SENT 1",
                "tcp4.TIME_WAIT 1",
                "tcp4.UNREPLIED 1",
                "tcp6.ASSURED 1",
                "tcp6.ESTABLISHED 1",
                "udp4.REPLIED 1",
                "udp4.UNREPLIED 1",
            ],
        ),
        (
            "4.18",
            &[
                "other4.REPLIED 2",
                "other6.REPLIED 1",
                "other6.UNREPLIED 1",
                "tcp4.ASSURED 3",
                "tcp4.CLOSE_WAIT 1",
                "tcp4.ESTABLISHED 2",
                "tcp4.OFFLOAD 1",
                "tcp4.SYN_SENT 1",
                "tcp4.UNKNOWN 1",
                "tcp4.UNREPLIED 1",
                "tcp6.ASSURED 1",
                "tcp6.ESTABLISHED 1",
                "tcp6.OFFLOAD 1",
                "tcp6.UNKNOWN 1",
                "udp4.OFFLOAD 1",
                "udp4.UNREPLIED 1",
                "udp6.OFFLOAD 1",
            ],
        ),
        (
            "5.15",
            &[
                "other4.ASSURED 2",
                "other4.UNREPLIED 2",
                "other6.ASSURED 2",
                "other6.REPLIED 1",
                "other6.UNREPLIED 1",
                "tcp4.ASSURED 2",
                "tcp4.CLOSE 1",
                "tcp4.ESTABLISHED 1",
                "tcp4.HW_OFFLOAD 1",
                "tcp4.UNKNOWN 1",
                "tcp6.HW_OFFLOAD 1",
                "tcp6.OFFLOAD 1",
                "tcp6.UNKNOWN 2",
                "udp4.ASSURED 1",
                "udp4.HW_OFFLOAD 1",
                "udp4.OFFLOAD 1",
            ],
        ),
        (
            "6.6",
            &[
                "other4.ASSURED 1",
                "other4.OFFLOAD 1",
                "tcp4.ASSURED 1",
                "tcp4.ESTABLISHED 1",
                "tcp6.ASSURED 1",
                "tcp6.ESTABLISHED 1",
                "udp4.HW_OFFLOAD 1",
                "udp6.OFFLOAD 1",
            ],
        ),
        (
            "6.18",
            &[
                "other4.REPLIED 1",
                "other4.UNREPLIED 6",
                "other6.REPLIED 1",
                "other6.UNREPLIED 5",
                "tcp4.ASSURED 6",
                "tcp4.CLOSE 1",
                "tcp4.CLOSE_WAIT 1",
                "tcp4.ESTABLISHED 1",
                "tcp4.FIN_WAIT 1",
                "tcp4.LAST_ACK 1",
                "tcp4.REPLIED 2",
                "tcp4.SYN_RECV 1",
                "tcp4.SYN_SENT 1",
                "tcp4.SYN_SENT2 1",
                "tcp4.TIME_WAIT 1",
                "tcp4.UNREPLIED 1",
                "tcp6.ASSURED 6",
                "tcp6.CLOSE 1",
                "tcp6.CLOSE_WAIT 1",
                "tcp6.ESTABLISHED 1",
                "tcp6.FIN_WAIT 1",
                "tcp6.LAST_ACK 1",
                "tcp6.REPLIED 2",
                "tcp6.SYN_RECV 1",
                "tcp6.SYN_SENT 1",
                "tcp6.SYN_SENT2 1",
                "tcp6.TIME_WAIT 1",
                "tcp6.UNREPLIED 1",
                "udp4.ASSURED 1",
                "udp4.REPLIED 1",
                "udp4.UNREPLIED 1",
                "udp6.ASSURED 1",
                "udp6.REPLIED 1",
                "udp6.UNREPLIED 1",
            ],
        ),
        ("empty", &[]),
        (
            "unknown-states",
            &[
                "other4.REPLIED 1",
                "tcp4.ASSURED 1",
                "tcp4.REPLIED 1",
                "tcp4.UNKNOWN 2",
                "tcp6.REPLIED 1",
                "tcp6.UNKNOWN 3",
                "tcp6.UNREPLIED 2",
            ],
        ),
    ];
    for (kernel, rows) in cases {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/conntrack");
        let table = Path::new(directory).join(kernel).join("net/nf_conntrack");
        let counts = conntrack_oracle::counts(&fs::read_to_string(table).unwrap());
        assert_eq!(nonzero(counts), rows, "{kernel}");
    }
}
