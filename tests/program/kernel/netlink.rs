//! Counts of sockets by netlink (`--source`), also if the kernel sends no valid
//! dump, or a system call fails.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::harness::netlink::{BUFFER, NAME, open_sockets};
use crate::harness::seccomp::{argument, end, filtered, load, unless};
use crate::harness::supervisor::{Answer, Call, can_supervise, supervise};
use crate::harness::{
    counts, failed, fails, in_namespace, is_emulated, nonzero, number, numbered, program, report,
};
use crate::samples::report::numbers;
use crate::samples::sock_diag::{SOCK_DIAG_BY_FAMILY, control, message, socket};
use crate::samples::socket_table::STATES;

#[test]
fn netlink_failures_are_reported_and_auto_reads_procfs() {
    let name = test_name!();
    if !can_supervise(name) || !in_namespace(name, libc::CLONE_NEWNET) {
        return;
    }
    let (_tcp, _udp, counted) = open_sockets();
    let run = |arguments: &[&str], answer: &(dyn Fn(&Call) -> Answer + Sync)| {
        let mut program = program();
        supervise(program.arg("--all").args(arguments), answer)
    };
    let whole = run(&["--source=netlink"], &|_| Answer::GoOn);
    let datagrams = whole.calls.iter().filter(|call| call.name == "recvfrom").count();
    // Each of the three dumps ends with a datagram without sockets. With more
    // datagrams, a failure can come after sockets.
    assert!(datagrams > 3, "expected more than 3 datagrams, found {datagrams}");

    // A socket that is counted twice violates a range and changes the status.
    let check = ["-wall=10:10", "-ctcp6=2:2"];
    let run_procfs = |arguments: &[&str]| program().arg("--all").args(arguments).output().unwrap();
    let (expected_report, expected_check) = (run_procfs(&[]), run_procfs(&check));
    assert_eq!(expected_check.status.code(), Some(0));
    let assert_fails = |case: &str, reason: &str, answer: &(dyn Fn(&Call) -> Answer + Sync)| {
        let message = format!("{NAME}: {reason}\n");
        let error = format!("network-connections: {message}");
        failed(run(&["--source=netlink"], answer).output, 1, &error, case);
        let unknown = format!("NETWORK-CONNECTIONS UNKNOWN - {message}");
        let Output { status, stdout, stderr } =
            run(&[&["--source=netlink"], &check[..]].concat(), answer).output;
        assert_eq!(String::from_utf8_lossy(&stdout), unknown, "{case}");
        assert_eq!((status.code(), &stderr[..]), (Some(3), &b""[..]), "{case}");
        // The report has no socket that netlink counted before the failure.
        assert_eq!(run(&["--source=auto"], answer).output, expected_report, "{case}");
        let output = run(&[&["--source=auto"], &check[..]].concat(), answer).output;
        assert_eq!(output, expected_check, "{case}");
    };
    for (case, datagram, reason) in bad_datagrams() {
        for index in 0..datagrams {
            let received = AtomicUsize::new(0);
            assert_fails(case, reason, &|call| match call.name {
                // A new run begins.
                "socket" => {
                    received.store(0, Ordering::Relaxed);
                    Answer::GoOn
                }
                "recvfrom" if received.fetch_add(1, Ordering::Relaxed) == index => {
                    receive(call, &datagram, KERNEL)
                }
                _ => Answer::GoOn,
            });
        }
    }
    let with_release = |release: &'static str| {
        move |call: &Call| match call.name {
            "uname" => {
                // `struct new_utsname` of include/uapi/linux/utsname.h. The
                // release is the third text.
                let mut texts = [[0; 65]; 6];
                texts[2][..release.len()].copy_from_slice(release.as_bytes());
                Answer::Put(vec![(0, texts.concat())], 0)
            }
            _ => Answer::GoOn,
        }
    };
    for release in ["4.3.9", "3.18.0", "2.6.32-754.el6.x86_64", "", "x"] {
        assert_fails(release, "Protocol not supported", &with_release(release));
    }
    for release in ["4.4.0-210-generic", "4.10.0", "10.0.1"] {
        let output = run(&["--source=netlink"], &with_release(release)).output;
        let numbers = numbers(&String::from_utf8(output.stdout).unwrap());
        assert_eq!(nonzero(numbers), counted, "{release}");
    }
}

/// The netlink port of the kernel.
const KERNEL: u32 = 0;

/// Returns a `struct sockaddr_nl` with this port.
fn address(port: u32) -> Vec<u8> {
    let family = libc::AF_NETLINK as u32;
    let words =
        if cfg!(target_endian = "big") { [family << 16, port, 0] } else { [family, port, 0] };
    words.map(u32::to_ne_bytes).concat()
}

/// Answers recvfrom(2) like the kernel: copies as much of a datagram as fits,
/// copies the address of the sender, and returns the whole length only with
/// MSG_TRUNC.
fn receive(call: &Call, datagram: &[u8], sender: u32) -> Answer {
    let [_, _, size, flags, ..] = call.arguments;
    let received = &datagram[..datagram.len().min(size as usize)];
    let returns_whole_length = flags & libc::MSG_TRUNC as u64 != 0;
    let length = if returns_whole_length { datagram.len() } else { received.len() };
    Answer::Put(vec![(1, received.to_vec()), (4, address(sender))], length as i64)
}

/// Returns datagrams that are malformed or report a failure: the name of the
/// case, the datagram, and the reason in the error message.
fn bad_datagrams() -> [(&'static str, Vec<u8>, &'static str); 14] {
    let bad = "Bad message";
    let connection = socket(libc::AF_INET, 1, [1; 16], [80, 50000]);
    let whole = message(SOCK_DIAG_BY_FAMILY, 0, &connection);
    let interrupted = message(SOCK_DIAG_BY_FAMILY, libc::NLM_F_DUMP_INTR, &connection);
    let interrupted_end =
        message(libc::NLMSG_DONE as u16, libc::NLM_F_DUMP_INTR, &0_i32.to_ne_bytes());
    let unknown_family = message(SOCK_DIAG_BY_FAMILY, 0, &socket(99, 1, [1; 16], [80, 50000]));
    let done = |errno: i32| control(libc::NLMSG_DONE, -errno);
    let mut too_long = connection.clone();
    too_long.resize(BUFFER + 4 - 16, 0);
    [
        ("empty", vec![], bad),
        ("truncated", whole[..80].to_vec(), bad),
        ("truncated-after-a-whole-message", [&whole[..], &whole[..80]].concat(), bad),
        ("unknown-family", [&whole[..], &unknown_family].concat(), bad),
        ("error", control(libc::NLMSG_ERROR, -libc::EOPNOTSUPP), "Operation not supported"),
        ("no-error", control(libc::NLMSG_ERROR, 0), bad),
        ("noop", control(libc::NLMSG_NOOP, 0), bad),
        ("overrun", control(libc::NLMSG_OVERRUN, 0), bad),
        ("no-module", done(libc::ENOENT), "No such file or directory"),
        (
            "failure-at-the-end",
            [whole.clone(), done(libc::ENOMEM)].concat(),
            "Cannot allocate memory",
        ),
        ("unknown-errno", done(i32::MAX), "Unknown error 2147483647"),
        ("interrupted", [whole, interrupted].concat(), "Resource temporarily unavailable"),
        ("interrupted-at-the-end", interrupted_end, "Resource temporarily unavailable"),
        ("too-long", message(SOCK_DIAG_BY_FAMILY, 0, &too_long), "Message too long"),
    ]
}

#[test]
fn received_sockets_are_counted() {
    if !can_supervise(test_name!()) {
        return;
    }
    let mut datagrams = Vec::new();
    // Each dump has the sockets of its tables, one datagram for each state.
    for tables in [&[0, 1][..], &[2], &[3]] {
        for &table in tables {
            let family = [libc::AF_INET, libc::AF_INET6][table % 2];
            for (state, (_, hexadecimal)) in STATES.iter().enumerate() {
                let code = u8::from_str_radix(hexadecimal, 16).unwrap();
                let connection = socket(family, code, [1; 16], [80, 50000]);
                let datagram = message(SOCK_DIAG_BY_FAMILY, 0, &connection);
                match number(table, state) {
                    0 => {}
                    // An attribute makes the datagram as long as the buffer.
                    1 => {
                        let mut longest = connection;
                        longest.resize(BUFFER - 16, 0);
                        datagrams.push(message(SOCK_DIAG_BY_FAMILY, 0, &longest));
                    }
                    number => datagrams.push(datagram.repeat(number)),
                }
            }
        }
        datagrams.push(control(libc::NLMSG_DONE, 0));
    }
    let expected = report(program().arg(numbered().path()));
    for source in ["--source=netlink", "--source=auto"] {
        let mut next = datagrams.iter();
        let mut foreign = false;
        let mut is_foreign = |_: &Call| {
            foreign = !foreign;
            foreign
        };
        let run = supervise(program().arg(source), |call| match call.name {
            // Every second datagram is of another sender.
            "recvfrom" if is_foreign(call) => receive(call, &control(libc::NLMSG_DONE, 0), 4711),
            "recvfrom" => receive(call, next.next().unwrap(), KERNEL),
            _ => Answer::GoOn,
        });
        assert_eq!(String::from_utf8(run.output.stdout).unwrap(), expected, "{source}");
        assert_eq!(next.next(), None);
    }
}

/// Sends a datagram to this netlink port, as a process with CAP_NET_ADMIN may.
fn send_to_port(port: libc::pid_t, datagram: &[u8]) -> io::Result<()> {
    let (family, protocol) = (libc::AF_NETLINK, libc::NETLINK_SOCK_DIAG);
    // SAFETY: socket takes only numbers.
    let socket = unsafe { libc::socket(family, libc::SOCK_RAW | libc::SOCK_CLOEXEC, protocol) };
    assert!(socket >= 0, "{}", io::Error::last_os_error());
    // SAFETY: socket has just opened the descriptor.
    let socket = unsafe { OwnedFd::from_raw_fd(socket) };
    let address = address(port as u32);
    // SAFETY: `datagram` and `address` are readable memory of these lengths.
    let sent = unsafe {
        libc::sendto(
            socket.as_raw_fd(),
            datagram.as_ptr().cast(),
            datagram.len(),
            0,
            address.as_ptr().cast(),
            address.len() as libc::socklen_t,
        )
    };
    if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[test]
fn datagrams_of_another_process_are_not_counted() {
    let name = test_name!();
    if !can_supervise(name) || !in_namespace(name, libc::CLONE_NEWNET) {
        return;
    }
    let (_tcp, _udp, counted) = open_sockets();
    let socket = socket(libc::AF_INET, 1, [1; 16], [80, 50000]);
    let done = control(libc::NLMSG_DONE, 0);
    let forged = [message(SOCK_DIAG_BY_FAMILY, 0, &socket), done.clone()].concat();
    for datagram in [forged, done] {
        for connects in [true, false] {
            let mut sent = Vec::new();
            let run = supervise(program().args(["--all", "--source=netlink"]), |call| {
                match call.name {
                    // An unconnected socket receives the datagrams of every
                    // sender, as a socket does while it connects.
                    "connect" if !connects => return Answer::Return(0),
                    // The port of a socket is the PID of its process. The
                    // socket has a port from the first write on.
                    "recvfrom" => sent.push(send_to_port(call.process_id(), &datagram)),
                    _ => {}
                }
                Answer::GoOn
            });
            let numbers = numbers(&String::from_utf8(run.output.stdout).unwrap());
            assert_eq!(nonzero(numbers), counted, "{connects}");
            let refused = |error: &io::Error| error.raw_os_error() == Some(libc::ECONNREFUSED);
            assert!(sent.len() >= 6, "{sent:?}");
            for sent in sent {
                assert!(sent.as_ref().map_or_else(refused, |()| !connects), "{sent:?}");
            }
        }
    }
}

#[test]
fn the_program_makes_no_needless_system_call() {
    let name = test_name!();
    if !can_supervise(name) || !in_namespace(name, libc::CLONE_NEWNET) {
        return;
    }
    let (_tcp, _udp, _) = open_sockets();
    // A table needs one read for the rows and one for the end. A dump is one
    // datagram with sockets and one without.
    let procfs = format!("openat {}close ", "openat read read close ".repeat(4));
    let process = procfs.replacen("openat ", "openat readlinkat ", 1);
    let process = process.strip_suffix("close ").unwrap().to_string() + "readlinkat close ";
    let netlink = format!("uname socket connect {}close ", "write recvfrom recvfrom ".repeat(3));
    type Case<'a> = (&'a [&'a str], Option<(&'a str, i32)>, String);
    let cases: [Case; 10] = [
        (&[], None, procfs.clone()),
        (&["-fjson", "--local-port=80"], None, procfs.clone()),
        (&["--source=proc"], None, procfs.clone()),
        (&["--source=netlink"], None, netlink.clone()),
        (&["--source=netlink", "/proc"], None, netlink.clone()),
        (&["--source=netlink", "-qtcp", "-a"], None, netlink.clone()),
        (&["--source=auto"], None, netlink),
        (&["--source=auto", "/proc/self"], None, process),
        (&["--source=auto"], Some(("socket", libc::EPERM)), format!("uname socket {procfs}")),
        (
            &["--source=auto"],
            Some(("recvfrom", libc::ENOBUFS)),
            format!("uname socket connect write recvfrom close {procfs}"),
        ),
    ];
    for (arguments, fault, expected) in cases {
        let run = supervise(program().args(arguments), |call| match fault {
            Some((name, errno)) if call.name == name => Answer::Fail(errno),
            _ => Answer::GoOn,
        });
        let calls: Vec<&str> = run.calls.iter().map(|call| call.name).collect();
        assert_eq!(calls.join(" "), format!("{expected}write exit_group"), "{arguments:?}");
    }
}

/// Makes socket(2) fail with EPERM for sock_diag, as in a container that
/// forbids such sockets. The filter checks only the three arguments, because
/// the number of the call depends on the architecture. No other call of the
/// program has these arguments.
fn forbid_sock_diag(program: &mut Command) {
    let filter = vec![
        load(argument(0)),
        unless(libc::AF_NETLINK as u32, 5),
        load(argument(1)),
        unless(libc::SOCK_RAW as u32, 3),
        load(argument(2)),
        unless(libc::NETLINK_SOCK_DIAG as u32, 1),
        end(libc::SECCOMP_RET_ERRNO | libc::EPERM as u32),
        end(libc::SECCOMP_RET_ALLOW),
    ];
    filtered(program, filter);
}

#[test]
fn forbidden_netlink_sockets_fail_only_the_netlink_source() {
    let name = test_name!();
    if !in_namespace(name, libc::CLONE_NEWNET) {
        return;
    }
    let (_tcp, _udp, counted) = open_sockets();
    // QEMU forbids netlink sockets with an errno of its own.
    let reason = if is_emulated() { "Protocol not supported" } else { "Operation not permitted" };
    let run = |source: &[&str]| {
        let mut program = program();
        forbid_sock_diag(&mut program);
        program.arg("--all").args(source);
        program
    };
    for source in [&[][..], &["--source=proc"], &["--source=auto"]] {
        assert_eq!(nonzero(counts(&mut run(source))), counted, "{source:?}");
    }
    let message = format!("network-connections: {NAME}: {reason}\n");
    fails(&mut run(&["--source=netlink"]), 1, &message);
}
