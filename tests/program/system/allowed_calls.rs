//! Tests that compare the system calls of the program with the list in the
//! manual page. The program needs every call in the list, and no other call.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use libc::c_long;
use tempfile::TempDir;

use crate::harness::manual_page;
use crate::harness::netlink;
use crate::harness::seccomp::{CALL_NUMBER, end, filtered, load, unless};
use crate::harness::supervisor::{
    Answer, CALL_NUMBERS, TIMER, can_supervise, start_up_calls, supervise,
};
use crate::harness::{
    TRACKED_ROW, in_namespace, in_parallel, is_dynamic, is_emulated, limit, mkfifo, plain_program,
    program_file, skipped, without_privilege,
};
use crate::samples::socket_table::HEADER;
use crate::system::link_own_namespace;

/// The arguments of a run, and the rows of the manual page's list that the run
/// needs besides `everything`.
type Mode = (&'static str, &'static [&'static str]);

/// The tested runs. [`create_directory`] creates their files:
///
/// - `procfs` and `tracked` resemble `/proc`.
/// - `process` resembles `/proc/PID`, and `bare` has only the table.
/// - `nowhere` does not exist, `closed` is unreadable, and `broken` has
///   malformed tables.
/// - The table in `endless` is a FIFO without bytes, so a read never ends.
/// - `FILE` exists, and so does a temporary file of a killed run.
const MODES: &[Mode] = &[
    ("--all", &["proc"]),
    ("procfs", &["proc", "PATH"]),
    ("-q tcp procfs", &["proc", "PATH"]),
    ("-w tcp=9 procfs", &["proc", "PATH"]),
    ("nowhere", &["proc"]),
    ("closed", &["proc", "PATH"]),
    ("-w tcp=9 closed", &["proc", "PATH"]),
    ("broken", &["proc", "PATH"]),
    ("--conntrack tracked", &["proc", "PATH"]),
    ("--conntrack process", &["proc", "PATH"]),
    ("--conntrack bare", &["proc", "PATH"]),
    ("--conntrack nowhere", &["proc"]),
    ("--conntrack closed", &["proc", "PATH"]),
    ("--conntrack broken", &["proc", "PATH"]),
    ("--all --source netlink", &["netlink"]),
    ("--source netlink -w tcp=9", &["netlink"]),
    ("--source netlink -o FILE", &["netlink", "-o"]),
    ("--all --source auto", &["netlink"]),
    ("-f collectd procfs", &["proc", "PATH", "collectd"]),
    ("-f collectd -o FILE procfs", &["proc", "PATH", "collectd", "-o"]),
    ("-o new procfs", &["proc", "PATH", "-o"]),
    ("-o nowhere/FILE procfs", &["proc", "PATH", "-o"]),
    ("-o closed/FILE procfs", &["proc", "PATH", "-o"]),
    ("-o procfs procfs", &["proc", "PATH", "-o"]),
    ("-o FILE nowhere", &["proc", "-o"]),
    ("-i 1 procfs", &["proc", "PATH", "-i"]),
    ("-i 1 nowhere", &["proc", "-i"]),
    ("--all --source netlink -i 1", &["netlink", "-i"]),
    ("-t 9 procfs", &["proc", "PATH", "-t"]),
    ("-t 1 endless", &["proc", "PATH", "-t"]),
    ("--source netlink -t 9", &["netlink", "-t"]),
    ("--help", &[]),
    ("--what", &[]),
];

/// Returns the calls that the manual page lists in these rows.
fn calls_in_rows(rows: &[&str]) -> BTreeSet<&'static str> {
    let listed = manual_page::system_calls();
    let calls = rows.iter().flat_map(|row| {
        let found = listed.iter().find(|(name, _)| name == row);
        &found.unwrap_or_else(|| panic!("the manual page must list {row:?}: {listed:?}")).1
    });
    calls.copied().collect()
}

/// Returns the calls that the manual page lists for a mode with these rows.
fn calls_of_mode(rows: &[&str]) -> BTreeSet<&'static str> {
    calls_in_rows(&[&["everything"], rows].concat())
}

/// Returns the numbers of a call and of its counterparts in other C libraries.
fn call_numbers(call: &str) -> Vec<c_long> {
    let known = CALL_NUMBERS.iter().filter(|&&(name, _)| name == call).map(|&(_, number)| number);
    let numbers: Vec<c_long> = known.collect();
    assert!(!numbers.is_empty(), "CALL_NUMBERS must have {call}");
    numbers
}

/// Returns a filter that allows these calls, and the calls that start the
/// program. Any other call kills the program with SIGSYS.
fn filter_allowing(calls: &BTreeSet<&str>) -> Vec<libc::sock_filter> {
    let start = unlisted_start_up_calls();
    let numbers = calls.iter().flat_map(|call| call_numbers(call)).chain(start.iter().copied());
    let allow = numbers.flat_map(|number| [unless(number as u32, 1), end(libc::SECCOMP_RET_ALLOW)]);
    let allow: Vec<_> = allow.collect();
    [&[load(CALL_NUMBER)], &allow[..], &[end(libc::SECCOMP_RET_KILL_PROCESS)]].concat()
}

/// Returns the numbers of the start-up calls that the list lacks: execve. For a
/// dynamic program, returns all start-up calls, because the list lacks the
/// calls of the loader.
fn unlisted_start_up_calls() -> BTreeSet<c_long> {
    let all = start_up_calls().as_ref().unwrap().iter().copied();
    if is_dynamic(&program_file()) {
        return all.collect();
    }
    let listed: Vec<c_long> =
        calls_in_rows(&["everything"]).iter().flat_map(|call| call_numbers(call)).collect();
    let start: BTreeSet<c_long> = all.filter(|number| !listed.contains(number)).collect();
    assert!(start.iter().eq(&[libc::SYS_execve]), "only execve may be unlisted: {start:?}");
    start
}

/// Creates the directory of a run. The returned file keeps the FIFO in
/// `endless` open until the caller drops the file.
fn create_directory() -> (TempDir, File) {
    let directory = tempfile::tempdir().unwrap();
    let fill = "sys/net/netfilter/nf_conntrack_";
    let files = [
        ("procfs/net/tcp", HEADER),
        ("procfs/net/udp", HEADER),
        ("closed/net/tcp", HEADER),
        ("closed/net/nf_conntrack", TRACKED_ROW),
        ("broken/net/tcp", "\n\n"),
        ("broken/net/nf_conntrack", "\n"),
        ("tracked/net/nf_conntrack", TRACKED_ROW),
        (&format!("tracked/{fill}count"), "1\n"),
        (&format!("tracked/{fill}max"), "2\n"),
        ("process/net/nf_conntrack", TRACKED_ROW),
        ("bare/net/nf_conntrack", TRACKED_ROW),
        ("endless/net/udp", HEADER),
        ("FILE", "old\n"),
        // No process has this PID.
        (".network-connections.tmp.999999999.1", "old\n"),
    ];
    for (name, contents) in files {
        let file = directory.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, contents).unwrap();
    }
    link_own_namespace(&directory.path().join("process"));
    for name in ["closed/net/tcp", "closed/net/nf_conntrack", "closed"] {
        let mode = if name == "closed" { 0o555 } else { 0 };
        fs::set_permissions(directory.path().join(name), Permissions::from_mode(mode)).unwrap();
    }
    let fifo = directory.path().join("endless/net/tcp");
    mkfifo(&fifo).unwrap();
    let fifo = OpenOptions::new().read(true).write(true).open(fifo).unwrap();
    (directory, fifo)
}

/// Returns the program with these arguments in the directory of a run. The
/// program obeys the permissions of files, and dumps no core in the directory.
fn program_in(directory: &TempDir, arguments: &str) -> Command {
    let mut program = plain_program();
    program.args(arguments.split(' ')).current_dir(directory);
    without_privilege(&mut program);
    limit(&mut program, libc::RLIMIT_CORE as i32, 0);
    program
}

/// The exit status of a run, its standard output and standard error, and the
/// contents of the files in its directory.
type Outcome = (ExitStatus, [String; 2], BTreeMap<String, String>);

/// Runs the program in a new directory. `prepare` changes the command before
/// the run. A run with `-i` gets SIGTERM after its second report.
fn run(arguments: &str, prepare: impl FnOnce(&mut Command) -> &mut Command) -> Outcome {
    let (directory, _fifo) = create_directory();
    let mut program = program_in(&directory, arguments);
    prepare(&mut program);
    program.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = program.spawn().unwrap();
    let mut stdout = String::new();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut reports = 0;
    while lines.read_line(&mut stdout).unwrap() > 0 {
        reports += usize::from(stdout.ends_with("\n}\n"));
        if reports == 2 {
            // SAFETY: kill takes only numbers.
            unsafe { libc::kill(child.id() as libc::pid_t, libc::SIGTERM) };
        }
    }
    let output = child.wait_with_output().unwrap();
    let files = fs::read_dir(&directory).unwrap().filter_map(|file| {
        let path = file.unwrap().path();
        let contents = fs::read_to_string(&path).ok()?;
        Some((path.file_name().unwrap().to_str().unwrap().to_string(), contents))
    });
    let stderr = String::from_utf8(output.stderr).unwrap();
    (output.status, [stdout, stderr], files.collect())
}

#[test]
fn a_filter_of_the_listed_calls_changes_nothing() {
    let name = test_name!();
    if !can_supervise(name) || !in_namespace(name, libc::CLONE_NEWNET) {
        return;
    }
    let _sockets = netlink::open_sockets();
    in_parallel(MODES, |(arguments, rows)| {
        let expected = run(arguments, |program| program);
        assert_ne!(expected.0.signal(), Some(libc::SIGSYS));
        let with_filter =
            run(arguments, |program| filtered(program, filter_allowing(&calls_of_mode(rows))));
        assert_eq!(with_filter, expected, "{arguments}");
    });
    // Where netlink fails, auto makes the calls of both sources.
    let auto = calls_of_mode(&["proc", "netlink"]);
    let (directory, _fifo) = create_directory();
    let calls = supervise(&mut program_in(&directory, "--source auto"), |call| match call.name {
        "socket" => Answer::Fail(libc::EPERM),
        _ => Answer::GoOn,
    })
    .calls;
    assert!(calls.iter().all(|call| auto.contains(call.name)), "{calls:?}");
}

/// The calls that other architectures make instead of a call, as in the manual
/// page.
const COUNTERPARTS: &[(&str, &[&str])] = &[
    ("arch_prctl", &["set_thread_area", "set_tls"]),
    ("newfstatat", &["fstatat64", "statx"]),
    ("renameat", &["renameat2"]),
    ("rt_sigreturn", &["sigreturn"]),
];

/// Returns these calls and their counterparts on other architectures.
fn with_counterparts(calls: &BTreeSet<&'static str>) -> BTreeSet<&'static str> {
    let others = COUNTERPARTS.iter().filter(|(call, _)| calls.contains(call));
    others.flat_map(|(_, others)| others.iter()).chain(calls).copied().collect()
}

#[test]
fn other_architectures_make_the_listed_calls() {
    let name = test_name!();
    if !is_emulated() {
        return skipped(name, "the program is not for another architecture");
    }
    let log = tempfile::tempdir().unwrap();
    let mut seen = BTreeSet::new();
    // The source that auto chooses depends on the system.
    for (arguments, rows) in MODES.iter().filter(|(arguments, _)| !arguments.ends_with("auto")) {
        let log = log.path().join(arguments.replace('/', " "));
        // QEMU writes the calls to the file in its variable QEMU_LOG_FILENAME.
        run(arguments, |program| program.env("QEMU_STRACE", "1").env("QEMU_LOG_FILENAME", &log));
        let log = fs::read_to_string(log).unwrap();
        // The log also has a line for each signal.
        let lines = log.lines().filter(|line| !line.contains("--- SIG"));
        let calls = lines.map(|line| line.split([' ', '(']).nth(1).unwrap());
        let listed = with_counterparts(&calls_of_mode(rows));
        for call in calls {
            let call =
                listed.get(call).unwrap_or_else(|| panic!("{arguments}: {call} must be listed"));
            seen.insert(*call);
        }
    }
    // The runs together made every call, by one of its names. QEMU refuses
    // sockets of sock_diag, so the row `netlink` is missing here.
    for call in calls_of_mode(&["proc", "PATH", "collectd", "-o", "-i", "-t"]) {
        // Some architectures use a register instead of this call, or QEMU does
        // not log the call.
        if call == "arch_prctl" {
            continue;
        }
        assert!(!seen.is_disjoint(&with_counterparts(&[call].into())), "a run must call {call}");
    }
}

#[test]
fn a_stopped_run_needs_no_other_call() {
    let name = test_name!();
    if !can_supervise(name) {
        return;
    }
    // A program that waits in these calls continues with restart_syscall, if
    // the C library or the program uses a call with a relative time.
    for (arguments, rows) in [
        ("-f ndjson -i 1 procfs", &["proc", "PATH", "-i"][..]),
        ("-t 1 endless", &["proc", "PATH", "-t"]),
    ] {
        let (directory, _fifo) = create_directory();
        let mut program = program_in(&directory, arguments);
        filtered(&mut program, filter_allowing(&calls_of_mode(rows)));
        program.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = program.spawn().unwrap();
        let id = child.id() as libc::pid_t;
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let is_repeated = rows.contains(&"-i");
        if is_repeated {
            lines.next().unwrap().unwrap();
        }
        for signal in [libc::SIGSTOP, libc::SIGCONT] {
            thread::sleep(Duration::from_millis(200));
            // SAFETY: kill takes only numbers.
            assert_eq!(unsafe { libc::kill(id, signal) }, 0);
        }
        if is_repeated {
            lines.next().unwrap().unwrap();
            child.kill().unwrap();
        }
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        if is_repeated {
            assert_eq!((output.status.signal(), &stderr[..]), (Some(libc::SIGKILL), ""));
        } else {
            let message = "network-connections: endless/net/tcp: Timer expired (--timeout)\n";
            assert_eq!((output.status.code(), &stderr[..]), (Some(1), message));
        }
    }
}

#[test]
fn the_systemd_services_allow_the_listed_calls() {
    let services = [
        ("network-connections", &["proc", "netlink", "-o", "-i"][..]),
        ("network-conntrack", &["proc", "-o", "-i"]),
    ];
    for (name, rows) in services {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib/systemd");
        let service = fs::read_to_string(directory.join(name).with_extension("service")).unwrap();
        let lines = service.lines().filter_map(|line| line.strip_prefix("SystemCallFilter="));
        let calls: BTreeSet<&str> = lines.flat_map(|line| line.split(' ')).collect();
        assert_eq!(calls, with_counterparts(&calls_of_mode(rows)), "{name}");
    }
}

#[test]
fn each_listed_call_is_needed() {
    let name = test_name!();
    if !can_supervise(name) || !in_namespace(name, libc::CLONE_NEWNET) {
        return;
    }
    let cases: Vec<(&str, &str)> = manual_page::system_calls()
        .into_iter()
        .flat_map(|(row, calls)| calls.into_iter().map(move |call| (row, call)))
        // In a dynamic program, only the loader makes these two calls.
        .filter(|(_, call)| {
            !is_dynamic(&program_file()) || !["arch_prctl", "set_tid_address"].contains(call)
        })
        .collect();
    in_parallel(&cases, |&(row, call)| {
        // In these modes, no other row allows the call.
        let mut modes = MODES.iter().filter(|(_, rows)| {
            let rows: Vec<&str> = [&["everything"], *rows].concat();
            let others: Vec<&str> = rows.iter().copied().filter(|&other| other != row).collect();
            rows.contains(&row) && !calls_in_rows(&others).contains(call)
        });
        assert!(modes.any(|mode| is_needed(mode, call)), "a mode of {row} must need {call}");
    });
}

/// Returns whether a run needs this call.
fn is_needed((arguments, rows): &Mode, call: &str) -> bool {
    let mut calls = calls_of_mode(rows);
    calls.remove(call);
    let start = unlisted_start_up_calls();
    if call_numbers(call).iter().any(|number| start.contains(number)) {
        // The loader makes this call too, so the filter has to allow the call.
        // The supervisor sees only the calls of the program's own code.
        let (directory, _fifo) = create_directory();
        let run = supervise(&mut program_in(&directory, arguments), |made| match &made.file[..] {
            // Otherwise the run would never end.
            TIMER if made.name == "read" => Answer::Kill,
            _ => Answer::GoOn,
        });
        return run.calls.iter().any(|made| made.name == call);
    }
    run(arguments, |program| filtered(program, filter_allowing(&calls))).0.signal()
        == Some(libc::SIGSYS)
}
