//! Each system call of a run fails in turn, with each errno that it may fail with: what the program does then.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::process::{Command, Output};
use std::sync::Mutex;
use std::thread;

use libc::*;
use tempfile::TempDir;

use crate::harness::netlink;
use crate::harness::supervisor::{Answer, Answered, Call, Run, TIMER, can_supervise, supervise};
use crate::harness::{self, in_namespace, in_parallel, plain_program};

/// What the failure of a call does to a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    /// It ends the run, with a message that names the file and the errno in words.
    Ends,
    /// It ends the run, with a message that says this of the file.
    Says(&'static str),
    /// It ends the run without a word.
    EndsQuietly,
    /// Nothing: the output is the same.
    GoesOn,
    /// The counts are the same as if the file weren't there.
    Lacks,
    /// It isn't known how full the table is: which ends the run if it is asked for.
    FillUnknown,
    /// It ends the run, or with `--source auto` the counts are from procfs.
    NoNetlink,
    /// The same with this message, as it is for a kernel without.
    NoNetlinkAs(&'static str),
    /// The message is lost. The exit status stays.
    NoMessage,
    /// The temporary file stays: the one that was to be renamed, or one that a run has left that was killed. Then the
    /// next open fails.
    Stays,
}

use Then::*;

/// Any errno that isn't in a row before.
const ANY: &[c_int] = &[];

/// A call, the ends of the names of the files that it is about, the errnos, what its failure does, and why. Of the
/// rows that match, the first is meant.
type Row = (&'static str, &'static [&'static str], &'static [c_int], Then, &'static str);

#[rustfmt::skip]
const TABLE: &[Row] = &[
    // The tables.
    ("openat", &["/net/tcp6", "/net/udp6"], &[ENOENT], Lacks, "IPv6 is off"),
    ("openat", PROCFS, ANY, Ends, "a table that can't be read isn't an empty one"),
    ("read", PROCFS, ANY, Ends, "nor is half of it all"),
    ("close", PROCFS, ANY, GoesOn, "all of it has been read"),
    // That of tracked connections, and how full it is.
    ("openat", TRACKED, &[EACCES], Says("Permission denied (only root may read it)"), "a hint"),
    ("openat", TRACKED, ANY, Ends, "as above"),
    ("read", TRACKED, ANY, Ends, "as above"),
    ("close", TRACKED, ANY, GoesOn, "as above"),
    ("openat", &["process/sys/net/netfilter/nf_conntrack_count"], ANY, GoesOn, "/proc has it"),
    ("readlinkat", &["/ns/net"], ANY, FillUnknown, "that of /proc may be another"),
    ("openat", FILL, ANY, FillUnknown, "the connections are counted without"),
    ("read", FILL, ANY, FillUnknown, "as above"),
    ("close", FILL, ANY, GoesOn, "all of it has been read"),
    // The same sockets by netlink.
    ("uname", &[""], ANY, NoNetlinkAs("Protocol not supported"), "the kernel may be too old; the host has no name"),
    ("socket", DIAG, ANY, NoNetlink, "the kernel has none, or forbids it"),
    ("write", DIAG, ANY, NoNetlink, "it isn't asked"),
    ("recvfrom", DIAG, ANY, NoNetlink, "some sockets aren't told"),
    ("close", DIAG, ANY, GoesOn, "all of them are"),
    // The output.
    ("write", &["standard output", ".tmp"], &[EPIPE], EndsQuietly, "the reader has gone, as by SIGPIPE"),
    ("write", &["standard output"], ANY, Ends, "nobody has it"),
    ("write", &["standard error"], ANY, NoMessage, "nobody has it"),
    // A file in its place.
    ("lstat", FILES, &[ENOENT], GoesOn, "there is none yet"),
    ("lstat", FILES, ANY, Ends, "it may be something else than a file"),
    ("openat", &["/"], ANY, GoesOn, "a directory that can't be read can't be locked"),
    ("flock", &["/"], &[EAGAIN], GoesOn, "another run has it: a second is waited, and no longer"),
    ("flock", &["/"], ANY, GoesOn, "a file system without locks"),
    ("poll", &[""], ANY, GoesOn, "then less is waited"),
    ("close", &["/"], ANY, GoesOn, "it was only for the lock"),
    ("unlinkat", TEMPORARY, ANY, Stays, "most often there is none"),
    ("openat", TEMPORARY, ANY, Ends, "nothing is written"),
    ("write", TEMPORARY, ANY, Ends, "it isn't complete"),
    ("close", TEMPORARY, ANY, Ends, "what was written may not have arrived"),
    ("renameat", TEMPORARY, ANY, Ends, "the old contents stay"),
    // One report after the other. (But by a sandbox that forbids them, none of these can fail.)
    ("rt_sigaction", &[""], ANY, GoesOn, "the signal may be ignored"),
    ("rt_sigprocmask", &[TIMER], ANY, Ends, "the tick would end the program"),
    ("signalfd4", &[TIMER], ANY, Ends, "nothing can be waited for"),
    ("setitimer", &[TIMER], ANY, Ends, "it would be waited for ever"),
    ("read", &[TIMER], ANY, Ends, "nothing can be waited for"),
    ("close", &[TIMER], ANY, GoesOn, "the run is over"),
];

const PROCFS: &[&str] = &["/net/tcp", "/net/tcp6", "/net/udp6", "/net/udp"];
const TRACKED: &[&str] = &["/net/nf_conntrack"];
const FILL: &[&str] = &["/nf_conntrack_count", "/nf_conntrack_max"];
const DIAG: &[&str] = &["sock_diag"];
const FILES: &[&str] = &["FILE", "NEW", "STALE"];
const TEMPORARY: &[&str] = &[".tmp"];

/// What a call of this name may fail with, besides EINTR: what its manual page has, of the errnos under ERRORS those
/// that arguments of this kind can lead to, and what the kernel has of its own for procfs and netlink.
#[rustfmt::skip]
fn errnos(call: &str) -> &'static [c_int] {
    match call {
        "openat" => &[
            EACCES, EBUSY, EDQUOT, EEXIST, EFBIG, EINVAL, EIO, EISDIR, ELOOP, EMFILE, ENAMETOOLONG, ENFILE, ENODEV,
            ENOENT, ENOMEM, ENOSPC, ENOTDIR, ENXIO, EOPNOTSUPP, EOVERFLOW, EPERM, EROFS, ESRCH, ETXTBSY, EWOULDBLOCK,
        ],
        "read" => &[EAGAIN, EBADF, EINVAL, EIO, EISDIR, ENOMEM, EPERM, ESRCH],
        "write" => &[
            EAGAIN, EBADF, EDESTADDRREQ, EDQUOT, EFBIG, EINVAL, EIO, ENOSPC, EPERM, EPIPE, EACCES, ECONNREFUSED,
            ENOBUFS, ENOMEM, EMSGSIZE,
        ],
        "close" => &[EBADF, EDQUOT, EIO, ENOSPC],
        "lstat" => &[EACCES, ELOOP, ENAMETOOLONG, ENOENT, ENOMEM, ENOTDIR, EOVERFLOW, EIO],
        "flock" => &[EBADF, EINVAL, ENOLCK, EWOULDBLOCK],
        "poll" => &[EINVAL, ENOMEM],
        "readlinkat" => &[EACCES, EINVAL, EIO, ELOOP, ENAMETOOLONG, ENOENT, ENOMEM, ENOTDIR],
        "renameat" => &[
            EACCES, EBUSY, EDQUOT, EEXIST, EINVAL, EIO, EISDIR, ELOOP, EMLINK, ENAMETOOLONG, ENOENT, ENOMEM, ENOSPC,
            ENOTDIR, ENOTEMPTY, EPERM, EROFS, EXDEV,
        ],
        "unlinkat" => {
            &[EACCES, EBUSY, EIO, EISDIR, ELOOP, ENAMETOOLONG, ENOENT, ENOMEM, ENOTDIR, EPERM, EROFS]
        }
        "socket" => &[EACCES, EAFNOSUPPORT, EINVAL, EMFILE, ENFILE, ENOBUFS, ENOMEM, EPERM, EPROTONOSUPPORT],
        "recvfrom" => &[EAGAIN, EBADF, ECONNREFUSED, EINVAL, ENOBUFS, ENOMEM, ENOTCONN, ENOTSOCK],
        "uname" => &[EFAULT],
        // Where no sandbox forbids them, these fail for wrong arguments alone.
        "rt_sigaction" | "rt_sigprocmask" | "setitimer" => &[EINVAL],
        "signalfd4" => &[EINVAL, EMFILE, ENFILE, ENODEV, ENOMEM],
        "exit_group" | "getpid" | "umask" => &[],
        _ => panic!("it isn't in the table: {call}"),
    }
}

/// The reasons that a message has in words. Another is told by its number.
#[rustfmt::skip]
const WORDS: &[(c_int, &str)] = &[
    (EACCES, "Permission denied"),
    (EAGAIN, "Resource temporarily unavailable"),
    (EBADF, "Bad file descriptor"),
    (EBADMSG, "Bad message"),
    (EBUSY, "Device or resource busy"),
    (EEXIST, "File exists"),
    (EFBIG, "File too large"),
    (EINVAL, "Invalid argument"),
    (EIO, "Input/output error"),
    (EISDIR, "Is a directory"),
    (ELOOP, "Too many levels of symbolic links"),
    (EMFILE, "Too many open files"),
    (EMSGSIZE, "Message too long"),
    (ENAMETOOLONG, "File name too long"),
    (ENOBUFS, "No buffer space available"),
    (ENOENT, "No such file or directory"),
    (ENOMEM, "Cannot allocate memory"),
    (ENOSPC, "No space left on device"),
    (ENOTDIR, "Not a directory"),
    (ENXIO, "No such device or address"),
    (EOPNOTSUPP, "Operation not supported"),
    (EPERM, "Operation not permitted"),
    (EPROTONOSUPPORT, "Protocol not supported"),
    (EROFS, "Read-only file system"),
    (ESRCH, "No such process"),
];

fn words(errno: c_int) -> String {
    let words = WORDS.iter().find(|&&(number, _)| number == errno);
    words.map_or_else(|| format!("Unknown error {errno}"), |(_, words)| words.to_string())
}

/// The arguments of the runs. (procfs and tracked are directories like /proc, and process is like that of a process
/// in this network namespace. In the directory of a run FILE and STALE are there, NEW and nowhere are not, and
/// STALE.tmp is what a run has left that was killed. The interval passes at once.)
const MODES: &[&str] = &[
    "--all ../procfs",
    "--all --source proc -- ../procfs/",
    "--all",
    "--all /proc/self",
    "--all -f collectd ../procfs",
    "--all -q tcp -q udp6.CLOSE ../procfs",
    "--all -w tcp=0: -c udp=1 ../procfs",
    "--all -o FILE ../procfs",
    "--all -f prometheus -o ./NEW ../procfs",
    "--all -o STALE ../procfs",
    "--all -w tcp=0: -o FILE ../procfs",
    "--all -i 10 ../procfs",
    "--all -i 10 -c all=0 ../procfs",
    "--all -i 10 -o FILE ../procfs",
    "--all -f collectd -i 10 -o ./NEW ../procfs",
    "--all --source netlink",
    "--all --source netlink -c tcp=9: -o FILE",
    "--all --source netlink -i 10",
    "--all --source auto",
    "--all --source auto -i 10 -o FILE",
    "--conntrack ../tracked",
    "--conntrack -f influx -i 10 ../tracked",
    "--conntrack -q table.entries ../tracked",
    "--conntrack -w table.percent=90 ../tracked",
    "--conntrack ../process",
    "nowhere",
    "-w tcp=9 nowhere",
    "-o FILE nowhere",
    "--version",
    "-w tcp=9 --help",
];

const OLD: &str = "the old contents\n";

/// A directory with those that the runs are about.
struct Place {
    root: TempDir,
    /// What one report is, by the arguments and what they lack.
    reports: Mutex<BTreeMap<(&'static str, Without), Output>>,
}

/// What a report is without: tables (`tcp6`, `udp6`), how full the table is (`fill`), or the host's name (`host`).
type Without = BTreeSet<&'static str>;

impl Place {
    /// With sockets of this network namespace, which are in copies of its tables, too.
    fn new() -> Place {
        let root = tempfile::tempdir().unwrap();
        let put = |file: String, contents: &str| {
            let file = root.path().join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, contents).unwrap();
        };
        for lacks in ["", "-tcp6", "-udp6", "-tcp6-udp6"] {
            for table in harness::TABLES {
                if lacks.split('-').any(|lacked| lacked == table) {
                    continue;
                }
                let rows = fs::read_to_string(format!("/proc/net/{table}")).unwrap();
                put(format!("procfs{lacks}/net/{table}"), &rows);
            }
        }
        let row = "ipv4     2 udp      17 29 src=1 dst=2 sport=3 dport=4 src=2 dst=1 sport=4 dport=3 use=1\n";
        for directory in ["tracked", "tracked-fill", "process", "process-fill"] {
            put(format!("{directory}/net/nf_conntrack"), &row.repeat(3));
        }
        put("tracked/sys/net/netfilter/nf_conntrack_count".into(), "3\n");
        put("tracked/sys/net/netfilter/nf_conntrack_max".into(), "200\n");
        fs::create_dir(root.path().join("process/ns")).unwrap();
        let namespace = fs::read_link("/proc/self/ns/net").unwrap();
        symlink(namespace, root.path().join("process/ns/net")).unwrap();
        Place { root, reports: Mutex::default() }
    }

    /// What a plain run prints once to standard output that lacks these.
    fn report(&self, mode: &'static str, lacks: &Without) -> Output {
        let mut reports = self.reports.lock().unwrap();
        let report = reports.entry((mode, lacks.clone())).or_insert_with(|| {
            let mut lacks = lacks.clone();
            let lacks_host = lacks.remove("host");
            let mut arguments: Vec<&str> = mode.split(' ').collect();
            for option in ["-i", "-o", "--source"] {
                if let Some(place) = arguments.iter().position(|&word| word == option) {
                    arguments.drain(place..place + 2);
                }
            }
            let lacks: String = lacks.iter().map(|it| format!("-{it}")).collect();
            let mut program = plain_program();
            program.current_dir(self.root.path().join("procfs"));
            if lacks.is_empty() {
                program.args(arguments);
            } else {
                // (The sockets of /proc are in procfs, too.)
                let (options, directories): (Vec<&str>, Vec<&str>) = arguments
                    .into_iter()
                    .partition(|word| !word.contains("../") && !word.starts_with('/'));
                let directory = directories.into_iter().find(|it| it.starts_with("../"));
                let directory = directory.unwrap_or("../procfs").trim_end_matches('/');
                program.args(options).arg(format!("{directory}{lacks}"));
            }
            let mut output = program.output().unwrap();
            if lacks_host {
                let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
                let text = String::from_utf8(output.stdout).unwrap();
                output.stdout = text.replace(&format!("\"{}/", host.trim_end()), "\"/").into();
            }
            output
        });
        report.clone()
    }
}

/// What is left of a run.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    status: Option<c_int>,
    stdout: String,
    stderr: String,
    /// In its directory.
    files: BTreeMap<String, String>,
}

/// Runs the program in a directory of its own, with a tick whenever it waits for one, and a signal that ends it
/// the second time.
fn run(
    place: &Place,
    mode: &str,
    mut answer: impl FnMut(&Call) -> Answer + Send,
) -> (Outcome, Vec<Answered>) {
    let directory = tempfile::tempdir_in(&place.root).unwrap();
    for name in ["FILE", "STALE", "STALE.tmp"] {
        fs::write(directory.path().join(name), OLD).unwrap();
    }
    let mut program = plain_program();
    program.args(mode.split(' ')).current_dir(&directory);
    let mut signals = [SIGALRM, SIGTERM].into_iter();
    let Run { output, calls } = supervise(&mut program, |call| match (answer(call), call.name) {
        (Answer::GoOn, "read") if call.file == TIMER => {
            // struct signalfd_siginfo begins with the number.
            let mut information = [0; size_of::<signalfd_siginfo>()];
            information[..4].copy_from_slice(&signals.next().unwrap().to_ne_bytes());
            Answer::Put(1, information.to_vec(), information.len() as i64)
        }
        (Answer::GoOn, "poll") => Answer::Give(0),
        (answer, _) => answer,
    });
    let files = fs::read_dir(&directory).unwrap().map(|file| {
        let path = file.unwrap().path();
        (path.file_name().unwrap().to_str().unwrap().into(), fs::read_to_string(path).unwrap())
    });
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let outcome = Outcome {
        status: output.status.code(),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
        files: files.collect(),
    };
    (outcome, calls)
}

/// What must be left of a run with these calls, by the table.
fn expected(place: &Place, mode: &'static str, calls: &[Answered]) -> Outcome {
    let is_check = mode.split(' ').any(|word| ["-w", "-c"].contains(&word));
    let by_netlink = mode.contains("--source netlink");
    let mut files: BTreeMap<String, String> =
        ["FILE", "STALE", "STALE.tmp"].map(|name| (name.into(), OLD.into())).into();
    let (mut stdout, mut stderr) = (String::new(), String::new());
    // What there is to be written: a report, and once the run is over, a message.
    let mut lacks = Without::new();
    let mut message: Option<String> = None;
    let mut made = None;
    let mut reports = 0;
    let mut status = None;
    let report = |lacks: &Without| place.report(mode, lacks);
    let text = |lacks: &Without| String::from_utf8(report(lacks).stdout).unwrap();
    for call in calls {
        if call.errno == Some(EINTR) {
            continue;
        }
        let name = call.file.rsplit('/').next().unwrap().to_string();
        let errno = call.errno.or_else(|| match call.name {
            // What fails by itself.
            "openat" if call.file.starts_with("nowhere/") => Some(ENOENT),
            "openat" if files.contains_key(&name) => Some(EEXIST),
            _ => None,
        });
        let Some(errno) = errno else {
            // What is done.
            match (call.name, &call.file[..]) {
                ("write", "standard output") if status.is_none() => {
                    stdout += &text(&lacks);
                    reports += 1;
                }
                ("write", "standard output") => stdout += &message.take().unwrap_or_default(),
                ("write", "standard error") => stderr += &message.take().unwrap_or_default(),
                ("openat", _) if name.ends_with(".tmp") => {
                    files.insert(name, String::new());
                }
                ("write", _) if name.ends_with(".tmp") => {
                    files.insert(name, text(&lacks));
                }
                ("unlinkat", _) => drop(files.remove(&name)),
                ("renameat", _) => {
                    let contents = files.remove(&name).unwrap();
                    files.insert(name.replace(".tmp", ""), contents);
                    reports += 1;
                }
                ("read", TIMER) => lacks.retain(|&it| it == "host"),
                _ => {}
            }
            continue;
        };
        if status.is_some() {
            // The run is over, and cleans up.
            if call.file.starts_with("standard ") {
                message = None;
            } else if call.name == "unlinkat" {
                files.extend(made.take());
            }
            continue;
        }
        let mut ends = |what: Option<&str>| {
            status = Some(if is_check { 3 } else { 1 });
            let prefix =
                if is_check { "NETWORK-CONNECTIONS UNKNOWN - " } else { "network-connections: " };
            let file = if call.file == "sock_diag" || call.name == "uname" {
                netlink::NAME
            } else {
                &call.file
            };
            message = what.map(|what| format!("{prefix}{file}: {what}\n"));
        };
        match then(call, errno) {
            Ends => ends(Some(&words(errno))),
            Says(what) => ends(Some(what)),
            EndsQuietly => ends(None),
            GoesOn | NoMessage | Stays => {}
            Lacks => drop(lacks.insert(if name == "tcp6" { "tcp6" } else { "udp6" })),
            FillUnknown if mode.contains("table.") => ends(Some(&words(errno))),
            FillUnknown => drop(lacks.insert("fill")),
            NoNetlink if by_netlink => ends(Some(&words(errno))),
            NoNetlinkAs(what) if by_netlink => ends(Some(what)),
            NoNetlinkAs(_) if mode.contains("collectd") => drop(lacks.insert("host")),
            NoNetlink | NoNetlinkAs(_) => {}
        }
        // What was made is removed.
        if status.is_some() && call.name != "openat" && name.ends_with(".tmp") {
            made = files.remove_entry(&name);
        }
    }
    assert_eq!(message, None, "it isn't told");
    let all = if mode.contains("-i ") { 2 } else { 1 };
    assert!(status.is_some() || reports == all, "{reports} reports, and no failure");
    let status = status.or(match mode.contains("-i ") {
        true => Some(128 + SIGTERM),
        false => report(&lacks).status.code(),
    });
    Outcome { status, stdout, stderr, files }
}

/// What the table has for this failure.
fn then(call: &Answered, errno: c_int) -> Then {
    let mut rows = TABLE.iter().filter(|(name, files, errnos, ..)| {
        *name == call.name
            && files.iter().any(|file| call.file.ends_with(file))
            && (errnos.is_empty() || errnos.contains(&errno))
    });
    let row = rows.next();
    row.unwrap_or_else(|| panic!("{} of {:?} isn't in the table", call.name, call.file)).3
}

/// Which calls fail: one, or from it on all of the same kind, or all.
#[derive(Clone, Copy, Debug)]
enum Which {
    One,
    Kind(&'static str),
    All,
}

/// A failure in a run with these arguments: the place of its first call, and the errno.
type Failure = (&'static str, usize, c_int, Which);

/// Whether a failure with this errno isn't the same to the program as with most others.
fn is_different(call: &str, errno: c_int) -> bool {
    let mut rows = TABLE.iter().filter(|(name, ..)| *name == call);
    [EINTR, EIO].contains(&errno) || rows.any(|(_, _, errnos, ..)| errnos.contains(&errno))
}

/// What may go wrong in a run with these calls. An errno that is the same to the program as others is tried once for
/// each call of each file.
fn failures(
    mode: &'static str,
    calls: &[Answered],
    tried: &mut BTreeSet<(&str, String, c_int)>,
) -> Vec<Failure> {
    let mut failures = Vec::new();
    for (place, call) in calls.iter().enumerate() {
        let (call_name, file_name) = (call.name, call.file.rsplit('/').next().unwrap());
        if call_name == "exit_group" {
            continue;
        }
        let is_first = !calls[..place].contains(call);
        for &errno in errnos(call_name).iter().chain(&[EINTR]) {
            let is_new = tried.insert((call_name, file_name.into(), errno));
            if is_new || is_different(call_name, errno) {
                failures.push((mode, place, errno, Which::One));
            }
            if is_first && is_different(call_name, errno) {
                failures.push((mode, place, errno, Which::Kind(call_name)));
            }
        }
        if !errnos(call_name).is_empty() {
            failures.push((mode, place, EIO, Which::All));
        }
    }
    failures
}

/// How often in a row a call that persists is interrupted.
const INTERRUPTIONS: usize = 30;

/// Has that go wrong, and sees what is left.
fn check(place: &Place, (mode, first, errno, which): Failure) {
    let mut failed = 0;
    let (outcome, calls) = run(place, mode, |call| {
        let fails = call.place >= first
            && match which {
                Which::One => call.place == first,
                Which::Kind(name) => call.name == name,
                Which::All => !errnos(call.name).is_empty(),
            }
            && (errno != EINTR || failed < INTERRUPTIONS);
        failed += usize::from(fails);
        if fails { Answer::Fail(errno) } else { Answer::GoOn }
    });
    let what = || format!("{mode}: errno {errno} for {which:?} from {first} on: {calls:?}");
    assert!(failed > 0, "{}", what());
    assert_eq!(outcome, expected(place, mode, &calls), "{}", what());
    for pair in calls.windows(2).filter(|pair| pair[0].errno == Some(EINTR)) {
        let is_again = (pair[0].name, &pair[0].file) == (pair[1].name, &pair[1].file);
        match pair[0].name {
            // The kernel has closed the descriptor all the same.
            "close" => assert!(!is_again, "it is called again: {}", what()),
            // No kernel interrupts these, or it is only that less is waited.
            "getpid" | "poll" | "rt_sigaction" | "umask" => {}
            _ => assert!(is_again, "it isn't called again: {}", what()),
        }
    }
}

#[test]
fn what_a_failure_does_is_in_the_table() {
    let name = test_name!();
    if !can_supervise(name) || !in_namespace(name, CLONE_NEWNET) {
        return;
    }
    let _sockets = netlink::open_sockets();
    let place = Place::new();
    let mut tried = BTreeSet::new();
    let failures: Vec<Failure> = MODES
        .iter()
        .flat_map(|mode| {
            let (outcome, calls) = run(&place, mode, |_| Answer::GoOn);
            assert_eq!(outcome, expected(&place, mode, &calls), "{mode}");
            assert!(outcome.stderr.is_empty() || mode.contains("nowhere"), "{}", outcome.stderr);
            failures(mode, &calls, &mut tried)
        })
        .collect();
    in_parallel(&failures, |&failure| check(&place, failure));
}

#[test]
fn short_reads_and_writes_are_finished() {
    let name = test_name!();
    if !can_supervise(name) || !in_namespace(name, CLONE_NEWNET) {
        return;
    }
    let _sockets = netlink::open_sockets();
    let place = Place::new();
    let modes = [
        "--all",
        "--all ../procfs",
        "--all -w tcp=0: -c udp=1 ../procfs",
        "--all -o FILE ../procfs",
        "--conntrack ../tracked",
        "-w tcp=9 nowhere",
    ];
    for mode in modes {
        assert!(MODES.contains(&mode));
        for most in [1, 7, 100] {
            let (outcome, calls) = run(&place, mode, |call| {
                // (The kernel hands out a number or a signal whole, and takes a request whole.)
                let is_whole =
                    [FILL, DIAG, &[TIMER]].concat().iter().any(|file| call.file.ends_with(file));
                let is_transfer = ["read", "write"].contains(&call.name);
                if is_transfer && !is_whole { Answer::AtMost(most) } else { Answer::GoOn }
            });
            // As if each write were one.
            let mut whole = calls.clone();
            whole.dedup_by(|call, before| call == before && call.name == "write");
            assert_eq!(outcome, expected(&place, mode, &whole), "{mode}: {most} bytes at once");
            assert!(calls.len() > whole.len() || most == 100);
        }
    }
}

#[test]
fn what_takes_nothing_or_a_part_has_failed() {
    let name = test_name!();
    if !can_supervise(name) || !in_namespace(name, CLONE_NEWNET) {
        return;
    }
    let _sockets = netlink::open_sockets();
    let place = Place::new();
    let is_write = |name: &str, file: &str| name == "write" && file != "sock_diag";
    for mode in MODES {
        let (_, calls) = run(&place, mode, |_| Answer::GoOn);
        let writes = calls.iter().enumerate().filter(|(_, call)| is_write(call.name, &call.file));
        for (first, call) in writes {
            // Nothing, once or always, is as an error.
            for persists in [false, true] {
                let gives_nothing = |name: &str, file: &str, place| {
                    is_write(name, file) && (place == first || persists && place > first)
                };
                let (outcome, mut calls) = run(&place, mode, |call| {
                    let nothing = gives_nothing(call.name, &call.file, call.place);
                    if nothing { Answer::Give(0) } else { Answer::GoOn }
                });
                for (place, call) in calls.iter_mut().enumerate() {
                    if gives_nothing(call.name, &call.file, place) {
                        call.errno = Some(EIO);
                    }
                }
                assert_eq!(outcome, expected(&place, mode, &calls), "{mode}: {first} {persists}");
            }
            // Of a part that comes before a failure, standard output has no more.
            let (mut outcome, mut calls) = run(&place, mode, |call| match call.place {
                it if it == first => Answer::AtMost(1),
                it if it == first + 1 => Answer::Fail(ENOSPC),
                _ => Answer::GoOn,
            });
            let part = calls.remove(first);
            assert_eq!((part.name, &part.file), (calls[first].name, &call.file));
            let mut expected = expected(&place, mode, &calls);
            let stream = match &call.file[..] {
                "standard output" => Some((&mut outcome.stdout, &mut expected.stdout)),
                "standard error" => Some((&mut outcome.stderr, &mut expected.stderr)),
                _ => None,
            };
            if let Some((written, expected)) = stream {
                // What came before it, and what comes behind it, a message.
                let reports = calls[..first].iter().filter(|it| is_write(it.name, &it.file));
                let before = reports.count() * place.report(mode, &Without::new()).stdout.len();
                written.drain(before..before + 1);
                assert_eq!(written, expected, "{mode}: {first}");
            }
            assert_eq!(outcome, expected, "{mode}: {first}");
        }
    }
}

#[test]
fn reasons_are_in_words() {
    if !can_supervise(test_name!()) {
        return;
    }
    // (A call that is interrupted is made again.)
    for errno in (1..=EHWPOISON).filter(|&errno| errno != EINTR) {
        let run = supervise(&mut plain_program(), |call| match call.name {
            "openat" => Answer::Fail(errno),
            _ => Answer::GoOn,
        });
        let reason = words(errno);
        let message = format!("network-connections: /proc/net/tcp: {reason}\n");
        harness::failed(run.output, 1, &message, "");
        // glibc's strerror has these words.
        if cfg!(target_env = "gnu") && !reason.starts_with("Unknown") {
            let error = io::Error::from_raw_os_error(errno).to_string();
            assert_eq!(error, format!("{reason} (os error {errno})"));
        }
    }
}

#[test]
fn a_process_that_ends_is_missed_or_was_counted() {
    let name = test_name!();
    if !can_supervise(name) || !in_namespace(name, CLONE_NEWNET) {
        return;
    }
    let _sockets = netlink::open_sockets();
    let expected = harness::report(plain_program().arg("--all"));
    // Its parent may know of it, or not yet.
    for is_reaped in [true, false] {
        let mut outcomes = BTreeMap::new();
        for first in 0.. {
            let mut process = Command::new("sleep").arg("60").spawn().unwrap();
            let directory = format!("/proc/{}", process.id());
            let mut ended = false;
            let run = supervise(plain_program().args(["--all", &directory]), |call| {
                if call.place == first {
                    process.kill().unwrap();
                    if is_reaped {
                        process.wait().unwrap();
                    } else {
                        let stat = || fs::read_to_string(format!("{directory}/stat")).unwrap();
                        while !stat().contains(") Z ") {
                            thread::yield_now();
                        }
                    }
                    ended = true;
                }
                Answer::GoOn
            });
            process.kill().unwrap();
            process.wait().unwrap();
            if !ended {
                break;
            }
            let [stdout, stderr] =
                [run.output.stdout, run.output.stderr].map(|it| String::from_utf8(it).unwrap());
            let outcome = match run.output.status.code() {
                Some(0) => {
                    assert_eq!((stdout, &stderr[..]), (expected.clone(), ""));
                    "counted"
                }
                status => {
                    assert_eq!((status, &stdout[..]), (Some(1), ""));
                    let named = stderr.strip_prefix("network-connections: ").unwrap();
                    let (file, reason) = named.split_once(": ").unwrap();
                    assert!(file.starts_with(&format!("{directory}/net/")), "{stderr}");
                    assert_eq!(reason, "No such file or directory\n");
                    "missed"
                }
            };
            outcomes.entry(outcome).or_insert_with(Vec::new).push(first);
        }
        // Once the last table is open, its process isn't needed any more.
        assert_eq!(outcomes["missed"], (0..=12).collect::<Vec<_>>());
        assert_eq!(outcomes["counted"], (13..=17).collect::<Vec<_>>());
    }
}
