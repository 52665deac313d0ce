//! Real sockets in every state that a test can bring them into, in a network
//! namespace of their own.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Write};
use std::mem::{ManuallyDrop, forget, zeroed};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd;
use std::process::Command;
use std::thread;

use network_connections::model::socket::Family;

use super::tcp::{reset, send_fin, set_option, wait_for_fin, wait_until};
use crate::harness::{
    GROUPS, TABLES, before_exec, counts, in_namespace, lacking, native, nonzero, program, report,
    sources, unshare,
};
use crate::oracles::socket_table as oracle;
use crate::samples::report::numbers;
use crate::samples::socket_table::STATES;

const LOOPBACK4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const LOOPBACK6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);
const ANY6: IpAddr = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
const MAPPED: IpAddr = IpAddr::V6(Ipv4Addr::LOCALHOST.to_ipv6_mapped());

/// The address of the listener, the address that the clients connect to, and
/// the groups of the client's socket and of the server's socket. A connection
/// over IPv4 to a listener for both families has a socket in each family.
const TCP: [(IpAddr, IpAddr, &str, &str); 3] = [
    (LOOPBACK4, LOOPBACK4, "tcp4", "tcp4"),
    (LOOPBACK6, LOOPBACK6, "tcp6", "tcp6"),
    (ANY6, LOOPBACK4, "tcp4", "tcp6"),
];

/// The states of the client's socket and of the server's socket, and the number
/// of such connections for each line of [`TCP`]. An empty state means that the
/// test counts no socket at this end. The sums by group and state are all
/// different.
///
/// This test cannot get three states of TCP sockets from the kernel. Procfs
/// lists no socket in CLOSE. BOUND_INACTIVE is the name that netlink has for
/// some of these sockets. Procfs shows NEW_SYN_RECV as SYN_RECV. Tables and
/// messages with the numbers of these states are in `fixtures.rs`, and in
/// `socket_table.rs` and `sock_diag.rs` of `tests/library/kernel`.
const CONNECTIONS: [([&str; 2], [usize; 3]); 9] = [
    (["ESTABLISHED", "ESTABLISHED"], [1, 1, 1]),
    (["FIN_WAIT1", "ESTABLISHED"], [1, 12, 1]),
    (["FIN_WAIT2", "CLOSE_WAIT"], [1, 6, 1]),
    (["FIN_WAIT2", "LAST_ACK"], [1, 1, 4]),
    (["CLOSING", "FIN_WAIT2"], [4, 4, 7]),
    (["CLOSE_WAIT", "FIN_WAIT2"], [4, 1, 1]),
    (["", "TIME_WAIT"], [10, 3, 13]),
    (["SYN_SENT", ""], [3, 3, 11]),
    (["ESTABLISHED", "SYN_RECV"], [7, 1, 12]),
];

/// The address of UDP sockets, the address that some of them connect to, the
/// group, and the numbers of connected and of unconnected sockets.
const UDP: [(IpAddr, IpAddr, &str, usize, usize); 3] = [
    (LOOPBACK4, LOOPBACK4, "udp4", 19, 22),
    (LOOPBACK6, LOOPBACK6, "udp6", 20, 23),
    (ANY6, MAPPED, "udp6", 1, 1),
];

/// Sockets of one group and state that the program should count.
struct ExpectedSockets {
    /// `GROUP.STATE`.
    key: String,
    /// The option for these sockets: `--local-port` or `--remote-port`.
    side: &'static str,
    /// The port that all of these sockets have at this side.
    port: u16,
    number: u64,
}

#[test]
fn counts_the_sockets_that_are_in_each_state() {
    let name = test_name!();
    let sources = sources(name);
    if !in_namespace(name, libc::CLONE_NEWNET) {
        return;
    }
    bring_up_loopback().unwrap();
    for source in &sources {
        assert_eq!(nonzero(counts(program().arg("--all").args(*source))), [""; 0], "{source:?}");
    }

    let mut sockets = Vec::new();
    let mut add = |group, state: &str, side, port, number| {
        if !state.is_empty() {
            let key = format!("{group}.{state}");
            sockets.push(ExpectedSockets { key, side, port, number: number as u64 });
        }
    };
    // The kernel assigns higher ports to clients.
    let mut ports = 20000..;
    for (ends, numbers) in CONNECTIONS {
        for ((listen, connect, client, server), number) in TCP.into_iter().zip(numbers) {
            let port = ports.next().unwrap();
            make_connections(listen, (connect, port).into(), ends, number);
            add(server, "LISTEN", "--local-port", port, 1);
            add(server, ends[1], "--local-port", port, number);
            add(client, ends[0], "--remote-port", port, number);
        }
    }
    for (bind, connect, group, connected, unconnected) in UDP {
        for port in ports.by_ref().take(unconnected) {
            forget(UdpSocket::bind((bind, port)).unwrap());
            add(group, "CLOSE", "--local-port", port, 1);
        }
        let port = ports.next().unwrap();
        for _ in 0..connected {
            let socket = UdpSocket::bind((bind, 0)).unwrap();
            socket.connect((connect, port)).unwrap();
            forget(socket);
        }
        add(group, "ESTABLISHED", "--remote-port", port, connected);
    }
    make_unlisted_sockets();

    let sum = |is_counted: &dyn Fn(&ExpectedSockets) -> bool| {
        let mut sum = BTreeMap::new();
        for sockets in sockets.iter().filter(|sockets| is_counted(sockets)) {
            *sum.entry(sockets.key.clone()).or_insert(0) += sockets.number;
        }
        sum
    };
    let all = sum(&|_| true);
    assert_eq!(
        all.values().collect::<BTreeSet<_>>().len(),
        all.len(),
        "expected different numbers: {all:?}"
    );
    let all = nonzero(all);
    let is_connection = |sockets: &ExpectedSockets| {
        !sockets.key.contains("LISTEN") && !sockets.key.ends_with("CLOSE")
    };
    let connections = nonzero(sum(&is_connection));

    // The kernel takes a moment for the last changes of state.
    wait_until(|| nonzero(counts(native().arg("--all"))) == all);
    // Both interfaces of the kernel, read without the program.
    assert_eq!(nonzero(count_listed()), all, "in the tables");
    if let Some(dumped) = count_dumped(name) {
        assert_eq!(nonzero(dumped), all, "by ss");
    }
    for source in &sources {
        let run = |options: &[&str]| {
            let mut program = program();
            program.args(*source).args(options);
            program
        };
        for (options, expected) in [(&[][..], &connections), (&["--all"], &all)] {
            let program = &mut run(options);
            let json = report(program);
            assert_eq!(nonzero(numbers(&json)), *expected, "{program:?}");
            assert_eq!(json, report(native().args(options)), "{program:?}");
        }
        for side in ["--local-port", "--remote-port"] {
            // An option takes at most 16 ports.
            for first in (20000..ports.start).step_by(16) {
                let selected = first..first + 16;
                let is_selected = |sockets: &ExpectedSockets| {
                    sockets.side == side && selected.contains(&sockets.port)
                };
                let options = selected.clone().map(|port| format!("{side}={port}"));
                let program = &mut run(&["--all"]);
                program.args(options);
                assert_eq!(nonzero(counts(program)), nonzero(sum(&is_selected)), "{program:?}");
            }
        }
        let elsewhere = &mut run(&["--all"]);
        before_exec(elsewhere, || unshare(libc::CLONE_NEWNET));
        assert_eq!(nonzero(counts(elsewhere)), [""; 0], "{elsewhere:?}");
    }

    // In another namespace, the program reads the tables of this process.
    let mut elsewhere = program();
    before_exec(&mut elsewhere, || unshare(libc::CLONE_NEWNET));
    let this_process = format!("/proc/{}", std::process::id());
    assert_eq!(nonzero(counts(elsewhere.args(["--all", &this_process]))), all);
}

/// Counts the sockets in the tables of procfs, by `GROUP.STATE`.
fn count_listed() -> BTreeMap<String, u64> {
    let families = [Family::Inet, Family::Inet6].into_iter().cycle();
    let mut numbers = BTreeMap::new();
    for ((table, group), family) in TABLES.into_iter().zip(GROUPS).zip(families) {
        let table = fs::read(format!("/proc/net/{table}")).unwrap();
        for socket in oracle::sockets(&table, family).unwrap() {
            let is_state =
                |number| oracle::state(u8::from_str_radix(number, 16).unwrap()) == socket.state;
            let (state, _) = STATES.into_iter().find(|(_, number)| is_state(number)).unwrap();
            *numbers.entry(format!("{group}.{state}")).or_insert(0) += 1;
        }
    }
    numbers
}

/// Counts the sockets that `ss` prints from netlink dumps, by `GROUP.STATE`.
/// Returns nothing if `ss` is not installed.
fn count_dumped(test: &str) -> Option<BTreeMap<String, u64>> {
    let mut numbers = BTreeMap::new();
    for (group, options) in GROUPS.into_iter().zip(["-4t", "-6t", "-4u", "-6u"]) {
        let output = match Command::new("ss").args(["-Hna", options]).output() {
            Ok(output) => output,
            Err(error) => {
                lacking(&format!("{test} with ss"), &error.to_string());
                return None;
            }
        };
        assert!(output.status.success(), "ss {options}: {output:?}");
        for line in String::from_utf8(output.stdout).unwrap().lines() {
            let state = match line.split_whitespace().next().unwrap() {
                // A newer `ss` also lists sockets that are only bound. Procfs
                // does not list these sockets.
                "UNCONN" if group.starts_with("tcp") => continue,
                "ESTAB" => "ESTABLISHED",
                "UNCONN" => "CLOSE",
                state => &state.replace('-', "_").replace("WAIT_", "WAIT"),
            };
            *numbers.entry(format!("{group}.{state}")).or_insert(0) += 1;
        }
    }
    Some(numbers)
}

/// Makes a listening socket, and connections to it whose ends are in the given
/// states. All sockets stay open until this process ends, except the server's
/// socket of CLOSE_WAIT and FIN_WAIT2, which the test closes.
fn make_connections(listen: IpAddr, address: SocketAddr, ends: [&str; 2], number: usize) {
    let listener = ManuallyDrop::new(TcpListener::bind((listen, address.port())).unwrap());
    match ends {
        ["SYN_SENT", _] => {
            // A reset connection stays in the accept queue. With a backlog of
            // 0, the queue is then full.
            reset(TcpStream::connect(address).unwrap());
            // SAFETY: listen takes only integers and accesses no memory.
            assert_eq!(unsafe { libc::listen(listener.as_raw_fd(), 0) }, 0);
        }
        // For 60 seconds, the server completes a handshake only after the
        // client has sent data.
        [_, "SYN_RECV"] => set_option(&*listener, libc::IPPROTO_TCP, libc::TCP_DEFER_ACCEPT, &60),
        _ => {}
    }
    for _ in 0..number {
        if ends[0] == "SYN_SENT" {
            thread::spawn(move || TcpStream::connect(address));
            continue;
        }
        let client = ManuallyDrop::new(TcpStream::connect(address).unwrap());
        if ends[1] == "SYN_RECV" {
            continue;
        }
        let server = ManuallyDrop::new(listener.accept().unwrap().0);
        match ends {
            ["ESTABLISHED", "ESTABLISHED"] => {}
            ["FIN_WAIT1", "ESTABLISHED"] => {
                fill_receive_buffer(&client, &server);
                send_fin(&client);
            }
            ["FIN_WAIT2", "CLOSE_WAIT"] => send_fin(&client),
            ["FIN_WAIT2", "LAST_ACK"] => {
                send_fin(&client);
                wait_for_fin(&server);
                fill_receive_buffer(&server, &client);
                send_fin(&server);
            }
            ["CLOSING", "FIN_WAIT2"] => {
                fill_receive_buffer(&client, &server);
                send_fin(&client);
                send_fin(&server);
            }
            // The kernel keeps the closed end in FIN_WAIT2, in the same way as
            // a socket in TIME_WAIT.
            ["CLOSE_WAIT", "FIN_WAIT2"] => drop(ManuallyDrop::into_inner(server)),
            ["", "TIME_WAIT"] => {
                send_fin(&server);
                wait_for_fin(&client);
                send_fin(&client);
            }
            _ => unreachable!("{ends:?}"),
        }
    }
}

/// Writes more than the receive buffer holds, so that the kernel does not send
/// a later FIN.
fn fill_receive_buffer(mut sender: &TcpStream, receiver: &TcpStream) {
    set_option(receiver, libc::SOL_SOCKET, libc::SO_RCVBUF, &0);
    sender.set_nonblocking(true).unwrap();
    let data = [0; 1 << 18];
    assert_eq!(sender.write(&data).unwrap(), data.len());
}

/// Makes TCP sockets in CLOSE, which no table lists: sockets that are only
/// bound, and both ends of a connection that the client has dissolved.
fn make_unlisted_sockets() {
    // SAFETY: A `sockaddr_in6` consists of integers, so zeros are valid.
    let mut unspecified: libc::sockaddr_in6 = unsafe { zeroed() };
    let size = size_of_val(&unspecified) as libc::socklen_t;
    for (family, address) in [(libc::AF_INET, LOOPBACK4), (libc::AF_INET6, LOOPBACK6)] {
        unspecified.sin6_family = family as libc::sa_family_t;
        for _ in 0..5 {
            // SAFETY: socket takes only integers and accesses no memory.
            let bound = unsafe { libc::socket(family, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0) };
            // SAFETY: `unspecified` has `size` bytes, and bind reads no more.
            assert_eq!(unsafe { libc::bind(bound, (&raw const unspecified).cast(), size) }, 0);
        }
        unspecified.sin6_family = libc::AF_UNSPEC as libc::sa_family_t;
        let listener = TcpListener::bind((address, 0)).unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        forget(listener.accept().unwrap());
        // SAFETY: `unspecified` has `size` bytes, and connect reads no more.
        let result =
            unsafe { libc::connect(client.as_raw_fd(), (&raw const unspecified).cast(), size) };
        assert_eq!(result, 0);
        forget(client);
    }
}

fn bring_up_loopback() -> io::Result<()> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    // SAFETY: An `ifreq` consists of integers and raw pointers, so zeros are
    // valid.
    let mut request: libc::ifreq = unsafe { zeroed() };
    request.ifr_name[..2].copy_from_slice(&[b'l' as _, b'o' as _]);
    request.ifr_ifru.ifru_flags = libc::IFF_UP as _;
    // SAFETY: SIOCSIFFLAGS reads an `ifreq`, and `request` is one.
    match unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &request) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
