//! Counts of the sockets that have certain ports.

use crate::harness::{TABLES, counts, nonzero, procfs, program, refusal, report};
use crate::samples::socket_table::HEADER;

/// The states of the rows that the program counts without `--all`.
const CONNECTED: &[&str] =
    &["ESTABLISHED", "LAST_ACK", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2"];

/// Returns a table in which each row has another state. The states of the first
/// six rows are [`CONNECTED`], in this order. The program counts the last two
/// rows only with `--all`.
fn table(name: &str) -> String {
    let (zero, address) = match name.ends_with('6') {
        true => ("0".repeat(32), "00000000000000000000000001000000"),
        false => ("0".repeat(8), "0100007F"),
    };
    let rows = [
        ("01", 80, address, "C350"),
        ("09", 80, address, "01BB"),
        ("02", 443, address, "C351"),
        ("03", 0xc350, address, "0050"),
        ("04", 0, address, "0000"),
        ("05", 65535, address, "FFFF"),
        ("0A", 80, &zero, "0000"),
        ("07", 443, &zero, "01BB"),
    ];
    let rows = rows.map(|(state, local, remote, port)| {
        format!("   0: {address}:{local:04X} {remote}:{port} {state} 00000000:00000000\n")
    });
    HEADER.to_string() + &rows.concat()
}

#[test]
fn a_socket_needs_a_listed_local_port_and_a_listed_remote_port() {
    let tables = TABLES.map(table);
    let procfs = procfs(&[0, 1, 2, 3].map(|index| (TABLES[index], tables[index].as_str())));
    // The states of the counted sockets, and the states that `--all` adds.
    let cases: [(&[&str], &[&str], &[&str]); 19] = [
        (&[], CONNECTED, &["LISTEN", "CLOSE"]),
        (&["--local-port=80"], &["ESTABLISHED", "LAST_ACK"], &["LISTEN"]),
        (&["--remote-port=80"], &["SYN_RECV"], &[]),
        (&["--local-port", "443"], &["SYN_SENT"], &["CLOSE"]),
        (&["--remote-port", "443"], &["LAST_ACK"], &["CLOSE"]),
        (&["--local-port=50000"], &["SYN_RECV"], &[]),
        (&["--remote-port=50000"], &["ESTABLISHED"], &[]),
        (&["--remote-port=50001"], &["SYN_SENT"], &[]),
        (&["--local-port=0"], &["FIN_WAIT1"], &[]),
        (&["--remote-port=0"], &["FIN_WAIT1"], &["LISTEN"]),
        (&["--local-port=65535"], &["FIN_WAIT2"], &[]),
        (&["--remote-port=65535"], &["FIN_WAIT2"], &[]),
        (&["--local-port=8080"], &[], &[]),
        (
            &["--local-port=80", "--local-port=443"],
            &["ESTABLISHED", "LAST_ACK", "SYN_SENT"],
            &["LISTEN", "CLOSE"],
        ),
        (&["--remote-port=80", "--remote-port=50001"], &["SYN_RECV", "SYN_SENT"], &[]),
        (&["--local-port=80", "--remote-port=443"], &["LAST_ACK"], &[]),
        (&["--local-port=80", "--remote-port=80"], &[], &[]),
        (
            &["--local-port=80", "--remote-port=443", "--local-port=443", "--remote-port=50001"],
            &["LAST_ACK", "SYN_SENT"],
            &["CLOSE"],
        ),
        (&["--local-port=80", "--remote-port=0"], &[], &["LISTEN"]),
    ];
    for (arguments, default, added) in cases {
        for (all, states) in [(&[][..], default.to_vec()), (&["--all"], [default, added].concat())]
        {
            let mut program = program();
            let counted = counts(program.args(arguments).args(all).arg(procfs.path()));
            let groups = ["tcp4", "tcp6", "udp4", "udp6"];
            let expected = groups
                .iter()
                .flat_map(|group| states.iter().map(move |state| format!("{group}.{state} 1")));
            let mut expected: Vec<String> = expected.collect();
            expected.sort();
            assert_eq!(nonzero(counted), expected, "{program:?}");
        }
    }
}

#[test]
fn each_port_option_takes_up_to_sixteen_ports() {
    let tcp = table("tcp");
    let procfs = procfs(&[("tcp", &tcp)]);
    let ports = |option: &str, last: u16| -> Vec<String> {
        (1..=15).chain([last]).map(|port| format!("{option}={port}")).collect()
    };
    let both = [ports("--local-port", 80), ports("--remote-port", 443)].concat();
    assert_eq!(report(program().args(["-q", "tcp4"]).args(&both).arg(procfs.path())), "1\n");
    for option in ["--local-port", "--remote-port"] {
        let reason = refusal(program().args(&both).args([option, "80"]).arg(procfs.path()));
        assert!(reason.contains(&format!("'{option}'")), "{reason}");
    }
}

#[test]
fn an_invalid_port_is_refused() {
    let values = [
        "",
        "-1",
        "-0",
        "+80",
        " 80",
        "80 ",
        "0x50",
        "http",
        "8O",
        "80.0",
        "80,443",
        "80:90",
        "65536",
        "131152",
        "4294967376",
        "18446744073709551696",
        "\u{661}",
    ];
    for option in ["--local-port", "--remote-port"] {
        for value in values {
            let reason = refusal(program().arg(format!("{option}={value}")));
            assert!(reason.starts_with("invalid PORT '"), "{reason}");
            assert!(reason.ends_with("' (expected a number from 0 to 65535)"), "{reason}");
        }
        assert_eq!(
            refusal(program().args([option, "a\n"])),
            "invalid PORT 'a\\x0a' (expected a number from 0 to 65535)"
        );
    }
}
