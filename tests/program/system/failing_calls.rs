//! Tests in which each system call of a run fails in turn, with every errno
//! with which the call may fail. A table has the expected effects.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::process::{Command, Output};
use std::sync::Mutex;
use std::thread;

use libc::*;
use tempfile::TempDir;

use crate::harness::netlink;
use crate::harness::supervisor::{
    Answer, AnsweredCall, Call, Run, TIMER, can_supervise, supervise,
};
use crate::harness::{self, TRACKED_ROW, in_namespace, in_parallel, plain_program};
use crate::system::link_own_namespace;

/// The effect that the failure of a call has on a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    /// The run ends with a message that names the file and describes the errno.
    Ends,
    /// The run ends with a message that names the file and has these words.
    EndsWith(&'static str),
    /// The run ends without a message.
    EndsQuietly,
    /// The output is the same as without the failure.
    GoesOn,
    /// The counts are the same as if the file did not exist.
    TableMissing,
    /// The program cannot read the fill of the table. The run ends only if the
    /// arguments ask for the fill.
    FillUnknown,
    /// The run ends, or with `--source auto` the counts are from procfs.
    NoNetlink,
    /// The same as `NoNetlink`, but the message has these words.
    NoNetlinkAs(&'static str),
    /// The message is lost, and the exit status is the same.
    NoMessage,
    /// The program does not open the directory of PATH, so the run ends. Or the
    /// program does not open `/proc`, so the fill of the table is unknown.
    NoDirectory,
    /// The first read of the link is optional. The second read shows whether
    /// the process is still in the same network namespace.
    NoNamespace,
    /// The run removes its temporary file, and writes the file again, at most
    /// nine times.
    TriesAgain,
    /// A temporary file stays.
    FileStays,
}

use Effect::*;

/// Matches any errno.
const ANY: &[c_int] = &[];

/// A row of the table: a call, the ends of the names of its files, the errnos,
/// the effect of the failure, and the reason. The first row that matches a
/// failure applies.
type Row = (&'static str, &'static [&'static str], &'static [c_int], Effect, &'static str);

#[rustfmt::skip]
const TABLE: &[Row] = &[
    // The procfs directory.
    ("openat", PATHS, ANY, NoDirectory, "the program finds all tables from the directory"),
    ("readlinkat", &["/ns/net"], &[EACCES, EINVAL, ENOENT, ENOTDIR, EPERM], NoNamespace, "the directory may be of no process"),
    ("readlinkat", &["/ns/net"], ANY, Ends, "the tables may be of two network namespaces"),
    ("openat", &["/net", "/net/ip_conntrack"], ANY, GoesOn, "the program only looks for a reason"),
    // The socket tables.
    ("openat", &["/net/tcp6", "/net/udp6"], &[ENOENT], TableMissing, "IPv6 is off"),
    ("openat", PROCFS, ANY, Ends, "an unreadable table is not an empty table"),
    ("read", PROCFS, ANY, Ends, "a part of a table is not the whole table"),
    // The table of tracked connections, and its fill.
    ("openat", TRACKED, &[EACCES], EndsWith("Permission denied (only root may read it)"), "the message has a hint"),
    ("openat", TRACKED, ANY, Ends, "an unreadable table is not an empty table"),
    ("read", TRACKED, ANY, Ends, "a part of a table is not the whole table"),
    ("openat", FILL, ANY, FillUnknown, "the program counts connections without the fill"),
    ("read", FILL, ANY, FillUnknown, "the program counts connections without the fill"),
    // The dumps of sock_diag. The report for collectd calls uname as well.
    ("uname", &[""], ANY, NoNetlinkAs("Protocol not supported"), "the kernel may be too old; the host of collectd has no name"),
    ("socket", DIAG, ANY, NoNetlink, "the kernel lacks or forbids sock_diag"),
    ("connect", DIAG, ANY, NoNetlink, "other senders could send datagrams"),
    ("write", DIAG, ANY, NoNetlink, "the kernel has not received the request"),
    ("recvfrom", DIAG, ANY, NoNetlink, "the program lacks some sockets"),
    // Standard output and standard error.
    ("write", &["standard output"], &[EPIPE], EndsQuietly, "nobody reads the output, as after SIGPIPE"),
    ("write", &["standard output"], ANY, Ends, "nobody has received the report"),
    ("write", &["standard error"], ANY, NoMessage, "nobody has received the message"),
    // The file of `--output`.
    ("openat", &["/."], ANY, FileStays, "the run reads the directory only for the files of killed runs"),
    ("getdents64", &["/."], ANY, FileStays, "the run reads the directory only for the files of killed runs"),
    ("getpgid", &[""], &[ESRCH], GoesOn, "the run that left the file has ended"),
    ("getpgid", &[""], ANY, FileStays, "the run that created the file may still write the file"),
    ("unlinkat", TEMPORARY, ANY, FileStays, "the next run removes the file"),
    ("openat", &["."], ANY, Ends, "the program finds the file from the directory"),
    ("openat", &["./"], ANY, Ends, "the program finds the file from the directory"),
    ("newfstatat", FILES, &[ENOENT], GoesOn, "the file does not exist yet"),
    ("newfstatat", FILES, ANY, Ends, "the file may not be a regular file"),
    ("openat", TEMPORARY, &[ENOENT], TriesAgain, "the directory may be gone"),
    ("openat", TEMPORARY, ANY, Ends, "the program cannot write the report"),
    ("fchmod", TEMPORARY, ANY, Ends, "nobody else may read the file"),
    ("write", TEMPORARY, ANY, Ends, "the report is incomplete"),
    ("close", TEMPORARY, ANY, Ends, "the file may lack some of the written bytes"),
    ("renameat", TEMPORARY, &[ENOENT], TriesAgain, "a run in another PID namespace may have removed the file"),
    ("renameat", TEMPORARY, ANY, Ends, "the file still has the old contents"),
    // The timer of `--interval`. In practice, these calls fail only in a
    // sandbox that forbids them.
    ("rt_sigaction", &[""], ANY, GoesOn, "the signal may stay ignored"),
    ("rt_sigprocmask", &[TIMER], ANY, Ends, "the tick would end the program"),
    ("signalfd4", &[TIMER], ANY, Ends, "the run cannot wait for the tick"),
    ("setitimer", &[TIMER], ANY, Ends, "the run would wait for ever"),
    ("read", &[TIMER], ANY, Ends, "the run cannot wait for the tick"),
    // All other files.
    ("close", &[""], ANY, GoesOn, "the program no longer needs the file"),
];

const PATHS: &[&str] =
    &["procfs", "procfs/", "tracked", "process", "nowhere", "/proc", "/proc/self"];
const PROCFS: &[&str] = &["/net/tcp", "/net/tcp6", "/net/udp6", "/net/udp"];
const TRACKED: &[&str] = &["/net/nf_conntrack"];
const FILL: &[&str] = &["/nf_conntrack_count", "/nf_conntrack_max"];
const DIAG: &[&str] = &["sock_diag"];
const FILES: &[&str] = &["FILE", "NEW"];
const TEMPORARY: &[&str] = &[OWN, LEFTOVER];

/// Returns the errnos with which a call may fail, besides EINTR. The errnos are
/// from the section ERRORS of the manual page, without the errnos that the
/// program's arguments cannot cause, and from the kernel's code for procfs and
/// netlink.
#[rustfmt::skip]
fn possible_errnos(call: &str) -> &'static [c_int] {
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
        "newfstatat" => &[EACCES, ELOOP, ENAMETOOLONG, ENOENT, ENOMEM, ENOTDIR, EOVERFLOW, EIO],
        "connect" => &[EACCES, EBADF, ECONNREFUSED, EINVAL, ENOMEM, EPERM],
        "fchmod" => &[EIO, EPERM, EROFS],
        "getdents64" => &[EBADF, EINVAL, EIO, ENOENT, ENOTDIR],
        "getpgid" => &[EPERM, ESRCH],
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
        // Without a sandbox, these calls fail only for invalid arguments.
        "rt_sigaction" | "rt_sigprocmask" | "setitimer" => &[EINVAL],
        "signalfd4" => &[EINVAL, EMFILE, ENFILE, ENODEV, ENOMEM],
        "exit_group" | "getpid" => &[],
        _ => panic!("this function must know the errnos of {call}"),
    }
}

/// The errnos that a message describes in words. For any other errno, the
/// message has the number.
#[rustfmt::skip]
const ERRNO_WORDS: &[(c_int, &str)] = &[
    (EACCES, "Permission denied"),
    (EAFNOSUPPORT, "Address family not supported by protocol"),
    (EAGAIN, "Resource temporarily unavailable"),
    (EBADF, "Bad file descriptor"),
    (EBADMSG, "Bad message"),
    (EBUSY, "Device or resource busy"),
    (ECONNREFUSED, "Connection refused"),
    (EDQUOT, "Disk quota exceeded"),
    (EEXIST, "File exists"),
    (EFBIG, "File too large"),
    (EINVAL, "Invalid argument"),
    (EIO, "Input/output error"),
    (EISDIR, "Is a directory"),
    (ELOOP, "Too many levels of symbolic links"),
    (EMFILE, "Too many open files"),
    (EMSGSIZE, "Message too long"),
    (ENAMETOOLONG, "File name too long"),
    (ENFILE, "Too many open files in system"),
    (ENOBUFS, "No buffer space available"),
    (ENOENT, "No such file or directory"),
    (ENOMEM, "Cannot allocate memory"),
    (ENOSPC, "No space left on device"),
    (ENOSYS, "Function not implemented"),
    (ENOTDIR, "Not a directory"),
    (ENXIO, "No such device or address"),
    (EOPNOTSUPP, "Operation not supported"),
    (EPERM, "Operation not permitted"),
    (EPROTONOSUPPORT, "Protocol not supported"),
    (EROFS, "Read-only file system"),
    (ESRCH, "No such process"),
    (ESTALE, "Stale file handle"),
    (ETIME, "Timer expired (--timeout)"),
];

/// Returns the words with which a message describes an errno.
fn describe_errno(errno: c_int) -> String {
    let words = ERRNO_WORDS.iter().find(|&&(number, _)| number == errno);
    words.map_or_else(|| format!("Unknown error {errno}"), |(_, words)| words.to_string())
}

/// The arguments of the tested runs. [`Fixture`] has their files:
///
/// - `procfs` and `tracked` resemble `/proc`.
/// - `process` resembles `/proc/PID` of a process in this network namespace.
/// - In the directory of a run, `FILE` exists, and `NEW` and `nowhere` do not
///   exist. [`LEFTOVER`] is the temporary file of a killed run.
///
/// Every interval passes at once.
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

/// The temporary file of a run, [without its numbers](without_numbers).
const OWN: &str = ".network-connections.tmp.OWN";

/// The temporary file of a killed run. No process has this PID.
const LEFTOVER: &str = ".network-connections.tmp.999999999.1";

/// The files that the runs read, and the reports that the runs must print.
struct Fixture {
    root: TempDir,
    /// The output of a run without failures that prints one report, by the
    /// arguments and the omissions.
    reports: Mutex<BTreeMap<(&'static str, Omissions), Output>>,
}

/// The parts that a report lacks: a table (`tcp6`, `udp6`), or the fill of the
/// table of tracked connections (`fill`).
type Omissions = BTreeSet<&'static str>;

impl Fixture {
    /// Creates the files. `procfs` has copies of the socket tables of this
    /// network namespace, and its variants lack one or two of the tables.
    fn new() -> Fixture {
        let root = tempfile::tempdir().unwrap();
        let put = |file: String, contents: &str| {
            let file = root.path().join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, contents).unwrap();
        };
        for suffix in ["", "-tcp6", "-udp6", "-tcp6-udp6"] {
            for table in harness::TABLES {
                if suffix.split('-').any(|omitted| omitted == table) {
                    continue;
                }
                let rows = fs::read_to_string(format!("/proc/net/{table}")).unwrap();
                put(format!("procfs{suffix}/net/{table}"), &rows);
            }
        }
        for directory in ["tracked", "tracked-fill", "process", "process-fill"] {
            put(format!("{directory}/net/nf_conntrack"), &TRACKED_ROW.repeat(3));
        }
        put("tracked/sys/net/netfilter/nf_conntrack_count".into(), "3\n");
        put("tracked/sys/net/netfilter/nf_conntrack_max".into(), "200\n");
        link_own_namespace(&root.path().join("process"));
        Fixture { root, reports: Mutex::default() }
    }

    /// Returns the output of a run that prints one report with these omissions
    /// to standard output.
    fn report(&self, mode: &'static str, omissions: &Omissions) -> Output {
        let mut reports = self.reports.lock().unwrap();
        let report = reports.entry((mode, omissions.clone())).or_insert_with(|| {
            let mut arguments: Vec<&str> = mode.split(' ').collect();
            for option in ["-i", "-o", "--source"] {
                if let Some(index) = arguments.iter().position(|&word| word == option) {
                    arguments.drain(index..index + 2);
                }
            }
            let suffix: String = omissions.iter().map(|part| format!("-{part}")).collect();
            let mut program = plain_program();
            program.current_dir(self.root.path().join("procfs"));
            if suffix.is_empty() {
                program.args(arguments);
            } else {
                // `procfs` has the same sockets as `/proc`.
                let (options, directories): (Vec<&str>, Vec<&str>) = arguments
                    .into_iter()
                    .partition(|word| !word.contains("../") && !word.starts_with('/'));
                let directory =
                    directories.into_iter().find(|directory| directory.starts_with("../"));
                let directory = directory.unwrap_or("../procfs").trim_end_matches('/');
                program.args(options).arg(format!("{directory}{suffix}"));
            }
            program.output().unwrap()
        });
        report.clone()
    }
}

/// The result of a run.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    status: Option<c_int>,
    stdout: String,
    stderr: String,
    /// The contents of the files in the directory of the run.
    files: BTreeMap<String, String>,
}

/// Runs the program in a new directory. The first wait for a tick returns at
/// once, and the second wait returns SIGTERM, which ends the run.
fn run(
    fixture: &Fixture,
    mode: &str,
    mut answer: impl FnMut(&Call) -> Answer + Send,
) -> (Outcome, Vec<AnsweredCall>) {
    let directory = tempfile::tempdir_in(&fixture.root).unwrap();
    for name in ["FILE", LEFTOVER] {
        fs::write(directory.path().join(name), OLD).unwrap();
    }
    let mut program = plain_program();
    program.args(mode.split(' ')).current_dir(&directory);
    let mut signals = [SIGALRM, SIGTERM].into_iter();
    let Run { output, mut calls } =
        supervise(&mut program, |call| match (answer(call), call.name) {
            (Answer::GoOn, "read") if call.file == TIMER => {
                // The first field of `struct signalfd_siginfo` is the number.
                let mut information = [0; size_of::<signalfd_siginfo>()];
                information[..4].copy_from_slice(&signals.next().unwrap().to_ne_bytes());
                Answer::Put(vec![(1, information.to_vec())], information.len() as i64)
            }
            (answer, _) => answer,
        });
    let files = fs::read_dir(&directory).unwrap().map(|file| {
        let path = file.unwrap().path();
        let name = without_numbers(path.file_name().unwrap().to_str().unwrap());
        (name, fs::read_to_string(path).unwrap())
    });
    for call in &mut calls {
        call.file = without_numbers(&call.file);
    }
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let outcome = Outcome {
        status: output.status.code(),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
        files: files.collect(),
    };
    (outcome, calls)
}

/// Replaces the name of the run's own temporary file, which differs in every
/// run, at the end of a path.
fn without_numbers(path: &str) -> String {
    match path.find(".network-connections.tmp.") {
        Some(start) if !path.ends_with(LEFTOVER) => path[..start].to_string() + OWN,
        _ => path.to_string(),
    }
}

const OLD_CONNTRACK: &str =
    "No such file or directory (the kernel has only ip_conntrack, which is not supported)";
const NOT_SHOWN: &str = "The kernel lacks CONFIG_NF_CONNTRACK_PROCFS";

/// Returns the message with another reason if the message is about the table of
/// tracked connections.
fn with_reason(message: &str, reason: &str) -> String {
    let table = "net/nf_conntrack: ";
    match message.split_once(table) {
        Some((start, _)) => format!("{start}{table}{reason}\n"),
        None => message.into(),
    }
}

/// Returns the outcome that a run with these answered calls must have according
/// to the table.
fn expected_outcome(fixture: &Fixture, mode: &'static str, calls: &[AnsweredCall]) -> Outcome {
    let is_check = mode.split(' ').any(|word| ["-w", "-c"].contains(&word));
    let by_netlink = mode.contains("--source netlink");
    let mut words = mode.split(' ').skip_while(|&word| word != "-o");
    let output = words.nth(1).unwrap_or_default();
    let mut files: BTreeMap<String, String> =
        ["FILE", LEFTOVER].map(|name| (name.into(), OLD.into())).into();
    let (mut stdout, mut stderr) = (String::new(), String::new());
    // The parts that the next report lacks.
    let mut omissions = Omissions::new();
    // The message that a failed run has not printed yet.
    let mut message: Option<String> = None;
    // The temporary file that a failed run removes.
    let mut temporary = None;
    let mut reports = 0;
    let mut tries = 0;
    // The links that the run has read.
    let mut links = BTreeSet::new();
    // The exit status of a failed run.
    let mut status = None;
    let report = |omissions: &Omissions| fixture.report(mode, omissions);
    let text = |omissions: &Omissions| String::from_utf8(report(omissions).stdout).unwrap();
    for call in calls {
        if call.errno == Some(EINTR) {
            continue;
        }
        let name = call.file.rsplit('/').next().unwrap().to_string();
        let errno = call.errno.or_else(|| match call.name {
            // These calls fail, although the supervisor lets them go on.
            "openat" if call.file == "nowhere" => Some(ENOENT),
            "openat" if name == "ip_conntrack" => Some(ENOENT),
            _ => None,
        });
        let is_first_read = call.name == "readlinkat" && links.insert(&call.file);
        let Some(errno) = errno else {
            match (call.name, &call.file[..]) {
                ("write", "standard output") if status.is_none() => {
                    stdout += &text(&omissions);
                    reports += 1;
                }
                ("write", "standard output") => stdout += &message.take().unwrap_or_default(),
                ("write", "standard error") => stderr += &message.take().unwrap_or_default(),
                ("openat", _) if name.ends_with(OWN) => {
                    files.insert(name, String::new());
                }
                ("write", _) if name.ends_with(OWN) => {
                    files.insert(name, text(&omissions));
                }
                ("unlinkat", _) => drop(files.remove(&name)),
                ("renameat", _) => {
                    let contents = files.remove(&name).unwrap();
                    files.insert(output.trim_start_matches("./").into(), contents);
                    reports += 1;
                }
                // The next report reads everything again.
                ("read", TIMER) => {
                    omissions.clear();
                    links.clear();
                }
                // The failed run looks for a reason why its table is missing.
                ("openat", "../tracked/sys/net/netfilter/nf_conntrack_count")
                    if status.is_some() =>
                {
                    message = message.map(|text| with_reason(&text, NOT_SHOWN));
                }
                _ => {}
            }
            continue;
        };
        if status.is_some() {
            // The failed run prints its message and removes its temporary file.
            if call.file.starts_with("standard ") {
                message = None;
            } else if (&call.file[..], errno) == ("/proc/net", ENOENT) {
                let hint = " (is procfs mounted? with subset=pid, try PATH /proc/self)\n";
                message = message.map(|message| message.trim_end().to_string() + hint);
            } else if name == "ip_conntrack" && errno != ENOENT {
                message = message.map(|text| with_reason(&text, OLD_CONNTRACK));
            } else if name == "nf_conntrack_count" && errno != ENOENT {
                message = message.map(|text| with_reason(&text, NOT_SHOWN));
            } else if call.name == "unlinkat" {
                files.extend(temporary.take());
            }
            continue;
        }
        let mut end_run = |reason: Option<&str>| {
            status = Some(if is_check { 3 } else { 1 });
            let prefix =
                if is_check { "NETWORK-CONNECTIONS UNKNOWN - " } else { "network-connections: " };
            let file = match &call.file[..] {
                _ if call.name == "uname" && !by_netlink => "host name".into(),
                _ if call.name == "uname" => netlink::NAME.into(),
                "sock_diag" => netlink::NAME.into(),
                _ if name.ends_with(OWN) => {
                    format!("{output} (temporary file in its directory)")
                }
                "." | "./" => output.into(),
                _ if call.name == "newfstatat" => output.into(),
                file => file.into(),
            };
            message = reason.map(|reason| format!("{prefix}{file}: {reason}\n"));
        };
        match find_effect(call, errno) {
            NoNamespace | Ends
                if call.file == "/proc/self/ns/net" && mode.contains("../process") =>
            {
                omissions.insert("fill");
            }
            Ends => end_run(Some(&describe_errno(errno))),
            EndsWith(reason) => end_run(Some(reason)),
            EndsQuietly => end_run(None),
            GoesOn | NoMessage | FileStays => {}
            TableMissing => drop(omissions.insert(if name == "tcp6" { "tcp6" } else { "udp6" })),
            FillUnknown if mode.contains("table.") => end_run(Some(&describe_errno(errno))),
            FillUnknown => drop(omissions.insert("fill")),
            NoDirectory if mode.contains("../process") && call.file != "../process" => {
                omissions.insert("fill");
            }
            NoDirectory => end_run(Some(&describe_errno(errno))),
            NoNamespace if !is_first_read => end_run(Some(&describe_errno(errno))),
            NoNamespace if mode.contains("../process") => drop(omissions.insert("fill")),
            NoNamespace => {}
            TriesAgain => {
                tries += 1;
                if tries > 9 {
                    end_run(Some(&describe_errno(errno)));
                }
            }
            NoNetlink if by_netlink => end_run(Some(&describe_errno(errno))),
            NoNetlinkAs(reason) if by_netlink => end_run(Some(reason)),
            NoNetlinkAs(_) if mode.contains("collectd") => {
                end_run(Some("Expected a name without a slash (set COLLECTD_HOSTNAME)"));
            }
            NoNetlink | NoNetlinkAs(_) => {}
        }
        // The run removes the temporary file that it has created.
        if status.is_some() && call.name != "openat" && name.ends_with(OWN) {
            temporary = files.remove_entry(&name);
        }
    }
    assert_eq!(message, None, "the run must print the message of its failure");
    let all = if mode.contains("-i ") { 2 } else { 1 };
    assert!(
        status.is_some() || reports == all,
        "{reports} reports, but a run without failures has {all}"
    );
    let status = status.or(match mode.contains("-i ") {
        true => Some(128 + SIGTERM),
        false => report(&omissions).status.code(),
    });
    Outcome { status, stdout, stderr, files }
}

/// Returns the effect of a failure according to the table.
fn find_effect(call: &AnsweredCall, errno: c_int) -> Effect {
    let mut rows = TABLE.iter().filter(|(name, files, errnos, ..)| {
        *name == call.name
            && files.iter().any(|file| call.file.ends_with(file))
            && (errnos.is_empty() || errnos.contains(&errno))
    });
    let row = rows.next();
    row.unwrap_or_else(|| panic!("the table must have {} of {:?}", call.name, call.file)).3
}

/// The calls that fail.
#[derive(Clone, Copy, Debug)]
enum Scope {
    /// Only the first failing call.
    One,
    /// The first failing call, and all later calls of this name.
    Name(&'static str),
    /// The first failing call, and all later calls that can fail.
    All,
}

/// A failure: the arguments of the run, the index of the first failing call,
/// the errno, and the scope.
type Failure = (&'static str, usize, c_int, Scope);

/// Returns whether this errno may have another effect than most errnos of the
/// call.
fn is_special(call: &str, errno: c_int) -> bool {
    let mut rows = TABLE.iter().filter(|(name, ..)| *name == call);
    [EINTR, EIO].contains(&errno) || rows.any(|(_, _, errnos, ..)| errnos.contains(&errno))
}

/// Returns the failures to try in a run with these calls. An errno that is not
/// special is tried only once for each call of each file.
fn list_failures(
    mode: &'static str,
    calls: &[AnsweredCall],
    tried: &mut BTreeSet<(&str, String, c_int)>,
) -> Vec<Failure> {
    let mut failures = Vec::new();
    for (index, call) in calls.iter().enumerate() {
        let (call_name, file_name) = (call.name, call.file.rsplit('/').next().unwrap());
        if call_name == "exit_group" {
            continue;
        }
        let is_first = !calls[..index].contains(call);
        for &errno in possible_errnos(call_name).iter().chain(&[EINTR]) {
            let is_new = tried.insert((call_name, file_name.into(), errno));
            if is_new || is_special(call_name, errno) {
                failures.push((mode, index, errno, Scope::One));
            }
            if is_first && is_special(call_name, errno) {
                failures.push((mode, index, errno, Scope::Name(call_name)));
            }
        }
        if !possible_errnos(call_name).is_empty() {
            failures.push((mode, index, EIO, Scope::All));
        }
    }
    failures
}

/// The highest number of calls that a failure with EINTR interrupts.
const INTERRUPTIONS: usize = 30;

/// Runs the program with a failure, and asserts that the outcome is the outcome
/// in the table.
fn check_failure(fixture: &Fixture, (mode, first, errno, scope): Failure) {
    let mut failed = 0;
    let (outcome, calls) = run(fixture, mode, |call| {
        let fails = call.index >= first
            && match scope {
                Scope::One => call.index == first,
                Scope::Name(name) => call.name == name,
                Scope::All => !possible_errnos(call.name).is_empty(),
            }
            && (errno != EINTR || failed < INTERRUPTIONS);
        failed += usize::from(fails);
        if fails { Answer::Fail(errno) } else { Answer::GoOn }
    });
    let what = || format!("{mode}: errno {errno} from call {first} on, {scope:?}: {calls:?}");
    assert!(failed > 0, "a call must fail: {}", what());
    assert_eq!(outcome, expected_outcome(fixture, mode, &calls), "{}", what());
    for pair in calls.windows(2).filter(|pair| pair[0].errno == Some(EINTR)) {
        let is_again = (pair[0].name, &pair[0].file) == (pair[1].name, &pair[1].file);
        match pair[0].name {
            // An interrupted close has already freed the descriptor.
            "close" => assert!(!is_again, "the program must not repeat close: {}", what()),
            // The kernel never interrupts getpid and rt_sigaction.
            "getpid" | "rt_sigaction" => {}
            _ => assert!(is_again, "the program must repeat the call: {}", what()),
        }
    }
}

#[test]
fn each_failure_has_the_effect_in_the_table() {
    let name = test_name!();
    if !can_supervise(name) || !in_namespace(name, CLONE_NEWNET) {
        return;
    }
    let _sockets = netlink::open_sockets();
    let fixture = Fixture::new();
    let mut tried = BTreeSet::new();
    let failures: Vec<Failure> = MODES
        .iter()
        .flat_map(|mode| {
            let (outcome, calls) = run(&fixture, mode, |_| Answer::GoOn);
            assert_eq!(outcome, expected_outcome(&fixture, mode, &calls), "{mode}");
            assert!(outcome.stderr.is_empty() || mode.contains("nowhere"), "{}", outcome.stderr);
            list_failures(mode, &calls, &mut tried)
        })
        .collect();
    in_parallel(&failures, |&failure| check_failure(&fixture, failure));
}

#[test]
fn short_reads_and_writes_are_continued() {
    let name = test_name!();
    if !can_supervise(name) || !in_namespace(name, CLONE_NEWNET) {
        return;
    }
    let _sockets = netlink::open_sockets();
    let fixture = Fixture::new();
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
            let (outcome, calls) = run(&fixture, mode, |call| {
                // The kernel never splits a number, a signal or a request.
                let is_whole =
                    [FILL, DIAG, &[TIMER]].concat().iter().any(|file| call.file.ends_with(file));
                let is_transfer = ["read", "write"].contains(&call.name);
                if is_transfer && !is_whole { Answer::AtMost(most) } else { Answer::GoOn }
            });
            // The parts of a write count as one write.
            let mut whole = calls.clone();
            whole.dedup_by(|call, before| call == before && call.name == "write");
            assert_eq!(
                outcome,
                expected_outcome(&fixture, mode, &whole),
                "{mode}: {most} bytes at once"
            );
            assert!(calls.len() > whole.len() || most == 100, "{mode}: a write must have parts");
        }
    }
}

#[test]
fn a_write_that_stops_early_fails() {
    let name = test_name!();
    if !can_supervise(name) || !in_namespace(name, CLONE_NEWNET) {
        return;
    }
    let _sockets = netlink::open_sockets();
    let fixture = Fixture::new();
    let is_write = |name: &str, file: &str| name == "write" && file != "sock_diag";
    for mode in MODES {
        let (_, calls) = run(&fixture, mode, |_| Answer::GoOn);
        let writes = calls.iter().enumerate().filter(|(_, call)| is_write(call.name, &call.file));
        for (first, call) in writes {
            // A write that returns 0, once or always, has the effect of EIO.
            for persists in [false, true] {
                let returns_zero = |name: &str, file: &str, index| {
                    is_write(name, file) && (index == first || persists && index > first)
                };
                let (outcome, mut calls) = run(&fixture, mode, |call| {
                    let zero = returns_zero(call.name, &call.file, call.index);
                    if zero { Answer::Return(0) } else { Answer::GoOn }
                });
                for (index, call) in calls.iter_mut().enumerate() {
                    if returns_zero(call.name, &call.file, index) {
                        call.errno = Some(EIO);
                    }
                }
                assert_eq!(
                    outcome,
                    expected_outcome(&fixture, mode, &calls),
                    "{mode}: {first} {persists}"
                );
            }
            // If a write transfers one byte and the next write fails, the
            // failure has its usual effect. A standard stream keeps the byte.
            let (mut outcome, mut calls) = run(&fixture, mode, |call| match call.index {
                index if index == first => Answer::AtMost(1),
                index if index == first + 1 => Answer::Fail(ENOSPC),
                _ => Answer::GoOn,
            });
            let part = calls.remove(first);
            assert_eq!((part.name, &part.file), (calls[first].name, &call.file));
            let mut expected = expected_outcome(&fixture, mode, &calls);
            let stream = match &call.file[..] {
                "standard output" => Some((&mut outcome.stdout, &mut expected.stdout)),
                "standard error" => Some((&mut outcome.stderr, &mut expected.stderr)),
                _ => None,
            };
            if let Some((written, expected)) = stream {
                // The byte follows the earlier reports, and a message may
                // follow the byte.
                let reports = calls[..first].iter().filter(|call| is_write(call.name, &call.file));
                let before = reports.count() * fixture.report(mode, &Omissions::new()).stdout.len();
                written.drain(before..before + 1);
                assert_eq!(written, expected, "{mode}: {first}");
            }
            assert_eq!(outcome, expected, "{mode}: {first}");
        }
    }
}

#[test]
fn messages_describe_errnos_in_words() {
    if !can_supervise(test_name!()) {
        return;
    }
    // The program repeats a call that fails with EINTR.
    for errno in (1..=EHWPOISON).filter(|&errno| errno != EINTR) {
        let run = supervise(&mut plain_program(), |call| match call.name {
            "openat" => Answer::Fail(errno),
            _ => Answer::GoOn,
        });
        let reason = describe_errno(errno);
        let message = format!("network-connections: /proc: {reason}\n");
        harness::failed(run.output, 1, &message, "");
        // The words are the words of glibc's strerror, and the option that
        // causes the errno.
        if cfg!(target_env = "gnu") && !reason.starts_with("Unknown") {
            let error = io::Error::from_raw_os_error(errno).to_string();
            let words = reason.trim_end_matches(" (--timeout)");
            assert_eq!(error, format!("{words} (os error {errno})"));
        }
    }
}

#[test]
fn a_run_on_an_ending_process_counts_everything_or_fails() {
    let name = test_name!();
    if !can_supervise(name) || !in_namespace(name, CLONE_NEWNET) {
        return;
    }
    let _sockets = netlink::open_sockets();
    let expected = harness::report(plain_program().arg("--all"));
    // Until the parent has waited for the ended process, the process is a
    // zombie.
    for is_reaped in [true, false] {
        let mut outcomes = BTreeMap::new();
        for first in 0.. {
            let mut process = Command::new("sleep").arg("60").spawn().unwrap();
            let directory = format!("/proc/{}", process.id());
            let mut ended = false;
            let run = supervise(plain_program().args(["--all", &directory]), |call| {
                if call.index == first {
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
                    "succeeded"
                }
                status => {
                    assert_eq!((status, &stdout[..]), (Some(1), ""));
                    let named = stderr.strip_prefix("network-connections: ").unwrap();
                    let (file, reason) = named.split_once(": ").unwrap();
                    assert!(file.starts_with(&directory), "{stderr}");
                    let reasons = ["No such file or directory", "No such process"];
                    assert!(reasons.contains(&reason.trim_end()), "{stderr}");
                    "failed"
                }
            };
            outcomes.entry(outcome).or_insert_with(Vec::new).push(first);
        }
        // Call 18 shows that the process has not changed its network namespace.
        // After this call, the program no longer needs the process.
        assert_eq!(outcomes["failed"], (0..=18).collect::<Vec<_>>());
        assert_eq!(outcomes["succeeded"], (19..=21).collect::<Vec<_>>());
    }
}
