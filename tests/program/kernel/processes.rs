//! Counts of the network namespace of a process (`/proc/PID`) while the process
//! changes.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::mem;
use std::os::fd::AsRawFd;
use std::process::{Child, Command, Output, Stdio};
use std::thread;

use crate::harness::netlink::open_sockets;
use crate::harness::supervisor::Answer;
use crate::harness::supervisor::{Run, can_supervise, supervise};
use crate::harness::{in_namespace, lacking, pipe, plain_program, program, report};

/// Runs the program on the directory of a process, and calls `change` before
/// the system call with this index. Returns the output, or nothing if the run
/// made fewer system calls.
fn run_with_change(process: u32, index: usize, mut change: impl FnMut() + Send) -> Option<Output> {
    let directory = format!("/proc/{process}");
    let mut has_changed = false;
    let Run { output, .. } = supervise(plain_program().args(["--all", &directory]), |call| {
        if call.index == index {
            change();
            has_changed = true;
        }
        Answer::GoOn
    });
    has_changed.then_some(output)
}

fn spawn(arguments: &[&str]) -> Child {
    let mut command = Command::new(arguments[0]);
    command.args(&arguments[1..]).stdin(Stdio::piped()).spawn().unwrap()
}

/// Returns the report on a network namespace without sockets.
fn empty_report() -> String {
    let zeros = |text: &str| {
        let is_count = |line: &&str| line.contains("\": ") && !line.ends_with('{');
        let line = |line: &str| match line.split_once(": ") {
            Some((name, count)) if is_count(&line) => {
                format!("{name}: 0{}\n", if count.ends_with(',') { "," } else { "" })
            }
            _ => format!("{line}\n"),
        };
        text.lines().map(line).collect::<String>()
    };
    zeros(&report(program().arg("--all")))
}

#[test]
fn tables_of_two_processes_with_the_same_pid_are_never_mixed() {
    let test = test_name!();
    if !can_supervise(test) || !in_namespace(test, libc::CLONE_NEWNET) {
        return;
    }
    let _sockets = open_sockets();
    let expected = report(program().arg("--all"));
    let empty = empty_report();
    assert_ne!(expected, empty);
    let mut seen = [0; 3];
    for index in 0.. {
        let mut first = spawn(&["sleep", "60"]);
        let id = first.id();
        let mut second = Ok(0);
        let output = run_with_change(id, index, || {
            first.kill().unwrap();
            first.wait().unwrap();
            second = start_in_empty_namespace(id as libc::pid_t);
        });
        let _ = first.kill();
        let _ = first.wait();
        match second {
            Err(error) => return lacking(test, &format!("no process with a given PID: {error}")),
            Ok(0) => {}
            Ok(process) => end(process),
        }
        let Some(output) = output else { break };
        let stdout = String::from_utf8(output.stdout).unwrap();
        let outcome = match output.status.code() {
            Some(0) if stdout == expected => 0,
            Some(0) if stdout == empty => 1,
            Some(1) if stdout.is_empty() => 2,
            _ => panic!("{index}: the tables are mixed: {stdout}"),
        };
        seen[outcome] += 1;
    }
    assert!(seen.iter().all(|&times| times > 0), "{seen:?}");
}

/// Starts a process with this PID, which has a network namespace of its own.
fn start_in_empty_namespace(id: libc::pid_t) -> io::Result<libc::pid_t> {
    let [ready, started] = pipe(0);
    // SAFETY: all fields are numbers, so all zeros are a valid value.
    let mut arguments: libc::clone_args = unsafe { mem::zeroed() };
    arguments.exit_signal = libc::SIGCHLD as u64;
    arguments.set_tid = &raw const id as u64;
    arguments.set_tid_size = 1;
    let size = size_of_val(&arguments);
    // SAFETY: the arguments are initialised, and without CLONE_VM the child has
    // its own memory, as after fork.
    match unsafe { libc::syscall(libc::SYS_clone3, &raw const arguments, size) } {
        ..0 => Err(io::Error::last_os_error()),
        0 => {
            // SAFETY: unshare takes only a number.
            let status = unsafe { libc::unshare(libc::CLONE_NEWNET) };
            // SAFETY: `status` is readable memory of one byte at least.
            unsafe { libc::write(started.as_raw_fd(), (&raw const status).cast(), 1) };
            // The supervisor waits until the program has closed a descriptor of
            // which this process has a copy.
            // SAFETY: this process uses no descriptor after this call.
            unsafe { libc::syscall(libc::SYS_close_range, 0, libc::c_uint::MAX, 0) };
            loop {
                // SAFETY: pause has no preconditions.
                unsafe { libc::pause() };
            }
        }
        process => {
            drop(started);
            let mut status = [1];
            File::from(ready).read_exact(&mut status)?;
            assert_eq!(status, [0], "the process must get a network namespace");
            Ok(process as libc::pid_t)
        }
    }
}

/// Kills a child, and waits for its end.
fn end(process: libc::pid_t) {
    // SAFETY: kill takes only numbers.
    assert_eq!(unsafe { libc::kill(process, libc::SIGKILL) }, 0);
    let mut status = 0;
    // SAFETY: `status` is writable memory for a status.
    assert_eq!(unsafe { libc::waitpid(process, &mut status, 0) }, process);
}

#[test]
fn a_process_that_moves_to_another_network_namespace_is_an_error() {
    let test = test_name!();
    if !can_supervise(test) || !in_namespace(test, libc::CLONE_NEWNET) {
        return;
    }
    let _sockets = open_sockets();
    let expected = report(program().arg("--all"));
    let empty = empty_report();
    let mut seen = [0; 3];
    for index in 0.. {
        let mut process = spawn(&["sh", "-c", "read line; exec unshare --net sleep 60"]);
        let id = process.id();
        let mut input = process.stdin.take().unwrap();
        let output = run_with_change(id, index, || {
            let link = || fs::read_link(format!("/proc/{id}/ns/net")).unwrap();
            let before = link();
            input.write_all(b"\n").unwrap();
            while link() == before {
                thread::yield_now();
            }
        });
        process.kill().unwrap();
        process.wait().unwrap();
        let Some(output) = output else { break };
        let [stdout, stderr] =
            [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        let message = format!(
            "network-connections: /proc/{id}/ns/net: The process changed its network namespace\n"
        );
        let outcome = match output.status.code() {
            Some(0) if stdout == expected => 0,
            Some(0) if stdout == empty => 1,
            Some(1) if stdout.is_empty() && stderr == message => 2,
            _ => panic!("{index}: the tables are mixed: {stdout}{stderr}"),
        };
        seen[outcome] += 1;
    }
    assert!(seen.iter().all(|&times| times > 0), "{seen:?}");
}
