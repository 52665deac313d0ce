//! The program as a plugin of a monitoring system (`-w`, `-c`).

use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::os::unix::ffi::OsStrExt;
use std::process::Command;

use crate::harness::{GROUPS, TABLES, numbered, procfs, program, report};
use crate::oracles::command_line::always_zero;
use crate::samples::socket_table::{HEADER, STATES};

/// Runs the program, asserts that the program prints only one line, to standard
/// output, and returns the exit status and the line.
fn check(command: &mut Command) -> (i32, String) {
    let output = command.output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{command:?}");
    let stdout = String::from_utf8(output.stdout).unwrap();
    let line = stdout
        .strip_suffix('\n')
        .unwrap_or_else(|| panic!("{command:?}: expected a line: {stdout}"));
    assert!(!line.bytes().any(|byte| byte.is_ascii_control()), "expected one line: {line:?}");
    (output.status.code().unwrap(), line.to_string())
}

/// Runs the program, asserts that the program fails with status UNKNOWN, and
/// returns the reason in the line.
fn unknown(command: &mut Command) -> String {
    let (status, line) = check(command);
    assert_eq!(status, 3, "{command:?}");
    // A monitor would parse the text after a bar as performance data.
    assert!(!line.contains('|'), "expected no performance data: {line}");
    let reason = line.strip_prefix("NETWORK-CONNECTIONS UNKNOWN - ");
    reason.unwrap_or_else(|| panic!("expected UNKNOWN: {line}")).to_string()
}

#[test]
fn ranges_follow_the_plugin_guidelines() {
    // A range, the numbers that raise an alert, and the numbers that do not.
    let cases: [(&str, &[usize], &[usize]); 34] = [
        ("10", &[11, 47], &[0, 9, 10]),
        ("0", &[1, 47], &[0]),
        (":10", &[11, 47], &[0, 9, 10]),
        (":0", &[1, 47], &[0]),
        (":", &[], &[0, 47]),
        ("10:", &[0, 9], &[10, 11, 47]),
        ("0:", &[], &[0, 47]),
        ("~:10", &[11, 47], &[0, 10]),
        ("~:0", &[1], &[0]),
        ("~:-1", &[0, 47], &[]),
        ("~:", &[], &[0, 47]),
        ("10:20", &[0, 9, 21, 47], &[10, 11, 19, 20]),
        ("10:10", &[9, 11], &[10]),
        ("-5:10", &[11], &[0, 10]),
        ("-10:-5", &[0, 7, 47], &[]),
        ("-5:", &[], &[0, 47]),
        ("@10", &[0, 10], &[11, 47]),
        ("@0", &[0], &[1]),
        ("@:10", &[0, 10], &[11, 47]),
        ("@:", &[0, 47], &[]),
        ("@10:", &[10, 47], &[0, 9]),
        ("@~:10", &[0, 10], &[11, 47]),
        ("@~:", &[0, 47], &[]),
        ("@10:20", &[10, 11, 19, 20], &[0, 9, 21, 47]),
        ("@10:10", &[10], &[9, 11]),
        ("@-5:10", &[0, 10], &[11]),
        ("@-10:-5", &[], &[0, 7, 47]),
        ("010", &[11], &[10]),
        // Bounds above the largest possible count, and below zero.
        ("2147483647", &[], &[0, 47]),
        ("4294967295", &[], &[0, 47]),
        ("99999999999999999999", &[], &[0, 47]),
        ("99999999999:", &[0, 47], &[]),
        ("-99999999999:10", &[11], &[0, 10]),
        ("@4294967296:4294967306", &[], &[0, 5, 10]),
    ];
    let procfs = numbered();
    for (range, alerts, fine) in cases {
        let numbers = alerts.iter().map(|number| (number, true));
        for (number, alert) in numbers.chain(fine.iter().map(|number| (number, false))) {
            let key = format!("{}.{}", GROUPS[number / 12], STATES[number % 12].0);
            for (option, worse) in [("-w", 1), ("-c", 2)] {
                let mut program = program();
                program.arg("--all").arg(format!("{option}{key}={range}")).arg(procfs.path());
                let (status, line) = check(&mut program);
                assert_eq!(status, if alert { worse } else { 0 }, "{program:?}: {line}");
                assert!(line.contains(&format!(" - {key} is {number} ")), "{program:?}: {line}");
            }
        }
    }
}

#[test]
fn an_invalid_range_is_refused() {
    let ranges = [
        "", "@", ":-1", "@:-1", ":~", ":@10", ":10:", "::", "@::", "~", "@~", "~~:1", "~:~", "1:~",
        "~1:2", "20:10", "@20:10", "-5", "@-1", "-1:-5", "0:-1", "1.5", "1.0", "1:2.5", "1:2:3",
        "1::2", "10::", "1,2", "1 ", " 1", "1: 2", "+1", "--1:5", "-:5", "1:-", "1e3", "0x10",
        "ten", "@@1", "1@", "10:@20", "1=2", "=1", "10%", "1\n", "\u{661}", "|",
    ];
    for range in ranges {
        for option in ["-w", "--critical"] {
            let mut program = program();
            let reason = unknown(program.arg(option).arg(format!("tcp={range}")));
            assert!(reason.starts_with("invalid RANGE '"), "{program:?}: {reason}");
        }
    }
    assert_eq!(
        unknown(program().arg("-wtcp=5:1")),
        "invalid RANGE '5:1' (expected [@]END or [@][START]:[END], whole numbers in order); \
         see 'network-connections --help'"
    );
}

#[test]
fn the_text_names_each_alert_and_the_performance_data_each_key() {
    // The states of tcp4 have 0 to 11 sockets, the states of tcp6 12 to 23, and
    // so on.
    let cases: [(&[&str], i32, &str); 21] = [
        (
            &["-w", "tcp4.LISTEN=7", "-c", "udp=~:", "--all"],
            0,
            "OK - tcp4.LISTEN is 7, udp is 852 | 'tcp4.LISTEN'=7;7;;0; 'udp'=852;;~:;0;",
        ),
        (
            &["-w", "tcp.TIME_WAIT=0:15", "-c", "tcp.TIME_WAIT=4000"],
            1,
            "WARNING - tcp.TIME_WAIT is 16 (outside 0:15) | 'tcp.TIME_WAIT'=16;0:15;4000;0;",
        ),
        // The text names the range of the worse alert, and completes the range
        // `65` to `0:65`.
        (
            &["-w", "tcp4=10", "-c", "tcp4=65"],
            2,
            "CRITICAL - tcp4 is 66 (outside 0:65) | 'tcp4'=66;10;65;0;",
        ),
        (
            &["-w", "tcp4=1", "-c", "tcp4=66"],
            1,
            "WARNING - tcp4 is 66 (outside 0:1) | 'tcp4'=66;1;66;0;",
        ),
        (
            &["-c", "tcp4=1", "-w", "tcp4=66"],
            2,
            "CRITICAL - tcp4 is 66 (outside 0:1) | 'tcp4'=66;66;1;0;",
        ),
        (&["-w", "tcp4=:65"], 1, "WARNING - tcp4 is 66 (outside 0:65) | 'tcp4'=66;:65;;0;"),
        (&["-w", "tcp4=@:66"], 1, "WARNING - tcp4 is 66 (inside 0:66) | 'tcp4'=66;@:66;;0;"),
        (&["-w", "tcp4=@:"], 1, "WARNING - tcp4 is 66 (inside 0:) | 'tcp4'=66;@:;;0;"),
        (&["-w", "tcp4=:", "-c", "tcp4=:66"], 0, "OK - tcp4 is 66 | 'tcp4'=66;:;:66;0;"),
        (&["-w", "tcp4=@66"], 1, "WARNING - tcp4 is 66 (inside 0:66) | 'tcp4'=66;@66;;0;"),
        (&["-w", "tcp4=@1:99"], 1, "WARNING - tcp4 is 66 (inside 1:99) | 'tcp4'=66;@1:99;;0;"),
        (&["-c", "tcp4=@~:66"], 2, "CRITICAL - tcp4 is 66 (inside ~:66) | 'tcp4'=66;;@~:66;0;"),
        (&["-c", "tcp4=67:"], 2, "CRITICAL - tcp4 is 66 (outside 67:) | 'tcp4'=66;;67:;0;"),
        (&["-w", "tcp4=-5:5"], 1, "WARNING - tcp4 is 66 (outside -5:5) | 'tcp4'=66;-5:5;;0;"),
        // With several keys, the status is the worst status of a key, and the
        // text names only the keys with an alert.
        (
            &["-w", "tcp4=1", "-c", "udp4=9:", "-c", "all=@1128", "-w", "udp6.CLOSE=39"],
            2,
            "CRITICAL - tcp4 is 66 (outside 0:1), all is 1128 (inside 0:1128) | 'tcp4'=66;1;;0; \
             'udp4'=354;;9:;0; 'all'=1128;;@1128;0; 'udp6.CLOSE'=39;39;;0;",
        ),
        (
            &["-c", "tcp4=@66:66", "-w", "tcp6=1"],
            2,
            "CRITICAL - tcp4 is 66 (inside 66:66), tcp6 is 210 (outside 0:1) | 'tcp4'=66;;@66:66;0; \
             'tcp6'=210;1;;0;",
        ),
        (
            &["-c", "tcp4=66", "-w", "tcp6=1", "-c", "tcp6=999", "-w", "udp=852"],
            1,
            "WARNING - tcp6 is 210 (outside 0:1) | 'tcp4'=66;;66;0; 'tcp6'=210;1;999;0; 'udp'=852;852;;0;",
        ),
        // A key appears once, at the position of its first range. The last
        // range of a severity applies.
        (
            &["-w", "tcp4=1", "-w", "udp=999", "-w", "tcp4=70", "-c", "tcp4=80"],
            0,
            "OK - tcp4 is 66, udp is 852 | 'tcp4'=66;70;80;0; 'udp'=852;999;;0;",
        ),
        // Other spellings of the options.
        (
            &["--warning=tcp4=1", "--critical", "udp=~:"],
            1,
            "WARNING - tcp4 is 66 (outside 0:1) | 'tcp4'=66;1;;0; 'udp'=852;;~:;0;",
        ),
        (&["-awtcp4=66"], 0, "OK - tcp4 is 66 | 'tcp4'=66;66;;0;"),
        (
            &["--local-port", "8081", "-wtcp4=0", "-c", "tcp4=0"],
            0,
            "OK - tcp4 is 0 | 'tcp4'=0;0;0;0;",
        ),
    ];
    let procfs = numbered();
    for (arguments, status, line) in cases {
        let mut program = program();
        let expected = (status, format!("NETWORK-CONNECTIONS {line}"));
        assert_eq!(check(program.args(arguments).arg(procfs.path())), expected);
    }
}

#[test]
fn every_key_can_be_compared_with_a_range() {
    let procfs = numbered();
    let groups = GROUPS.iter().chain(&["tcp", "udp", "all"]);
    let keys = groups.flat_map(|group| {
        let states = STATES.iter().map(move |(state, _)| format!("{group}.{state}"));
        [group.to_string()].into_iter().chain(states)
    });
    let keys: Vec<String> =
        keys.filter(|key| always_zero(false, true, &[], key).is_none()).collect();
    for (range, status) in [("-4294967295:4294967295", 0), ("@-4294967295:4294967295", 2)] {
        let mut program = program();
        program.arg("--all");
        for key in &keys {
            program.arg(format!("-w{key}={range}")).arg(format!("-c{key}={range}"));
        }
        let (exit_status, line) = check(program.arg(procfs.path()));
        assert_eq!(exit_status, status, "{line}");
        let (text, performance_data) = line.split_once(" | ").unwrap();
        assert_eq!(text.matches(" is ").count(), keys.len());
        let labels = performance_data.split(' ').map(|data| data.split('\'').nth(1).unwrap());
        assert_eq!(labels.collect::<Vec<_>>(), keys);
    }
}

#[test]
fn every_failure_is_reported_as_unknown() {
    let nothing = tempfile::tempdir().unwrap();
    let path = nothing.path().to_str().unwrap();
    let see = "; see 'network-connections --help'";
    // An error may come before the option that makes the run a check.
    let cases: [(&[&str], String); 21] = [
        (&["-wtcp=1", path], format!("{path}/net/tcp: No such file or directory")),
        (&[path, "-ctcp=1"], format!("{path}/net/tcp: No such file or directory")),
        (&["-wtcp"], format!("invalid threshold 'tcp' (expected KEY=RANGE){see}")),
        (&["-w", ""], format!("invalid threshold '' (expected KEY=RANGE){see}")),
        (&["-w", "-a"], format!("invalid threshold '-a' (expected KEY=RANGE){see}")),
        (&["-c"], format!("option '-c' needs a value{see}")),
        (&["--warning"], format!("option '--warning' needs a value{see}")),
        (&["-wtcp5=1"], format!("invalid KEY 'tcp5' (expected GROUP or GROUP.STATE){see}")),
        (&["-w=1"], format!("invalid KEY '' (expected GROUP or GROUP.STATE){see}")),
        (
            &["-wtcp.listen=1"],
            format!("invalid KEY 'tcp.listen' (expected GROUP or GROUP.STATE){see}"),
        ),
        (&["-x", "-wtcp=1"], format!("unknown option '-x'{see}")),
        (&["-xw", "tcp=1"], format!("unknown option '-x'{see}")),
        (&["-vw", "tcp=1"], {
            format!("'-v' is not supported: the output has only one level of detail{see}")
        }),
        (&["-H", "localhost", "-wtcp=1", path], {
            format!("'-H' is not supported: the program counts on this host only{see}")
        }),
        (&["-axctcp=1", "-a"], format!("unknown option '-x'{see}")),
        (&["-wtcp=1", "--what"], format!("unknown option '--what'{see}")),
        (&["-ftcp", "--critical", "tcp=1"], {
            format!(
                "invalid FORMAT 'tcp' (expected one of json ndjson prometheus influx collectd){see}"
            )
        }),
        (&["a", "b", "-wtcp=1"], format!("more than one PATH: 'b'{see}")),
        (&["", "-wtcp=1"], format!("PATH is empty{see}")),
        (
            &["-i0", "-wtcp=1"],
            format!("invalid SECONDS '0' (expected a number from 1 to 86400){see}"),
        ),
        (
            &["-wtcp=1", "-o", "/nowhere/FILE"],
            "/nowhere/FILE: No such file or directory".to_string(),
        ),
    ];
    for (arguments, reason) in cases {
        assert_eq!(unknown(program().args(arguments)), reason, "{arguments:?}");
    }
}

#[test]
fn help_and_version_exit_with_unknown_in_a_check() {
    for option in ["--help", "-V"] {
        let expected = report(program().arg(option));
        for arguments in [[option, "-wtcp=1"], ["-ctcp=1", option]] {
            let output = program().args(arguments).output().unwrap();
            assert_eq!(output.status.code(), Some(3), "{arguments:?}");
            assert_eq!(String::from_utf8(output.stdout).unwrap(), expected, "{arguments:?}");
            assert_eq!(output.stderr, b"", "{arguments:?}");
        }
    }
}

#[test]
fn a_check_that_can_not_print_exits_with_unknown() {
    for arguments in [["-wtcp=~:", "-a"], ["-ctcp=~:", "--help"], ["-ctcp=~:", "--what"]] {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = program().args(arguments).stdout(full).output().unwrap();
        assert_eq!(output.status.code(), Some(3), "{arguments:?}");
        assert_eq!(output.stderr, b"", "{arguments:?}");
    }
}

#[test]
fn quoted_input_is_escaped_in_the_line() {
    let hostile = b"0|'tcp'=0;;;0;\x1b[2J\r\x07\xff\\";
    let shown = r"0\x7c'tcp'=0;;;0;\x1b[2J\x0d\x07\xff\x5c";
    for table in TABLES {
        let procfs = procfs(&[]);
        let path = procfs.path().join("net").join(table);
        fs::write(path, [HEADER.as_bytes(), hostile, b"\n"].concat()).unwrap();
        let file = format!("{}/net/{table}", procfs.path().display());
        let reason = unknown(program().arg("-wtcp=~:").arg(procfs.path()));
        assert_eq!(reason, format!("{file}: line 2 is not a row of this table: '{shown}'"));
    }
    let hostile = OsStr::from_bytes(hostile);
    let reason = unknown(program().arg("-wtcp=~:").arg(hostile));
    assert_eq!(reason, format!("{shown}: No such file or directory"));
    for option in ["-q", "-w", "-c", "-f", "-i", "--local-port", "--what", "-"] {
        let reason = unknown(program().arg("-wtcp=~:").arg(option).arg(hostile).arg(hostile));
        assert!(reason.contains("; see 'network-connections --help'"), "{reason}");
    }
}

#[test]
fn a_check_can_be_written_to_a_file() {
    let procfs = numbered();
    let file = procfs.path().join("FILE");
    for (range, status, line) in [
        ("66", 0, "OK - tcp4 is 66 | 'tcp4'=66;;66;0;"),
        ("65", 2, "CRITICAL - tcp4 is 66 (outside 0:65) | 'tcp4'=66;;65;0;"),
    ] {
        let mut program = program();
        program.arg(format!("-ctcp4={range}")).arg("-o").arg(&file).arg(procfs.path());
        let output = program.output().unwrap();
        assert_eq!(output.status.code(), Some(status));
        assert_eq!((output.stdout, output.stderr), (vec![], vec![]));
        assert_eq!(fs::read_to_string(&file).unwrap(), format!("NETWORK-CONNECTIONS {line}\n"));
    }
}
