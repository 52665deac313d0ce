//! The program as a user or a script runs it: output, messages and exit statuses.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::thread;

use crate::harness::{
    TABLES, before_exec, counts, fails, message, mkfifo, nonzero, numbered, pipe, procfs,
    procfs_of, program, refusal, report, skipped, sources, without_privilege,
};
use crate::samples::socket_table::{HEADER, STATES};

const ESTABLISHED: &str = "   0: 0100007F:1F90 0200007F:C001 01 00000000:00000000\n";
const LISTEN: &str = "   1: 00000000:1F90 00000000:0000 0A 00000000:00000000\n";

/// The original is a script in Python, whose documentation has this sample, and whose place this program takes.
#[test]
fn the_original_programs_sample_byte_for_byte() {
    let procfs = procfs_of(|table, state| match (TABLES[table], STATES[state].0) {
        ("tcp", "ESTABLISHED") => 7,
        ("tcp", "TIME_WAIT") => 1973,
        ("tcp", "SYN_SENT") => 15,
        ("tcp6", "TIME_WAIT") => 80,
        ("tcp6", "ESTABLISHED") => 91,
        _ => 0,
    });
    assert_eq!(
        report(program().arg(procfs.path())),
        include_str!("../../fixtures/original-output.json")
    );
}

#[test]
fn counts_this_system() {
    assert!(report(&mut program()).starts_with("{\n    \"tcp4\": {\n        \"FIN_WAIT1\": "));
    report(program().args(["-a", "/proc/self"]));
}

#[test]
fn all_counts_listening_and_unconnected_sockets_too() {
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
    for (arguments, what) in cases {
        let message = format!("network-connections: {what}; see 'network-connections --help'\n");
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

#[test]
fn a_value_that_makes_no_sense_is_refused() {
    let cases: [(&[&str], &str); 36] = [
        (&["-q"], "option '-q' needs a value"),
        (&["-aq"], "option '-q' needs a value"),
        (&["--query"], "option '--query' needs a value"),
        (&["--local-port"], "option '--local-port' needs a value"),
        (&["--remote-port"], "option '--remote-port' needs a value"),
        (&["-f"], "option '-f' needs a value"),
        (&["-o"], "option '-o' needs a value"),
        (&["-i"], "option '-i' needs a value"),
        // What stands behind an option is its value, whatever it looks like.
        (&["-q", "-a"], "invalid KEY '-a' (expected GROUP or GROUP.STATE)"),
        (&["-q", "--"], "invalid KEY '--' (expected GROUP or GROUP.STATE)"),
        (&["-q", "--help"], "invalid KEY '--help' (expected GROUP or GROUP.STATE)"),
        (&["--query", "--all"], "invalid KEY '--all' (expected GROUP or GROUP.STATE)"),
        (&["-qa", "-a"], "invalid KEY 'a' (expected GROUP or GROUP.STATE)"),
        // Which keys there are is known at the end of the line; then the first is told.
        (&["-qa", "-x"], "unknown option '-x'"),
        (&["-qtcp", "-qa", "-qb"], "invalid KEY 'a' (expected GROUP or GROUP.STATE)"),
        (&["-q=tcp"], "invalid KEY '=tcp' (expected GROUP or GROUP.STATE)"),
        (&["-q", ""], "invalid KEY '' (expected GROUP or GROUP.STATE)"),
        (&["--query="], "invalid KEY '' (expected GROUP or GROUP.STATE)"),
        (&["-f", ""], FORMAT_EMPTY),
        (&["--format="], FORMAT_EMPTY),
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
        // Not abbreviated, nor under another name.
        (&["--form", "json"], "unknown option '--form'"),
        (&["--formats", "json"], "unknown option '--formats'"),
        (&["--", "-a", "-q"], "more than one PATH: '-q'"),
        (&["-ax"], "unknown option '-x'"),
        (&["-a-"], "unknown option '--'"),
    ];
    for (arguments, what) in cases {
        assert_eq!(refusal(program().args(arguments)), what, "{arguments:?}");
    }
}

const FORMAT_EMPTY: &str =
    "invalid FORMAT '' (expected one of json ndjson prometheus influx collectd)";

#[test]
fn behind_two_dashes_everything_is_a_path() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["-q", "--all", "-f=x", "--"] {
        let message = format!("network-connections: {name}/net/tcp: No such file or directory\n");
        fails(program().current_dir(&directory).args(["-a", "--", name]), 1, &message);
    }
}

#[test]
fn the_last_of_several_values_holds() {
    let procfs = numbered();
    let run = |arguments: &[&str]| report(program().args(arguments).arg(procfs.path()));
    assert_eq!(run(&["-f", "ndjson", "--format=json"]), run(&[]));
    assert_eq!(run(&["-fjson", "-fndjson"]), run(&["-f", "ndjson"]));
}

#[test]
fn a_path_is_for_all_sources_but_netlink() {
    let procfs = numbered();
    let path = procfs.path().to_str().unwrap();
    let expected = report(program().arg(path));
    let lines: [&[&str]; 5] = [
        &["--source=proc", path],
        &["--source=auto", path],
        &[path, "--source", "auto"],
        &["--source=netlink", "--source=auto", path],
        &["--source=auto", "--source=proc", "--", path],
    ];
    for line in lines {
        assert_eq!(report(program().args(line)), expected, "{line:?}");
    }
    for source in sources(test_name!()) {
        report(program().args(source).arg("/proc"));
        report(program().arg("/proc").args(source));
    }
    let cases: [(&[&str], &str); 7] = [
        (&["--source"], "option '--source' needs a value"),
        (&["--source="], "invalid SOURCE '' (expected proc, netlink or auto)"),
        (&["--source=tcp\n"], "invalid SOURCE 'tcp\\x0a' (expected proc, netlink or auto)"),
        (&["--source=netlink", "/proc/1"], "--source netlink can't count in PATH '/proc/1'"),
        (&["/proc/1", "--source=netlink"], "--source netlink can't count in PATH '/proc/1'"),
        (&["/x", "-i1", "--source=netlink"], "--source netlink can't count in PATH '/x'"),
        (&["--source=netlink", "-o", "f", "./"], "--source netlink can't count in PATH './'"),
    ];
    for (arguments, what) in cases {
        assert_eq!(refusal(program().args(arguments)), what, "{arguments:?}");
    }
    let output = program().args(["-wtcp=1", "--source=netlink", "/x"]).output().unwrap();
    let what = "NETWORK-CONNECTIONS UNKNOWN - --source netlink can't count in PATH '/x'";
    assert!(String::from_utf8(output.stdout).unwrap().starts_with(what));
    assert_eq!(output.status.code(), Some(3));
}

#[test]
fn the_first_of_help_version_and_a_problem_is_told() {
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
fn the_help_fits_on_a_terminal() {
    for line in report(program().arg("--help")).lines() {
        assert!(line.chars().count() <= 80, "{line}");
        assert_eq!(line.trim_end(), line);
    }
}

#[test]
fn missing_ipv6_tables_are_zero() {
    let procfs = procfs(&[("tcp", &[HEADER, ESTABLISHED].concat())]);
    assert_eq!(nonzero(counts(program().arg(procfs.path()))), ["tcp4.ESTABLISHED 1"]);
}

#[test]
fn missing_ipv4_tables_are_errors() {
    for table in ["tcp", "udp"] {
        let procfs = procfs(&[]);
        fs::remove_file(procfs.path().join("net").join(table)).unwrap();
        let message = message(procfs.path(), table, "No such file or directory");
        fails(program().arg(procfs.path()), 1, &message);
    }
    let message = "network-connections: /nowhere/net/tcp: No such file or directory\n";
    fails(program().arg("/nowhere"), 1, message);
    let message = "network-connections: /dev/null/net/tcp: Not a directory\n";
    fails(program().arg("/dev/null"), 1, message);
}

#[test]
fn unreadable_tables_are_errors() {
    type Spoil = fn(&Path) -> io::Result<()>;
    let cases: [(Spoil, &str); 4] = [
        (|table| fs::create_dir(table), "Is a directory"),
        (|table| symlink(table, table), "Too many levels of symbolic links"),
        (|table| UnixListener::bind(table).map(drop), "No such device or address"),
        // A file of procfs that can be opened, and not read at address 0.
        (|table| symlink("/proc/self/mem", table), "Input/output error"),
    ];
    for table in TABLES {
        for (spoil, reason) in cases {
            let procfs = procfs(&[]);
            let path = procfs.path().join("net").join(table);
            let _ = fs::remove_file(&path);
            spoil(&path).unwrap();
            fails(program().arg(procfs.path()), 1, &message(procfs.path(), table, reason));
        }
    }
}

#[test]
fn a_forbidden_table_is_an_error() {
    for table in TABLES {
        let procfs = procfs(&[(table, HEADER)]);
        let path = procfs.path().join("net").join(table);
        fs::set_permissions(&path, Permissions::from_mode(0o000)).unwrap();
        let mut program = program();
        without_privilege(&mut program);
        let message = message(procfs.path(), table, "Permission denied");
        fails(program.arg(procfs.path()), 1, &message);
    }
}

#[test]
fn a_name_that_is_too_long_is_an_error() {
    let path = "/x".repeat(2500);
    let shown = &path[..1024];
    let message = format!("network-connections: {shown}.../net/tcp: File name too long\n");
    fails(program().arg(&path), 1, &message);
}

#[test]
fn a_line_that_is_not_a_row_is_an_error() {
    for table in TABLES {
        let content = format!("{HEADER}\x1b]0;hello\x07 w\u{f6}rld\\\n");
        let procfs = procfs(&[(table, &content)]);
        let what = r"line 2 is not a row of this table: '\x1b]0;hello\x07 w\xc3\xb6rld\x5c'";
        fails(program().arg(procfs.path()), 1, &message(procfs.path(), table, what));
    }
    let garbage = "x".repeat(10_000);
    let procfs = procfs(&[("tcp", &[HEADER, ESTABLISHED, LISTEN, &garbage].concat())]);
    let what = format!("line 4 is not a row of this table: '{}'", "x".repeat(91));
    fails(program().arg(procfs.path()), 1, &message(procfs.path(), "tcp", &what));
}

#[test]
fn a_path_is_shown_without_control_characters() {
    let path = OsStr::from_bytes(b"/\x1b[31m\xff\n");
    let message = "network-connections: /\\x1b[31m\\xff\\x0a/net/tcp: No such file or directory\n";
    fails(program().arg(path), 1, message);
}

#[test]
fn the_report_is_one_write() {
    let procfs = procfs(&[]);
    let expected = report(program().arg(procfs.path()));
    // A datagram is one write.
    let (ours, theirs) = UnixDatagram::pair().unwrap();
    let status = program().arg(procfs.path()).stdout(OwnedFd::from(theirs)).status().unwrap();
    assert!(status.success());
    let mut datagram = [0; 4096];
    let length = ours.recv(&mut datagram).unwrap();
    assert_eq!(String::from_utf8_lossy(&datagram[..length]), expected);
}

#[test]
fn an_output_that_would_block_is_an_error() {
    let (_ours, theirs) = UnixDatagram::pair().unwrap();
    theirs.set_nonblocking(true).unwrap();
    while theirs.send(b"as long as there is room").is_ok() {}
    let message = "network-connections: standard output: Resource temporarily unavailable\n";
    fails(program().stdout(OwnedFd::from(theirs)), 1, message);
}

#[test]
fn starts_as_a_set_user_id_program_does() {
    // musl's start-up takes a path of its own then, and so may an instruction that a CPU lacks.
    let set = || {
        const NOBODY: libc::uid_t = 65534;
        const UNCHANGED: libc::uid_t = libc::uid_t::MAX;
        // SAFETY: it takes numbers.
        unsafe { libc::setresuid(NOBODY, UNCHANGED, UNCHANGED) }
    };
    let mut program = program();
    match before_exec(&mut program, set).output() {
        Ok(output) => assert!(output.status.success(), "{output:?}"),
        Err(error) => {
            skipped(test_name!(), &format!("setresuid: {error}"));
        }
    }
}

#[test]
fn a_full_disk_is_an_error() {
    for arguments in [&[][..], &["--help"], &["--version"]] {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let message = "network-connections: standard output: No space left on device\n";
        fails(program().args(arguments).stdout(full), 1, message);
    }
}

#[test]
fn a_closed_standard_output_is_an_error() {
    let mut program = program();
    // SAFETY: nothing else in the child uses the descriptor.
    before_exec(&mut program, || unsafe { libc::close(1) });
    fails(&mut program, 1, "network-connections: standard output: Bad file descriptor\n");
}

/// A pipe whose reader has gone.
fn broken_pipe() -> OwnedFd {
    let [_reader, writer] = pipe(0);
    writer
}

#[test]
fn a_reader_that_has_gone_ends_it_quietly() {
    let output = program().stdout(broken_pipe()).output().unwrap();
    assert_eq!(output.status.signal(), Some(libc::SIGPIPE));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn a_reader_that_has_gone_ends_it_quietly_where_the_signal_is_ignored() {
    let mut program = program();
    before_exec(&mut program, || {
        // SAFETY: to ignore a signal has no preconditions.
        match unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) } {
            libc::SIG_ERR => -1,
            _ => 0,
        }
    });
    fails(program.stdout(broken_pipe()), 1, "");
}

#[test]
fn a_closed_standard_error_keeps_the_exit_status() {
    let mut program = program();
    // SAFETY: nothing else in the child uses the descriptor.
    before_exec(&mut program, || unsafe { libc::close(2) });
    assert_eq!(program.arg("--what").output().unwrap().status.code(), Some(2));
}

#[test]
fn a_fifo_that_hands_out_one_byte_at_a_time() {
    let procfs = procfs(&[]);
    let fifo = procfs.path().join("net/tcp6");
    let address = "00000000000000000000000001000000";
    let row = |slot, state| format!("{slot:4}: {address}:1F90 {address}:C001 {state} 0000\n");
    let table = [HEADER, &row(0, "01"), &row(12345, "06"), &row(2, "08")].concat();
    mkfifo(&fifo).unwrap();
    let writer = thread::spawn(move || {
        let mut fifo = OpenOptions::new().write(true).open(fifo).unwrap();
        for byte in table.as_bytes() {
            fifo.write_all(&[*byte]).unwrap();
            while unread(&fifo) > 0 {
                thread::yield_now();
            }
        }
    });
    let expected = ["tcp6.CLOSE_WAIT 1", "tcp6.ESTABLISHED 1", "tcp6.TIME_WAIT 1"];
    assert_eq!(nonzero(counts(program().arg(procfs.path()))), expected);
    writer.join().unwrap();
}

/// Bytes in a pipe that nobody has read yet.
fn unread(pipe: &File) -> libc::c_int {
    let mut bytes = 0;
    // SAFETY: FIONREAD writes an int, and is given the address of one.
    assert_eq!(unsafe { libc::ioctl(pipe.as_raw_fd(), libc::FIONREAD, &mut bytes) }, 0);
    bytes
}
