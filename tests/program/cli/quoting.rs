//! Bytes of the input in messages. Every message is one line of printable
//! ASCII, for any bytes in a table or an argument.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use crate::harness::hostile::hostile;
use crate::harness::{TABLES, fails, procfs, program};
use crate::oracles::check::shown;
use crate::samples::socket_table::HEADER;

/// Runs the program for a person and for a monitor, and asserts that both runs
/// fail with this message. `status` is the exit status for a person. If the
/// arguments have a threshold, only a run for a monitor is possible.
fn assert_message(arguments: &[&[u8]], status: i32, message: &str) {
    let has_threshold = arguments.iter().any(|word| matches!(*word, b"-w" | b"-c"));
    let audiences = if has_threshold { &[true][..] } else { &[false, true] };
    for &is_monitor in audiences {
        let mut program = program();
        if is_monitor {
            program.arg("-wtcp=0");
        }
        program.args(arguments.iter().map(|&word| OsStr::from_bytes(word)));
        let output = program.output().unwrap();
        let (prefix, status, printed, empty) = if is_monitor {
            ("NETWORK-CONNECTIONS UNKNOWN - ", 3, output.stdout, output.stderr)
        } else {
            ("network-connections: ", status, output.stderr, output.stdout)
        };
        let printed = String::from_utf8(printed).unwrap();
        assert_eq!(printed, format!("{prefix}{message}\n"), "{program:?}");
        assert_eq!((output.status.code(), &empty[..]), (Some(status), &b""[..]), "{program:?}");
        let line = printed.strip_suffix('\n').unwrap();
        assert!(line.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'|'), "{line}");
    }
}

#[test]
fn bytes_of_a_table_are_printed_as_ascii() {
    for word in hostile(b'\n') {
        let error = format!("is not a row of this table: '{}'", shown(&word[..word.len().min(91)]));
        for (table, header, line) in
            TABLES.map(|table| (table, HEADER, 2)).into_iter().chain([("nf_conntrack", "", 1)])
        {
            let procfs = procfs(&[]);
            let path = procfs.path().join("net").join(table);
            fs::write(&path, [header.as_bytes(), &word, b"\n"].concat()).unwrap();
            let message = format!("{}: line {line} {error}", path.display());
            let procfs = procfs.path().as_os_str().as_bytes();
            let conntrack: &[&[u8]] = if line == 1 { &[b"--conntrack"] } else { &[] };
            assert_message(&[conntrack, &[procfs]].concat(), 1, &message);
        }
    }
}

#[test]
fn bytes_of_an_argument_are_printed_as_ascii() {
    let cases: [(&[&str], &str, i32, &str); 17] = [
        (&[], "/", 1, "{}: No such file or directory"),
        (&["--conntrack"], "/", 1, "{}: No such file or directory"),
        (&["-o"], "/nowhere/", 1, "{}: No such file or directory"),
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
            "invalid RANGE '{}' (expected [@]END or [@][START]:[END], whole numbers in order)",
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
        // An equals sign would start the value of an option, or a range.
        word.retain(|&byte| byte != b'=');
        for (options, prefix, status, template) in cases {
            // The message shows the whole argument, or only the part before or
            // after a separator.
            let (argument, shown_part) = match prefix {
                "tcp=" => ([b"tcp=", &word[..]].concat(), word.clone()),
                "=1:" => ([&word[..], b"=1:"].concat(), word.clone()),
                "--" => ([b"--", &word[..]].concat(), [b"-", &word[..]].concat()),
                _ => ([prefix.as_bytes(), &word].concat(), [prefix.as_bytes(), &word].concat()),
            };
            // The program fails with another error if a path is too long.
            if status == 1 && argument.len() > 1024 {
                continue;
            }
            let mut arguments: Vec<&[u8]> = options.iter().map(|word| word.as_bytes()).collect();
            arguments.push(&argument);
            let mut message = template.replace("{}", &shown(&shown_part));
            if status == 2 {
                message += "; see 'network-connections --help'";
            }
            assert_message(&arguments, status, &message);
        }
    }
}

#[test]
fn control_characters_of_a_path_are_escaped() {
    let path = OsStr::from_bytes(b"/\x1b[31m\xff\n");
    let message = "network-connections: /\\x1b[31m\\xff\\x0a: No such file or directory\n";
    fails(program().arg(path), 1, message);
}
