//! The system calls that the manual page lists: a filter that lets nothing else through changes nothing, and one that
//! lacks any of them ends the program.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, Permissions};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use libc::c_long;
use tempfile::TempDir;

use crate::harness::manual_page;
use crate::harness::netlink;
use crate::harness::seccomp::{NUMBER, end, filtered, load, unless};
use crate::harness::supervisor::{self, Answer, NUMBERS, TIMER, can_supervise, supervise};
use crate::harness::{
    in_namespace, in_parallel, is_dynamic, is_emulated, limit, lock, plain_program, program_file,
    skipped, without_privilege,
};
use crate::samples::socket_table::HEADER;

/// The arguments of a run, and the rows of the list that it needs.
type Mode = (&'static str, &'static [&'static str]);

/// (procfs and tracked are directories like /proc, process is like that of a process, and in bare is nothing but the
/// table. nowhere is missing, closed may not be read, and in broken no table is one. FILE is there, and so is a
/// directory that is locked.)
const MODES: &[Mode] = &[
    ("--all", &["proc"]),
    ("procfs", &["proc"]),
    ("-q tcp procfs", &["proc"]),
    ("-w tcp=9 procfs", &["proc"]),
    ("nowhere", &["proc"]),
    ("closed", &["proc"]),
    ("-w tcp=9 closed", &["proc"]),
    ("broken", &["proc"]),
    ("--conntrack tracked", &["proc"]),
    ("--conntrack process", &["proc", "--conntrack"]),
    ("--conntrack bare", &["proc", "--conntrack"]),
    ("--conntrack nowhere", &["proc"]),
    ("--conntrack closed", &["proc"]),
    ("--conntrack broken", &["proc"]),
    ("--all --source netlink", &["netlink"]),
    ("--source netlink -w tcp=9", &["netlink"]),
    ("--source netlink -o FILE", &["netlink", "-o"]),
    ("--all --source auto", &["netlink"]),
    ("-f collectd procfs", &["proc", "collectd"]),
    ("-f collectd -o FILE procfs", &["proc", "collectd", "-o"]),
    ("-o new procfs", &["proc", "-o"]),
    ("-o locked/FILE procfs", &["proc", "-o"]),
    ("-o nowhere/FILE procfs", &["proc", "-o"]),
    ("-o closed/FILE procfs", &["proc", "-o"]),
    ("-o procfs procfs", &["proc", "-o"]),
    ("-o FILE nowhere", &["proc", "-o"]),
    ("-i 1 procfs", &["proc", "-i"]),
    ("-i 1 nowhere", &["proc", "-i"]),
    ("--all --source netlink -i 1", &["netlink", "-i"]),
    ("--help", &[]),
    ("--what", &[]),
];

/// The calls that the manual page lists in these rows.
fn list(rows: &[&str]) -> BTreeSet<&'static str> {
    let listed = manual_page::system_calls();
    let calls = rows.iter().flat_map(|row| {
        let found = listed.iter().find(|(name, _)| name == row);
        &found.unwrap_or_else(|| panic!("{row:?} isn't in {listed:?}")).1
    });
    calls.copied().collect()
}

/// Those that a run needs for which these rows are.
fn listed(rows: &[&str]) -> BTreeSet<&'static str> {
    list(&[&["everything"], rows].concat())
}

/// The numbers of a call, which has several names with other C libraries.
fn numbers(call: &str) -> Vec<c_long> {
    let known = NUMBERS.iter().filter(|&&(name, _)| name == call).map(|&(_, number)| number);
    let numbers: Vec<c_long> = known.collect();
    assert!(!numbers.is_empty(), "{call} is none of the program's");
    numbers
}

/// A filter that lets these through, and what starts the program. All else ends it.
fn filter(calls: &BTreeSet<&str>) -> Vec<libc::sock_filter> {
    let start = start();
    let numbers = calls.iter().flat_map(|call| numbers(call)).chain(start.iter().copied());
    let allow = numbers.flat_map(|number| [unless(number as u32, 1), end(libc::SECCOMP_RET_ALLOW)]);
    let allow: Vec<_> = allow.collect();
    [&[load(NUMBER)], &allow[..], &[end(libc::SECCOMP_RET_KILL_PROCESS)]].concat()
}

/// The calls before the program's own code that the list doesn't have: execve, and of a program that is linked
/// dynamically those of its loader.
fn start() -> BTreeSet<c_long> {
    let all = supervisor::start_up().as_ref().unwrap().iter().copied();
    if is_dynamic(&program_file()) {
        return all.collect();
    }
    let listed: Vec<c_long> = list(&["everything"]).iter().flat_map(|call| numbers(call)).collect();
    let start: BTreeSet<c_long> = all.filter(|number| !listed.contains(number)).collect();
    assert!(start.iter().eq(&[libc::SYS_execve]), "{start:?}");
    start
}

/// A directory for runs. What is locked in it is so as long as the file that is given is open.
fn directory() -> (TempDir, File) {
    let directory = tempfile::tempdir().unwrap();
    let row =
        "ipv4     2 udp      17 29 src=1 dst=2 sport=3 dport=4 src=2 dst=1 sport=4 dport=3 use=1\n";
    let fill = "sys/net/netfilter/nf_conntrack_";
    let files = [
        ("procfs/net/tcp", HEADER),
        ("procfs/net/udp", HEADER),
        ("closed/net/tcp", HEADER),
        ("closed/net/nf_conntrack", row),
        ("broken/net/tcp", "\n\n"),
        ("broken/net/nf_conntrack", "\n"),
        ("tracked/net/nf_conntrack", row),
        (&format!("tracked/{fill}count"), "1\n"),
        (&format!("tracked/{fill}max"), "2\n"),
        ("process/net/nf_conntrack", row),
        ("bare/net/nf_conntrack", row),
        ("locked/FILE", "old\n"),
        ("FILE", "old\n"),
    ];
    for (name, contents) in files {
        let file = directory.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, contents).unwrap();
    }
    fs::create_dir(directory.path().join("process/ns")).unwrap();
    let namespace = fs::read_link("/proc/self/ns/net").unwrap();
    symlink(namespace, directory.path().join("process/ns/net")).unwrap();
    for name in ["closed/net/tcp", "closed/net/nf_conntrack", "closed"] {
        let mode = if name == "closed" { 0o555 } else { 0 };
        fs::set_permissions(directory.path().join(name), Permissions::from_mode(mode)).unwrap();
    }
    let locked = File::open(directory.path().join("locked")).unwrap();
    lock(&locked);
    (directory, locked)
}

/// The program in a directory for runs, which it leaves no core in.
fn program_in(directory: &TempDir, arguments: &str) -> Command {
    let mut program = plain_program();
    program.args(arguments.split(' ')).current_dir(directory);
    without_privilege(&mut program);
    limit(&mut program, libc::RLIMIT_CORE as i32, 0);
    program
}

/// How a run ended, what it printed, and the files in its directory.
type Outcome = (ExitStatus, [String; 2], BTreeMap<String, String>);

/// Runs the program, prepared by this. One that goes on for ever is ended behind its second report.
fn run(arguments: &str, prepare: impl FnOnce(&mut Command) -> &mut Command) -> Outcome {
    let (directory, _locked) = directory();
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
            // SAFETY: it takes numbers.
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
        let with_filter = run(arguments, |program| filtered(program, filter(&listed(rows))));
        assert_eq!(with_filter, expected, "{arguments}");
    });
    // By either source.
    let auto = listed(&["proc", "netlink"]);
    let (directory, _locked) = directory();
    let calls = supervise(&mut program_in(&directory, "--source auto"), |call| match call.name {
        "socket" => Answer::Fail(libc::EPERM),
        _ => Answer::GoOn,
    })
    .calls;
    assert!(calls.iter().all(|call| auto.contains(call.name)), "{calls:?}");
}

/// What other architectures have instead, as the manual page has it.
const ELSEWHERE: &[(&str, &[&str])] = &[
    ("arch_prctl", &["set_thread_area", "set_tls"]),
    ("lstat", &["newfstatat", "fstatat64", "statx"]),
    ("poll", &["ppoll"]),
    ("renameat", &["renameat2"]),
];

/// These, and what other architectures have instead.
fn anywhere(calls: &BTreeSet<&'static str>) -> BTreeSet<&'static str> {
    let others = ELSEWHERE.iter().filter(|(call, _)| calls.contains(call));
    others.flat_map(|(_, others)| others.iter()).chain(calls).copied().collect()
}

#[test]
fn other_machines_have_the_listed_calls() {
    let name = test_name!();
    if !is_emulated() {
        return skipped(name, "the program is for this one");
    }
    let log = tempfile::tempdir().unwrap();
    let mut seen = BTreeSet::new();
    // (By auto it may be either source.)
    for (arguments, rows) in MODES.iter().filter(|(arguments, _)| !arguments.ends_with("auto")) {
        let log = log.path().join(arguments.replace('/', " "));
        // (Variables of QEMU.)
        run(arguments, |program| program.env("QEMU_STRACE", "1").env("QEMU_LOG_FILENAME", &log));
        let log = fs::read_to_string(log).unwrap();
        // (Signals stand there, too.)
        let lines = log.lines().filter(|line| !line.contains("--- SIG"));
        let calls = lines.map(|line| line.split([' ', '(']).nth(1).unwrap());
        let listed = anywhere(&listed(rows));
        for call in calls {
            let call =
                listed.get(call).unwrap_or_else(|| panic!("{arguments}: {call} isn't listed"));
            seen.insert(*call);
        }
    }
    // All of them, by one name or the other. (QEMU refuses sockets of netlink's kind, so nothing is received.)
    for call in listed(&["proc", "--conntrack", "collectd", "-o", "-i"]) {
        // (Some have a register in its place, or QEMU doesn't tell of it.)
        if call == "arch_prctl" {
            continue;
        }
        assert!(!seen.is_disjoint(&anywhere(&[call].into())), "{call} wasn't called");
    }
}

#[test]
fn the_services_of_systemd_have_the_listed_calls() {
    let services = [
        ("network-connections", &["proc", "netlink", "-o", "-i"][..]),
        ("network-conntrack", &["proc", "--conntrack", "-o", "-i"]),
    ];
    for (name, rows) in services {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib/systemd");
        let service = fs::read_to_string(directory.join(name).with_extension("service")).unwrap();
        let lines = service.lines().filter_map(|line| line.strip_prefix("SystemCallFilter="));
        let calls: BTreeSet<&str> = lines.flat_map(|line| line.split(' ')).collect();
        assert_eq!(calls, anywhere(&listed(rows)), "{name}");
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
        // (Of these a dynamic program's own code makes none: its loader does.)
        .filter(|(_, call)| {
            !is_dynamic(&program_file()) || !["arch_prctl", "set_tid_address"].contains(call)
        })
        .collect();
    in_parallel(&cases, |&(row, call)| {
        // (Not where another row has it, too.)
        let mut modes = MODES.iter().filter(|(_, rows)| {
            let rows: Vec<&str> = [&["everything"], *rows].concat();
            let others: Vec<&str> = rows.iter().copied().filter(|&other| other != row).collect();
            rows.contains(&row) && !list(&others).contains(call)
        });
        assert!(modes.any(|mode| is_needed(mode, call)), "{call} isn't needed for {row}");
    });
}

/// Whether a run doesn't get by without this call.
fn is_needed((arguments, rows): &Mode, call: &str) -> bool {
    let mut calls = listed(rows);
    calls.remove(call);
    if numbers(call).iter().any(|number| start().contains(number)) {
        // A filter can't tell whose call it is.
        let (directory, _locked) = directory();
        let run = supervise(&mut program_in(&directory, arguments), |made| match &made.file[..] {
            // It would go on for ever.
            TIMER if made.name == "read" => Answer::Kill,
            _ => Answer::GoOn,
        });
        return run.calls.iter().any(|made| made.name == call);
    }
    run(arguments, |program| filtered(program, filter(&calls))).0.signal() == Some(libc::SIGSYS)
}
