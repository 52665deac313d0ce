//! Whatever bytes there are in what the program is given: it shows them as printable ASCII, on one line.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use crate::harness::hostile::hostile;
use crate::harness::{TABLES, procfs, program};
use crate::oracles::check::shown;
use crate::samples::socket_table::HEADER;

/// Runs the program, for which that must be a failure, as a person does and as a monitor does. What it says of it is this.
fn told(arguments: &[&[u8]], status: i32, what: &str) {
    // An option of a check may be among the arguments.
    let is_check = arguments.iter().any(|word| matches!(*word, b"-w" | b"-c"));
    let ways = if is_check { &[true][..] } else { &[false, true] };
    for &is_check in ways {
        let mut program = program();
        if is_check {
            program.arg("-wtcp=0");
        }
        program.args(arguments.iter().map(|&word| OsStr::from_bytes(word)));
        let output = program.output().unwrap();
        let (prefix, status, told, nothing) = if is_check {
            ("NETWORK-CONNECTIONS UNKNOWN - ", 3, output.stdout, output.stderr)
        } else {
            ("network-connections: ", status, output.stderr, output.stdout)
        };
        let told = String::from_utf8(told).unwrap();
        assert_eq!(told, format!("{prefix}{what}\n"), "{program:?}");
        assert_eq!((output.status.code(), &nothing[..]), (Some(status), &b""[..]), "{program:?}");
        let line = told.strip_suffix('\n').unwrap();
        assert!(line.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'|'), "{line}");
    }
}

#[test]
fn in_a_table() {
    for word in hostile(b'\n') {
        let what = format!("is not a row of this table: '{}'", shown(&word[..word.len().min(91)]));
        for (table, start, line) in
            TABLES.map(|table| (table, HEADER, 2)).into_iter().chain([("nf_conntrack", "", 1)])
        {
            let procfs = procfs(&[]);
            let path = procfs.path().join("net").join(table);
            fs::write(&path, [start.as_bytes(), &word, b"\n"].concat()).unwrap();
            let what = format!("{}: line {line} {what}", path.display());
            let procfs = procfs.path().as_os_str().as_bytes();
            let conntrack: &[&[u8]] = if line == 1 { &[b"--conntrack"] } else { &[] };
            told(&[conntrack, &[procfs]].concat(), 1, &what);
        }
    }
}

#[test]
fn in_an_argument() {
    let cases: [(&[&str], &str, i32, &str); 17] = [
        (&[], "/", 1, "{}/net/tcp: No such file or directory"),
        (&["--conntrack"], "/", 1, "{}/net/nf_conntrack: No such file or directory"),
        (&["-o"], "/nowhere/", 1, "{}.tmp: No such file or directory"),
        (&["-o"], "/dev/null/", 1, "{}: Not a directory"),
        (&["/proc"], "/", 2, "more than one PATH: '{}'"),
        (&["--source=netlink"], "/", 2, "--source netlink can't count in PATH '{}'"),
        (&["-q"], "", 2, "invalid KEY '{}' (expected GROUP or GROUP.STATE)"),
        (&["--conntrack", "-q"], "tcp.", 2, "invalid KEY '{}' (expected GROUP or GROUP.STATE)"),
        (&["-w"], "", 2, "invalid threshold '{}' (expected KEY=RANGE)"),
        (
            &["-c"],
            "tcp=",
            2,
            "invalid RANGE '{}' (expected [@][START:][END], whole numbers in order)",
        ),
        (&["-w"], "=1:", 2, "invalid KEY '{}' (expected GROUP or GROUP.STATE)"),
        (
            &["-f"],
            "",
            2,
            "invalid FORMAT '{}' (expected one of json ndjson prometheus influx collectd)",
        ),
        (&["-i"], "", 2, "invalid SECONDS '{}' (expected a number from 1 to 86400)"),
        (&["--local-port"], "", 2, "invalid PORT '{}' (expected a number from 0 to 65535)"),
        (&["--remote-port"], "", 2, "invalid PORT '{}' (expected a number from 0 to 65535)"),
        (&["--source"], "", 2, "invalid SOURCE '{}' (expected proc, netlink or auto)"),
        (&[], "--", 2, "unknown option '-{}'"),
    ];
    for mut word in hostile(0) {
        // (What is behind one is a value, or a range.)
        word.retain(|&byte| byte != b'=');
        for (before, start, status, template) in cases {
            // What is shown of the argument: all of it, or what is behind or before a sign.
            let (argument, value) = match start {
                "tcp=" => ([b"tcp=", &word[..]].concat(), word.clone()),
                "=1:" => ([&word[..], b"=1:"].concat(), word.clone()),
                "--" => ([b"--", &word[..]].concat(), [b"-", &word[..]].concat()),
                _ => ([start.as_bytes(), &word].concat(), [start.as_bytes(), &word].concat()),
            };
            // (One that is too long isn't looked for.)
            if status == 1 && argument.len() > 1024 {
                continue;
            }
            let mut arguments: Vec<&[u8]> = before.iter().map(|word| word.as_bytes()).collect();
            arguments.push(&argument);
            let mut what = template.replace("{}", &shown(&value));
            if status == 2 {
                what += "; see 'network-connections --help'";
            }
            told(&arguments, status, &what);
        }
    }
}
