//! Real sockets in every state that they can be put into, in a network namespace of their own.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Write};
use std::mem::{ManuallyDrop, forget, zeroed};
use std::net::{
    IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket,
};
use std::os::fd::AsRawFd;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use network_connections::model::socket::Family;

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

/// Where TCP listens, where its clients connect to, and the tables that have the ends of the clients and of
/// the servers. A connection over IPv4 to a listener for both families has one in each.
const TCP: [(IpAddr, IpAddr, &str, &str); 3] = [
    (LOOPBACK4, LOOPBACK4, "tcp4", "tcp4"),
    (LOOPBACK6, LOOPBACK6, "tcp6", "tcp6"),
    (ANY6, LOOPBACK4, "tcp4", "tcp6"),
];

/// The states of the clients' and the servers' ends, and how many connections with these ends there are in
/// each of the above. The sums, by table and state, are all different.
///
/// Three of the kernel's states can't be had from it here: procfs lists no TCP socket in CLOSE, none as
/// BOUND_INACTIVE (which is netlink's word for one of those), and a NEW_SYN_RECV as SYN_RECV. Tables and messages
/// that have these numbers are in `rows.rs`, `fixtures.rs` and `diag.rs`.
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

/// Where UDP sockets are bound, the address that some of them are connected to, the table, how many are
/// connected, and how many are not.
const UDP: [(IpAddr, IpAddr, &str, usize, usize); 3] = [
    (LOOPBACK4, LOOPBACK4, "udp4", 19, 22),
    (LOOPBACK6, LOOPBACK6, "udp6", 20, 23),
    (ANY6, MAPPED, "udp6", 1, 1),
];

/// Sockets that the program should count.
struct Sockets {
    /// `GROUP.STATE`.
    key: String,
    /// The option for the side on which all of them have this port.
    side: &'static str,
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
    loopback_up().unwrap();
    for source in &sources {
        assert_eq!(nonzero(counts(program().arg("--all").args(*source))), [""; 0], "{source:?}");
    }

    let mut sockets = Vec::new();
    let mut add = |group, state: &str, side, port, number| {
        if !state.is_empty() {
            let key = format!("{group}.{state}");
            sockets.push(Sockets { key, side, port, number: number as u64 });
        }
    };
    // The kernel gives higher ones to clients.
    let mut ports = 20000..;
    for (ends, numbers) in CONNECTIONS {
        for ((listen, connect, client, server), number) in TCP.into_iter().zip(numbers) {
            let port = ports.next().unwrap();
            make(listen, (connect, port).into(), ends, number);
            add(server, "LISTEN", "--local-port", port, 1);
            add(server, ends[1], "--local-port", port, number);
            add(client, ends[0], "--remote-port", port, number);
        }
    }
    for (bind, connect, group, connected, others) in UDP {
        for port in ports.by_ref().take(others) {
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
    in_no_table();

    let sum = |counted: &dyn Fn(&Sockets) -> bool| {
        let mut sum = BTreeMap::new();
        for sockets in sockets.iter().filter(|sockets| counted(sockets)) {
            *sum.entry(sockets.key.clone()).or_insert(0) += sockets.number;
        }
        sum
    };
    let all = sum(&|_| true);
    assert_eq!(all.values().collect::<BTreeSet<_>>().len(), all.len(), "two are the same: {all:?}");
    let all = nonzero(all);
    let is_connection =
        |sockets: &Sockets| !sockets.key.contains("LISTEN") && !sockets.key.ends_with("CLOSE");
    let connections = nonzero(sum(&is_connection));

    // The last steps take a moment.
    let deadline = Instant::now() + Duration::from_secs(10);
    while nonzero(counts(native().arg("--all"))) != all && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(20));
    }
    // What the kernel says, read without the program, by both of its ways.
    assert_eq!(nonzero(listed()), all, "in the tables");
    if let Some(dumped) = dumped(name) {
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
            // As many ports as the program takes.
            for first in (20000..ports.start).step_by(16) {
                let some = first..first + 16;
                let picked =
                    |sockets: &Sockets| sockets.side == side && some.contains(&sockets.port);
                let options = some.clone().map(|port| format!("{side}={port}"));
                let program = &mut run(&["--all"]);
                program.args(options);
                assert_eq!(nonzero(counts(program)), nonzero(sum(&picked)), "{program:?}");
            }
        }
        let elsewhere = &mut run(&["--all"]);
        before_exec(elsewhere, || unshare(libc::CLONE_NEWNET));
        assert_eq!(nonzero(counts(elsewhere)), [""; 0], "{elsewhere:?}");
    }

    // From another namespace, by way of this process.
    let mut elsewhere = program();
    before_exec(&mut elsewhere, || unshare(libc::CLONE_NEWNET));
    let this_process = format!("/proc/{}", std::process::id());
    assert_eq!(nonzero(counts(elsewhere.args(["--all", &this_process]))), all);
}

/// The numbers of sockets in the kernel's tables, by `GROUP.STATE`.
fn listed() -> BTreeMap<String, u64> {
    let families = [Family::Inet, Family::Inet6].into_iter().cycle();
    let mut numbers = BTreeMap::new();
    for ((table, group), family) in TABLES.into_iter().zip(GROUPS).zip(families) {
        let table = fs::read(format!("/proc/net/{table}")).unwrap();
        for socket in oracle::sockets(&table, family).unwrap() {
            let is_its =
                |number| oracle::state(u8::from_str_radix(number, 16).unwrap()) == socket.state;
            let (state, _) = STATES.into_iter().find(|(_, number)| is_its(number)).unwrap();
            *numbers.entry(format!("{group}.{state}")).or_insert(0) += 1;
        }
    }
    numbers
}

/// The numbers of sockets that `ss` has from the kernel's dumps, by `GROUP.STATE`.
fn dumped(test: &str) -> Option<BTreeMap<String, u64>> {
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
                // Newer ones list sockets that are only bound, which are in no table.
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

/// Makes a listening socket, and so many connections to it whose ends come into these states. All sockets
/// stay open until this process ends, but for the one whose state is that of a closed socket.
fn make(listen: IpAddr, address: SocketAddr, ends: [&str; 2], number: usize) {
    let listener = ManuallyDrop::new(TcpListener::bind((listen, address.port())).unwrap());
    match ends {
        ["SYN_SENT", _] => {
            // A connection that is reset stays in the queue, which has room for no other.
            let first = TcpStream::connect(address).unwrap();
            let at_once = libc::linger { l_onoff: 1, l_linger: 0 };
            set(&first, libc::SOL_SOCKET, libc::SO_LINGER, &at_once);
            drop(first);
            // SAFETY: it takes numbers.
            assert_eq!(unsafe { libc::listen(listener.as_raw_fd(), 0) }, 0);
        }
        // A handshake isn't complete before its client has sent something, for so many seconds.
        [_, "SYN_RECV"] => set(&*listener, libc::IPPROTO_TCP, libc::TCP_DEFER_ACCEPT, &60),
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
                fill(&client, &server);
                finish(&client);
            }
            ["FIN_WAIT2", "CLOSE_WAIT"] => finish(&client),
            ["FIN_WAIT2", "LAST_ACK"] => {
                finish(&client);
                is_finished(&server);
                fill(&server, &client);
                finish(&server);
            }
            ["CLOSING", "FIN_WAIT2"] => {
                fill(&client, &server);
                finish(&client);
                finish(&server);
            }
            // The kernel keeps an end that is closed in the way of one in TIME_WAIT.
            ["CLOSE_WAIT", "FIN_WAIT2"] => drop(ManuallyDrop::into_inner(server)),
            ["", "TIME_WAIT"] => {
                finish(&server);
                is_finished(&client);
                finish(&client);
            }
            _ => unreachable!("{ends:?}"),
        }
    }
}

/// Writes more than the receiver has room for, so that what follows isn't sent.
fn fill(mut sender: &TcpStream, receiver: &TcpStream) {
    set(receiver, libc::SOL_SOCKET, libc::SO_RCVBUF, &0);
    sender.set_nonblocking(true).unwrap();
    let much = [0; 1 << 18];
    assert_eq!(sender.write(&much).unwrap(), much.len());
}

fn finish(socket: &TcpStream) {
    socket.shutdown(Shutdown::Write).unwrap();
}

/// Waits until the peer's end is known here.
fn is_finished(mut socket: &TcpStream) {
    assert_eq!(io::copy(&mut socket, &mut io::sink()).unwrap(), 0);
}

/// Makes TCP sockets in CLOSE, which are in no table: some that are only bound, and both ends of a connection
/// that the client has dissolved.
fn in_no_table() {
    // SAFETY: an address of zeros is one, with any port.
    let mut nowhere: libc::sockaddr_in6 = unsafe { zeroed() };
    let size = size_of_val(&nowhere) as libc::socklen_t;
    for (family, address) in [(libc::AF_INET, LOOPBACK4), (libc::AF_INET6, LOOPBACK6)] {
        nowhere.sin6_family = family as libc::sa_family_t;
        for _ in 0..5 {
            // SAFETY: it takes numbers.
            let bound = unsafe { libc::socket(family, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0) };
            // SAFETY: the address, of either family, is within this size.
            assert_eq!(unsafe { libc::bind(bound, (&raw const nowhere).cast(), size) }, 0);
        }
        nowhere.sin6_family = libc::AF_UNSPEC as libc::sa_family_t;
        let listener = TcpListener::bind((address, 0)).unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        forget(listener.accept().unwrap());
        // SAFETY: the address is of this size.
        let result =
            unsafe { libc::connect(client.as_raw_fd(), (&raw const nowhere).cast(), size) };
        assert_eq!(result, 0);
        forget(client);
    }
}

/// Sets an option of a socket.
fn set<T>(socket: &impl AsRawFd, level: libc::c_int, option: libc::c_int, value: &T) {
    let (fd, value, size) = (socket.as_raw_fd(), &raw const *value, size_of_val(value));
    // SAFETY: it reads this many bytes of the value.
    assert_eq!(unsafe { libc::setsockopt(fd, level, option, value.cast(), size as u32) }, 0);
}

fn loopback_up() -> io::Result<()> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    // SAFETY: an ifreq of zeros is one.
    let mut request: libc::ifreq = unsafe { zeroed() };
    request.ifr_name[..2].copy_from_slice(&[b'l' as _, b'o' as _]);
    request.ifr_ifru.ifru_flags = libc::IFF_UP as _;
    // SAFETY: SIOCSIFFLAGS reads an ifreq, and is given the address of one.
    match unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &request) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
