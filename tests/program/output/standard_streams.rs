//! Standard output and standard error: one write for the report, and failures
//! of the two streams.

use std::fs::OpenOptions;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::ExitStatusExt;

use crate::harness::{before_exec, fails, pipe, procfs, program, report};

#[test]
fn the_report_is_one_write() {
    let procfs = procfs(&[]);
    let expected = report(program().arg(procfs.path()));
    // Each write to the socket is a datagram, and `recv` returns one datagram.
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
    // SAFETY: no other code in the child uses the descriptor.
    before_exec(&mut program, || unsafe { libc::close(1) });
    fails(&mut program, 1, "network-connections: standard output: Bad file descriptor\n");
}

/// Returns the write end of a pipe whose read end is closed.
fn broken_pipe() -> OwnedFd {
    let [_reader, writer] = pipe(0);
    writer
}

#[test]
fn sigpipe_ends_the_program_after_the_reader_closes_the_pipe() {
    let output = program().stdout(broken_pipe()).output().unwrap();
    assert_eq!(output.status.signal(), Some(libc::SIGPIPE));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn a_closed_pipe_is_an_error_without_a_message_if_sigpipe_is_ignored() {
    let mut program = program();
    before_exec(&mut program, || {
        // SAFETY: SIG_IGN installs no handler, so no code runs in a signal
        // context.
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
    // SAFETY: no other code in the child uses the descriptor.
    before_exec(&mut program, || unsafe { libc::close(2) });
    assert_eq!(program.arg("--what").output().unwrap().status.code(), Some(2));
}
