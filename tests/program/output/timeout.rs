//! Runs with a limited time (`-t`).

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::os::fd::AsRawFd;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::harness::netlink::NAME;
use crate::harness::supervisor::{Answer, can_supervise, supervise};
use crate::harness::{
    before_exec, failed, in_namespace, message, mkfifo, numbered, pipe, procfs, program, refusal,
    report,
};
use crate::samples::socket_table::HEADER;

/// The longest time from the end of the time to the end of the run, on a slow
/// machine.
const LATE: Duration = Duration::from_secs(9);

/// Creates a procfs directory with a table that never ends. The file keeps the
/// table open until the caller drops the file.
fn endless_procfs() -> (TempDir, File) {
    let procfs = procfs(&[]);
    let fifo = procfs.path().join("net/tcp6");
    mkfifo(&fifo).unwrap();
    let mut file = OpenOptions::new().read(true).write(true).open(&fifo).unwrap();
    file.write_all(HEADER.as_bytes()).unwrap();
    (procfs, file)
}

/// Runs a command with a timeout of one second, and asserts that the run takes
/// this time.
fn run_for_a_second(command: &mut Command) -> Output {
    let start = Instant::now();
    let output = command.arg("-t1").output().unwrap();
    let time = start.elapsed();
    let second = Duration::from_secs(1);
    assert!((second..second + LATE).contains(&time), "{command:?} took {time:?}");
    output
}

#[test]
fn a_run_that_takes_longer_fails() {
    let (procfs, _fifo) = endless_procfs();
    let message = message(procfs.path(), "tcp6", "Timer expired (--timeout)");
    let output = run_for_a_second(program().arg(procfs.path()));
    failed(output, 1, &message, "");
    let Output { status, stdout, stderr } =
        run_for_a_second(program().args(["-w", "tcp=1"]).arg(procfs.path()));
    let reason = message.strip_prefix("network-connections: ").unwrap();
    let line = format!("NETWORK-CONNECTIONS UNKNOWN - {reason}");
    assert_eq!((status.code(), String::from_utf8(stdout).unwrap()), (Some(3), line));
    assert_eq!(stderr, b"");
}

#[test]
fn the_time_ends_whatever_the_process_inherited() {
    let (procfs, _fifo) = endless_procfs();
    let message = message(procfs.path(), "tcp6", "Timer expired (--timeout)");
    let mut ignored = program();
    before_exec(&mut ignored, || {
        // SAFETY: SIG_IGN is not a signal handler.
        unsafe { libc::signal(libc::SIGALRM, libc::SIG_IGN) };
        0
    });
    let mut blocked = program();
    before_exec(&mut blocked, || {
        // SAFETY: all fields are numbers, so all zeros are a valid value.
        let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
        // SAFETY: `set` is writable memory for a set.
        unsafe { libc::sigfillset(&mut set) };
        // SAFETY: the set is initialised, and a null pointer asks for no old
        // set.
        unsafe { libc::sigprocmask(libc::SIG_BLOCK, &set, std::ptr::null_mut()) }
    });
    for mut command in [ignored, blocked] {
        failed(run_for_a_second(command.arg(procfs.path())), 1, &message, "");
    }
}

#[test]
fn the_time_of_a_run_that_waits_for_nothing_ends() {
    let procfs = procfs(&[]);
    // A header of 64 GB takes the program about half a minute.
    let table = procfs.path().join("net/tcp");
    fs::write(&table, HEADER.trim_end()).unwrap();
    OpenOptions::new().write(true).open(table).unwrap().set_len(1 << 36).unwrap();
    let message = message(procfs.path(), "tcp", "Timer expired (--timeout)");
    failed(run_for_a_second(program().arg(procfs.path())), 1, &message, "");
}

#[test]
fn the_file_stays_and_no_temporary_file() {
    const OLD: &str = "the old contents\n";
    let (procfs, _fifo) = endless_procfs();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("FILE");
    fs::write(&file, OLD).unwrap();
    let output = run_for_a_second(program().arg("-o").arg(&file).arg(procfs.path()));
    failed(output, 1, &message(procfs.path(), "tcp6", "Timer expired (--timeout)"), "");
    assert_eq!(fs::read_to_string(&file).unwrap(), OLD);
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 1);
    if !can_supervise(test_name!()) {
        return;
    }
    // The time ends before the temporary file exists, in a call whose failure
    // the run ignores, and while the temporary file exists.
    let procfs = numbered();
    for late_call in ["newfstatat", "getdents64", "write", "fchmod"] {
        let mut program = program();
        program.args(["-t", "1", "-o"]).arg(&file).arg(procfs.path());
        let run = supervise(&mut program, |call| {
            if call.name == late_call && !call.file.starts_with("standard ") {
                thread::sleep(Duration::from_millis(1500));
            }
            Answer::GoOn
        });
        let resource = match late_call {
            "newfstatat" => "",
            _ => " (temporary file in its directory)",
        };
        let path = file.display();
        let message = format!("network-connections: {path}{resource}: Timer expired (--timeout)\n");
        failed(run.output, 1, &message, late_call);
        assert_eq!(fs::read_to_string(&file).unwrap(), OLD, "{late_call}");
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 1, "{late_call}");
    }
}

#[test]
fn the_time_also_ends_in_a_file_that_the_run_can_do_without() {
    let procfs = procfs(&[("nf_conntrack", "")]);
    let directory = procfs.path().join("sys/net/netfilter");
    fs::create_dir_all(&directory).unwrap();
    let fifo = directory.join("nf_conntrack_count");
    mkfifo(&fifo).unwrap();
    let _file = OpenOptions::new().read(true).write(true).open(&fifo).unwrap();
    for arguments in [&[][..], &["-qtcp"], &["-qtable.entries"]] {
        let mut program = program();
        let output =
            run_for_a_second(program.arg("--conntrack").args(arguments).arg(procfs.path()));
        let message =
            format!("network-connections: {}: Timer expired (--timeout)\n", fifo.display());
        failed(output, 1, &message, "");
    }
}

#[test]
fn auto_reads_nothing_more_after_the_time() {
    let name = test_name!();
    if !can_supervise(name) || !in_namespace(name, libc::CLONE_NEWNET) {
        return;
    }
    for source in ["--source=netlink", "--source=auto"] {
        let run = supervise(program().args([source, "-t1"]), |call| {
            if call.name == "recvfrom" {
                thread::sleep(Duration::from_millis(1500));
            }
            Answer::GoOn
        });
        let message = format!("network-connections: {NAME}: Timer expired (--timeout)\n");
        failed(run.output, 1, &message, source);
    }
}

#[test]
fn a_reader_that_reads_nothing_does_not_stop_the_time() {
    let procfs = procfs(&[]);
    let [_reader, writer] = pipe(libc::O_NONBLOCK).map(File::from);
    while (&writer).write(&[b'x'; 4096]).is_ok() {}
    // The program needs a pipe without O_NONBLOCK.
    // SAFETY: the argument is a number, as F_SETFL requires.
    assert_eq!(unsafe { libc::fcntl(writer.as_raw_fd(), libc::F_SETFL, 0) }, 0);
    let mut program = program();
    program.arg("-t1").arg(procfs.path()).stdout(writer).stderr(Stdio::piped());
    let start = Instant::now();
    let mut child = program.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "network-connections: standard output: Timer expired (--timeout)\n");
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert!(start.elapsed() < Duration::from_secs(1) + LATE);
}

#[test]
fn a_run_in_time_is_as_without_the_option() {
    let procfs = numbered();
    for arguments in [&["-fjson"][..], &["-qtcp", "-qudp"], &["-wtcp=9999"], &["-fcollectd"]] {
        let run = |timeout: &[&str]| {
            report(
                program()
                    .env("COLLECTD_HOSTNAME", "here")
                    .args(arguments)
                    .args(timeout)
                    .arg(procfs.path()),
            )
        };
        for timeout in [&["-t60"][..], &["-t", "86400"], &["--timeout=70"], &["-t1", "-t60"]] {
            assert_eq!(run(timeout), run(&[]), "{arguments:?} {timeout:?}");
        }
    }
}

#[test]
fn a_timeout_is_a_number_of_seconds_and_excludes_an_interval() {
    for value in ["0", "-1", "1.5", "1s", "", "86401", "4294967297", "18446744073709551617"] {
        assert_eq!(
            refusal(program().arg(format!("--timeout={value}"))),
            format!("invalid SECONDS '{value}' (expected a number from 1 to 86400)")
        );
    }
    for arguments in [["-t9", "-i1"], ["--interval=1", "--timeout=9"]] {
        assert_eq!(refusal(program().args(arguments)), "--timeout can't be used with --interval");
    }
}
