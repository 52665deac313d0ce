//! The options and the PATH of a command line, and the usage errors.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::harness::socket_rows::{ESTABLISHED, LISTEN};
use crate::harness::{counts, fails, nonzero, numbered, procfs, program, refusal, report, sources};
use crate::samples::socket_table::HEADER;

#[test]
fn all_counts_listening_sockets_too() {
    let tcp = [HEADER, ESTABLISHED, LISTEN, LISTEN].concat();
    let procfs = procfs(&[("tcp", &tcp)]);
    assert_eq!(nonzero(counts(program().arg(procfs.path()))), ["tcp4.ESTABLISHED 1"]);
    for all in ["-a", "--all"] {
        let counts = counts(program().arg(procfs.path()).arg(all));
        assert_eq!(nonzero(counts), ["tcp4.ESTABLISHED 1", "tcp4.LISTEN 2"]);
    }
}

#[test]
fn help_and_version_go_to_standard_output() {
    for option in ["-h", "--help"] {
        let help = report(program().arg(option));
        assert!(help.starts_with("Usage: network-connections [OPTIONS] [PATH]\n"), "{help}");
    }
    for option in ["-V", "--version"] {
        let expected = concat!("network-connections ", env!("CARGO_PKG_VERSION"), "\n");
        assert_eq!(report(program().arg(option)), expected);
    }
}

#[test]
fn usage_errors_have_exit_status_2() {
    let cases: [(&[&[u8]], &str); 8] = [
        (&[b"-x"], "unknown option '-x'"),
        (&[b"--what"], "unknown option '--what'"),
        (&[b"--what=ever"], "unknown option '--what'"),
        (&[b"--\x1b[2J\xff"], "unknown option '--\\x1b[2J\\xff'"),
        (&[b"-\n"], "unknown option '-\\x0a'"),
        (&[b"--all=yes"], "option '--all' takes no value"),
        (&[b"/proc", b"/proc"], "more than one PATH: '/proc'"),
        (&[b""], "PATH is empty"),
    ];
    for (arguments, error) in cases {
        let message = format!("network-connections: {error}; see 'network-connections --help'\n");
        fails(program().args(arguments.iter().map(|word| OsStr::from_bytes(word))), 2, &message);
    }
}

#[test]
fn an_option_takes_its_value_in_each_of_the_usual_ways() {
    let procfs = numbered();
    let run = |arguments: &[&str]| report(program().args(arguments).arg(procfs.path()));
    let ndjson = run(&["--format", "ndjson"]);
    assert_eq!(ndjson.lines().count(), 1);
    for arguments in [&["--format=ndjson"][..], &["-fndjson"], &["-f", "ndjson"]] {
        assert_eq!(run(arguments), ndjson, "{arguments:?}");
    }

    let procfs = self::procfs(&[("tcp", &[HEADER, ESTABLISHED, LISTEN].concat())]);
    let run = |arguments: &[&str]| report(program().args(arguments).arg(procfs.path()));
    let cases: [(&[&str], &str); 11] = [
        (&["-qtcp"], "1\n"),
        (&["-aqtcp"], "2\n"),
        (&["-aq", "tcp"], "2\n"),
        (&["-aaqtcp"], "2\n"),
        (&["-qtcp", "-a"], "2\n"),
        (&["--query=tcp", "--all"], "2\n"),
        (&["-aqtcp.LISTEN", "-qtcp", "--query", "udp"], "1\n2\n0\n"),
        (&["-qtcp", "--"], "1\n"),
        (&["--local-port", "8080", "-qtcp"], "1\n"),
        (&["--local-port=8080", "--remote-port=0", "-qtcp"], "0\n"),
        (&["-a", "--local-port=8080", "--remote-port=0", "-qtcp"], "1\n"),
    ];
    for (arguments, expected) in cases {
        assert_eq!(run(arguments), expected, "{arguments:?}");
    }
}

const EMPTY_FORMAT: &str =
    "invalid FORMAT '' (expected one of json ndjson prometheus influx collectd)";

#[test]
fn an_invalid_option_or_value_is_refused() {
    let cases: [(&[&str], &str); 38] = [
        (
            &["--verbose", "/proc"],
            "'--verbose' is not supported: the output has only one level of detail",
        ),
        (
            &["--hostname", "h", "/a", "/b"],
            "'--hostname' is not supported: the program counts on this host only",
        ),
        (&["-q"], "option '-q' needs a value"),
        (&["-aq"], "option '-q' needs a value"),
        (&["--query"], "option '--query' needs a value"),
        (&["--local-port"], "option '--local-port' needs a value"),
        (&["--remote-port"], "option '--remote-port' needs a value"),
        (&["-f"], "option '-f' needs a value"),
        (&["-o"], "option '-o' needs a value"),
        (&["-i"], "option '-i' needs a value"),
        // The argument after an option is the value, even if the argument
        // begins with a dash.
        (&["-q", "-a"], "invalid KEY '-a' (expected GROUP or GROUP.STATE)"),
        (&["-q", "--"], "invalid KEY '--' (expected GROUP or GROUP.STATE)"),
        (&["-q", "--help"], "invalid KEY '--help' (expected GROUP or GROUP.STATE)"),
        (&["--query", "--all"], "invalid KEY '--all' (expected GROUP or GROUP.STATE)"),
        (&["-qa", "-a"], "invalid KEY 'a' (expected GROUP or GROUP.STATE)"),
        // The first unknown key is an error only if no argument has another
        // error.
        (&["-qa", "-x"], "unknown option '-x'"),
        (&["-qtcp", "-qa", "-qb"], "invalid KEY 'a' (expected GROUP or GROUP.STATE)"),
        (&["-q=tcp"], "invalid KEY '=tcp' (expected GROUP or GROUP.STATE)"),
        (&["-q", ""], "invalid KEY '' (expected GROUP or GROUP.STATE)"),
        (&["--query="], "invalid KEY '' (expected GROUP or GROUP.STATE)"),
        (&["-f", ""], EMPTY_FORMAT),
        (&["--format="], EMPTY_FORMAT),
        (
            &["-f", "xml"],
            "invalid FORMAT 'xml' (expected one of json ndjson prometheus influx collectd)",
        ),
        (
            &["-f", "jso"],
            "invalid FORMAT 'jso' (expected one of json ndjson prometheus influx collectd)",
        ),
        (
            &["-f", "JSON"],
            "invalid FORMAT 'JSON' (expected one of json ndjson prometheus influx collectd)",
        ),
        (
            &["-f", "json ndjson"],
            "invalid FORMAT 'json ndjson' (expected one of json ndjson prometheus influx collectd)",
        ),
        (
            &["-f", "xml", "-f", "json"],
            "invalid FORMAT 'xml' (expected one of json ndjson prometheus influx collectd)",
        ),
        (&["-o", ""], "FILE is empty"),
        (&["--output="], "FILE is empty"),
        (&["-i", ""], "invalid SECONDS '' (expected a number from 1 to 86400)"),
        (&["--local-port="], "invalid PORT '' (expected a number from 0 to 65535)"),
        (&["--all="], "option '--all' takes no value"),
        (&["--help="], "option '--help' takes no value"),
        // An abbreviated or extended name is unknown.
        (&["--form", "json"], "unknown option '--form'"),
        (&["--formats", "json"], "unknown option '--formats'"),
        (&["--", "-a", "-q"], "more than one PATH: '-q'"),
        (&["-ax"], "unknown option '-x'"),
        (&["-a-"], "unknown option '--'"),
    ];
    for (arguments, error) in cases {
        assert_eq!(refusal(program().args(arguments)), error, "{arguments:?}");
    }
}

#[test]
fn after_two_dashes_every_argument_is_a_path() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["-q", "--all", "-f=x", "--"] {
        let message = format!("network-connections: {name}: No such file or directory\n");
        fails(program().current_dir(&directory).args(["-a", "--", name]), 1, &message);
    }
}

#[test]
fn the_last_value_of_an_option_applies() {
    let procfs = numbered();
    let run = |arguments: &[&str]| report(program().args(arguments).arg(procfs.path()));
    assert_eq!(run(&["-f", "ndjson", "--format=json"]), run(&[]));
    assert_eq!(run(&["-fjson", "-fndjson"]), run(&["-f", "ndjson"]));
}

#[test]
fn every_source_but_netlink_accepts_any_path() {
    let procfs = numbered();
    let path = procfs.path().to_str().unwrap();
    let expected = report(program().arg(path));
    let accepted: [&[&str]; 5] = [
        &["--source=proc", path],
        &["--source=auto", path],
        &[path, "--source", "auto"],
        &["--source=netlink", "--source=auto", path],
        &["--source=auto", "--source=proc", "--", path],
    ];
    for arguments in accepted {
        assert_eq!(report(program().args(arguments)), expected, "{arguments:?}");
    }
    for source in sources(test_name!()) {
        report(program().args(source).arg("/proc"));
        report(program().arg("/proc").args(source));
    }
    let refused: [(&[&str], &str); 7] = [
        (&["--source"], "option '--source' needs a value"),
        (&["--source="], "invalid SOURCE '' (expected proc, netlink or auto)"),
        (&["--source=tcp\n"], "invalid SOURCE 'tcp\\x0a' (expected proc, netlink or auto)"),
        (&["--source=netlink", "/proc/1"], "--source netlink can't count in PATH '/proc/1'"),
        (&["/proc/1", "--source=netlink"], "--source netlink can't count in PATH '/proc/1'"),
        (&["/x", "-i1", "--source=netlink"], "--source netlink can't count in PATH '/x'"),
        (&["--source=netlink", "-o", "f", "./"], "--source netlink can't count in PATH './'"),
    ];
    for (arguments, error) in refused {
        assert_eq!(refusal(program().args(arguments)), error, "{arguments:?}");
    }
    let output = program().args(["-wtcp=1", "--source=netlink", "/x"]).output().unwrap();
    let start = "NETWORK-CONNECTIONS UNKNOWN - --source netlink can't count in PATH '/x'";
    assert!(String::from_utf8(output.stdout).unwrap().starts_with(start));
    assert_eq!(output.status.code(), Some(3));
}

#[test]
fn the_first_of_help_version_and_an_error_decides() {
    let (help, version) = (report(program().arg("--help")), report(program().arg("--version")));
    let cases: [(&[&str], &str); 8] = [
        (&["-hV"], &help),
        (&["-Vh"], &version),
        (&["-h", "--what"], &help),
        (&["/a", "-V", "/b"], &version),
        (&["-h", "-f", "json", "-q", "tcp"], &help),
        (&["-o", "/nowhere/FILE", "-h"], &help),
        (&["-i1", "-V"], &version),
        (&["-V", "-q"], &version),
    ];
    for (arguments, expected) in cases {
        assert_eq!(report(program().args(arguments)), expected, "{arguments:?}");
    }
    assert_eq!(refusal(program().args(["--what", "-h"])), "unknown option '--what'");
}

#[test]
fn the_help_does_not_list_the_reserved_options() {
    let help = report(program().arg("--help"));
    for name in ["-v", "--verbose", "-H", "--hostname"] {
        assert!(!help.split([' ', ',', '\n']).any(|word| word == name), "{name}");
    }
}

#[test]
fn the_help_fits_in_80_columns() {
    for line in report(program().arg("--help")).lines() {
        assert!(line.chars().count() <= 80, "{line}");
        assert_eq!(line.trim_end(), line);
    }
}
