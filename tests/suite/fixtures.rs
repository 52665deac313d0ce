//! Whole tables of several kernel generations (tests/fixtures).

use std::path::Path;

use crate::program::{counts, native, nonzero, program, report};

#[test]
fn tables_of_every_kernel_generation() {
    // What is counted by default, and what `--all` adds.
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
