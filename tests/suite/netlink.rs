//! The sockets by netlink (--source), where the kernel doesn't tell them, or a system call fails.

use std::env;
use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener, UdpSocket};
use std::process::{Command, Output};

use crate::diag::{SOCK_DIAG_BY_FAMILY, control, message, socket};
use crate::program::{
    STATES, before_exec, counts, fails, in_namespace, nonzero, number, numbered, program,
    program_with_faults, report,
};

/// What the program calls it in a message.
pub const NAME: &str = "sock_diag (needs tcp_diag and udp_diag; --source proc works without)";

/// Bytes that the program receives at once.
const BUFFER: usize = 16384;

/// Opens another number of sockets of each table, and gives what --all must count then, as of [`nonzero`].
fn open_sockets() -> (Vec<TcpListener>, Vec<UdpSocket>, [&'static str; 4]) {
    const ANY4: Ipv4Addr = Ipv4Addr::UNSPECIFIED;
    const ANY6: Ipv6Addr = Ipv6Addr::UNSPECIFIED;
    let tcp4 = (0..1).map(|_| TcpListener::bind((ANY4, 0)).unwrap());
    let tcp6 = (0..2).map(|_| TcpListener::bind((ANY6, 0)).unwrap());
    let udp4 = (0..3).map(|_| UdpSocket::bind((ANY4, 0)).unwrap());
    let udp6 = (0..4).map(|_| UdpSocket::bind((ANY6, 0)).unwrap());
    let counted = ["tcp4.LISTEN 1", "tcp6.LISTEN 2", "udp4.CLOSE 3", "udp6.CLOSE 4"];
    (tcp4.chain(tcp6).collect(), udp4.chain(udp6).collect(), counted)
}

/// A failure: the variable that has tests/faults make it, its value, and what the program says of it.
type Failure<'a> = (String, String, &'a str);

#[test]
fn a_failure_is_told_or_procfs_is_read_instead() {
    let name = "netlink::a_failure_is_told_or_procfs_is_read_instead";
    if program_with_faults(name).is_none() || !in_namespace(name, libc::CLONE_NEWNET) {
        return;
    }
    let with_faults = || program_with_faults(name).unwrap();
    let (_tcp, _udp, counted) = open_sockets();

    // What is merely interrupted is no failure.
    let mut whole = with_faults();
    whole.args(["--all", "--source=netlink"]);
    assert_eq!(nonzero(counts(&mut whole)), counted);
    let received = calls(&mut whole).into_iter().filter(|&call| call == libc::SYS_recvfrom).count();
    assert!(received > 3, "{received} datagrams, none of which comes behind sockets");

    let directory = tempfile::tempdir().unwrap();
    let datagrams = bad_datagrams().map(|(name, datagram, reason)| {
        let file = directory.path().join(name);
        fs::write(&file, datagram).unwrap();
        (file.to_str().unwrap().to_string(), reason)
    });
    let unknown = format!("Unknown error {}", libc::ECONNREFUSED);
    let mut failures: Vec<Failure> = Vec::new();
    for (errno, reason) in [
        (libc::EPROTONOSUPPORT, "Protocol not supported"),
        (libc::EPERM, "Operation not permitted"),
        (libc::EACCES, "Permission denied"),
        (libc::EMFILE, "Too many open files"),
        (libc::ECONNREFUSED, &unknown),
    ] {
        failures.push(("SOCKET_1".into(), errno.to_string(), reason));
        failures.push(("WRITE_1".into(), errno.to_string(), reason));
    }
    for time in 2..=3 {
        let errno = libc::ENOBUFS.to_string();
        failures.push((format!("WRITE_{time}"), errno, "No buffer space available"));
    }
    for time in 1..=received {
        for (errno, reason) in
            [(libc::ENOBUFS, "No buffer space available"), (libc::ENOMEM, "Cannot allocate memory")]
        {
            failures.push((format!("RECVFROM_{time}"), errno.to_string(), reason));
        }
        for (file, reason) in &datagrams {
            failures.push((format!("RECVFROM_{time}"), file.clone(), reason));
        }
    }
    for release in ["4.3.9", "3.18.0", "2.6.32-754.el6.x86_64", "", "x"] {
        failures.push(("RELEASE".into(), release.into(), "Protocol not supported"));
    }

    let file = directory.path().join("FILE");
    fs::write(&file, "as it was").unwrap();
    let files = fs::read_dir(&directory).unwrap().count();
    let same = |arguments: &[&str]| program().arg("--all").args(arguments).output().unwrap();
    // (A number that was counted twice would be another, and another status.)
    let check = ["-wall=10:10", "-ctcp6=2:2"];
    let (by_procfs, checked) = (same(&[]), same(&check));
    assert_eq!(checked.status.code(), Some(0));
    for (variable, value, reason) in &failures {
        let run = |source: &str, arguments: &[&str]| {
            let mut program = with_faults();
            program.env(variable, value).args(["--all", source]).args(arguments);
            program
        };
        let message = format!("{NAME}: {reason}\n");
        let told = format!("network-connections: {message}");
        fails(&mut run("--source=netlink", &[]), 1, &told);
        fails(run("--source=netlink", &[]).arg("-o").arg(&file), 1, &told);
        assert_eq!(fs::read_to_string(&file).unwrap(), "as it was");
        assert_eq!(fs::read_dir(&directory).unwrap().count(), files);
        let Output { status, stdout, stderr } = run("--source=netlink", &check).output().unwrap();
        let unknown = format!("NETWORK-CONNECTIONS UNKNOWN - {message}");
        assert_eq!(String::from_utf8_lossy(&stdout), unknown);
        assert_eq!((status.code(), &stderr[..]), (Some(3), &b""[..]));

        // None of what was counted before is in the report.
        for (arguments, expected) in [(&[][..], &by_procfs), (&check, &checked)] {
            let program = &mut run("--source=auto", arguments);
            let output = program.output().unwrap();
            assert_eq!(output, *expected, "{program:?} for {reason}");
        }
    }
    for release in ["4.4.0-210-generic", "4.10.0", "10.0.1"] {
        let mut program = with_faults();
        program.env("RELEASE", release).args(["--all", "--source=netlink"]);
        assert_eq!(nonzero(counts(&mut program)), counted, "{release}");
    }
}

/// Datagrams that no dump has, or that tell of a failure, with what must be said of them.
fn bad_datagrams() -> [(&'static str, Vec<u8>, &'static str); 14] {
    let bad = "Bad message";
    let connection = socket(libc::AF_INET, 1, [1; 16], [80, 50000]);
    let whole = message(SOCK_DIAG_BY_FAMILY, 0, &connection);
    let disturbed = message(SOCK_DIAG_BY_FAMILY, libc::NLM_F_DUMP_INTR, &connection);
    let done_but_disturbed =
        message(libc::NLMSG_DONE as u16, libc::NLM_F_DUMP_INTR, &0_i32.to_ne_bytes());
    let unknown_family = message(SOCK_DIAG_BY_FAMILY, 0, &socket(99, 1, [1; 16], [80, 50000]));
    let done = |errno: i32| control(libc::NLMSG_DONE, -errno);
    let mut too_long = connection.clone();
    too_long.resize(BUFFER + 4 - 16, 0);
    [
        ("empty", vec![], bad),
        ("cut-off", whole[..80].to_vec(), bad),
        ("cut-off-behind-a-whole", [&whole[..], &whole[..80]].concat(), bad),
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
        ("nobody-knows", done(i32::MAX), "Unknown error 2147483647"),
        ("disturbed", [whole, disturbed].concat(), "Resource temporarily unavailable"),
        ("disturbed-at-the-end", done_but_disturbed, "Resource temporarily unavailable"),
        ("too-long", message(SOCK_DIAG_BY_FAMILY, 0, &too_long), "Message too long"),
    ]
}

#[test]
fn what_is_received_is_counted() {
    let name = "netlink::what_is_received_is_counted";
    let Some(mut program) = program_with_faults(name) else { return };
    let directory = tempfile::tempdir().unwrap();
    let mut datagrams = 0;
    let mut receive = |datagram: &[u8]| {
        datagrams += 1;
        let file = directory.path().join(datagrams.to_string());
        fs::write(&file, datagram).unwrap();
        program.env(format!("RECVFROM_{datagrams}"), file);
    };
    // Each dump with its tables, each state with a datagram.
    for tables in [&[0, 1][..], &[2], &[3]] {
        for &table in tables {
            let family = [libc::AF_INET, libc::AF_INET6][table % 2];
            for (state, (_, hexadecimal)) in STATES.iter().enumerate() {
                let code = u8::from_str_radix(hexadecimal, 16).unwrap();
                let connection = socket(family, code, [1; 16], [80, 50000]);
                let datagram = message(SOCK_DIAG_BY_FAMILY, 0, &connection);
                match number(table, state) {
                    0 => {}
                    // As long as a datagram may be, by an attribute.
                    1 => {
                        let mut longest = connection;
                        longest.resize(BUFFER - 16, 0);
                        receive(&message(SOCK_DIAG_BY_FAMILY, 0, &longest));
                    }
                    number => receive(&datagram.repeat(number)),
                }
            }
        }
        receive(&control(libc::NLMSG_DONE, 0));
    }
    let expected = report(crate::program::program().arg(numbered().path()));
    assert_eq!(report(program.arg("--source=netlink")), expected);
    assert_eq!(report(program.arg("--source=auto")), expected);
}

/// Runs a program with tests/faults, and gives the numbers of its system calls.
fn calls(program: &mut Command) -> Vec<libc::c_long> {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("calls");
    report(program.env("CALLS", &log));
    fs::read_to_string(log).unwrap().lines().map(|line| line.parse().unwrap()).collect()
}

#[test]
fn no_system_call_is_in_vain() {
    use libc::{
        SYS_close as CLOSE, SYS_openat as OPEN, SYS_read as READ, SYS_recvfrom as RECEIVE,
        SYS_socket as SOCKET, SYS_uname as UNAME, SYS_write as WRITE,
    };
    let name = "netlink::no_system_call_is_in_vain";
    if program_with_faults(name).is_none() || !in_namespace(name, libc::CLONE_NEWNET) {
        return;
    }
    let (_tcp, _udp, _) = open_sockets();
    // A table is read once for what it has, and once for its end; a dump is received in a datagram with
    // sockets, and one without.
    let procfs = [OPEN, READ, READ, CLOSE].repeat(4);
    let dumps = [WRITE, RECEIVE, RECEIVE].repeat(3);
    let netlink = [&[UNAME, SOCKET][..], &dumps, &[CLOSE]].concat();
    let write = vec![WRITE];
    type Case<'a> = (&'a [&'a str], Option<(&'a str, i32)>, Vec<libc::c_long>);
    let cases: [Case; 10] = [
        (&[], None, [&procfs[..], &write].concat()),
        (&["-fjson", "--local-port=80"], None, [&procfs[..], &write].concat()),
        (&["--source=proc"], None, [&procfs[..], &write].concat()),
        (&["--source=netlink"], None, [&netlink[..], &write].concat()),
        (&["--source=netlink", "/proc"], None, [&netlink[..], &write].concat()),
        (&["--source=netlink", "-qtcp", "-a"], None, [&netlink[..], &write].concat()),
        (&["--source=auto"], None, [&netlink[..], &write].concat()),
        (&["--source=auto", "/proc/self"], None, [&procfs[..], &write].concat()),
        (
            &["--source=auto"],
            Some(("SOCKET_1", libc::EPERM)),
            [&[UNAME, SOCKET], &procfs[..], &write].concat(),
        ),
        (
            &["--source=auto"],
            Some(("RECVFROM_1", libc::ENOBUFS)),
            [&[UNAME, SOCKET, WRITE, RECEIVE, CLOSE], &procfs[..], &write].concat(),
        ),
    ];
    for (arguments, fault, expected) in cases {
        let mut program = program_with_faults(name).unwrap();
        if let Some((variable, errno)) = fault {
            program.env(variable, errno.to_string());
        }
        assert_eq!(calls(program.args(arguments)), expected, "{program:?}");
    }
}

/// Has a program get EPERM for sockets of sock_diag, as in a container that forbids them.
fn without_sock_diag(program: &mut Command) {
    before_exec(program, || {
        let statement = |code, jt, jf, k| libc::sock_filter { code: code as u16, jt, jf, k };
        // struct seccomp_data: the low half of an argument. (No other call has these three, whatever the
        // number of this one is on the machine that the program is for.)
        let argument = |place: u32| 16 + 8 * place + 4 * u32::from(cfg!(target_endian = "big"));
        let load =
            |place| statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, argument(place));
        let unless = |value: libc::c_int, skip| {
            statement(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, skip, value as u32)
        };
        let end = |action| statement(libc::BPF_RET | libc::BPF_K, 0, 0, action);
        let mut filter = [
            load(0),
            unless(libc::AF_NETLINK, 5),
            load(1),
            unless(libc::SOCK_RAW, 3),
            load(2),
            unless(libc::NETLINK_SOCK_DIAG, 1),
            end(libc::SECCOMP_RET_ERRNO | libc::EPERM as u32),
            end(libc::SECCOMP_RET_ALLOW),
        ];
        let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
        // SAFETY: it takes numbers. (Without this only root may have a filter.)
        if unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) } != 0 {
            return -1;
        }
        let mode = libc::SECCOMP_MODE_FILTER;
        // SAFETY: it reads a program, and is given the address of one.
        unsafe { libc::prctl(libc::PR_SET_SECCOMP, mode, &raw const program) }
    });
}

#[test]
fn where_sockets_of_this_kind_are_forbidden() {
    let name = "netlink::where_sockets_of_this_kind_are_forbidden";
    if !in_namespace(name, libc::CLONE_NEWNET) {
        return;
    }
    let (_tcp, _udp, counted) = open_sockets();
    // QEMU forbids them itself.
    let reason = match env::var_os("RUNNER") {
        Some(_) => "Protocol not supported",
        None => "Operation not permitted",
    };
    let run = |source: &[&str]| {
        let mut program = program();
        without_sock_diag(&mut program);
        program.arg("--all").args(source);
        program
    };
    for source in [&[][..], &["--source=proc"], &["--source=auto"]] {
        assert_eq!(nonzero(counts(&mut run(source))), counted, "{source:?}");
    }
    let message = format!("network-connections: {NAME}: {reason}\n");
    fails(&mut run(&["--source=netlink"]), 1, &message);
}
