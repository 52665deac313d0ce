//! Real connections in every state that they can be put into, through a router that tracks them: three
//! network namespaces, of which this process is in the router's.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Write};
use std::mem::forget;
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::harness::{
    before_exec, fails, in_namespace, lacking, no_namespace, program, report, unshare,
};
use crate::oracles::conntrack_table::{GROUPS, STATES, STATUSES, counts};

/// The suffix of the groups, and the addresses of the client, of the router on the server's side, and of the
/// server.
const FAMILIES: [(&str, [&str; 3]); 2] = [
    ("4", ["192.0.2.2", "198.51.100.1", "198.51.100.2"]),
    ("6", ["2001:db8:1::2", "2001:db8:2::1", "2001:db8:2::2"]),
];

/// The server's port for TCP connections that come into a state, the state, their status, and how many there
/// are over IPv4 and over IPv6.
///
/// One of the kernel's states can't be had: a connection is in NONE only before it is in the table.
const TCP: [(u16, &str, &str, [usize; 2]); 9] = [
    (20001, "ESTABLISHED", "ASSURED", [1, 10]),
    (20002, "SYN_SENT", "UNREPLIED", [2, 11]),
    (20003, "SYN_RECV", "REPLIED", [3, 12]),
    (20004, "FIN_WAIT", "ASSURED", [4, 13]),
    (20005, "CLOSE_WAIT", "ASSURED", [5, 14]),
    (20006, "LAST_ACK", "ASSURED", [6, 15]),
    (20007, "TIME_WAIT", "ASSURED", [7, 16]),
    (20008, "CLOSE", "ASSURED", [8, 17]),
    (20009, "SYN_SENT2", "REPLIED", [9, 18]),
];

/// Where nothing listens. A connection that is refused at once isn't kept.
const REFUSING: u16 = 20010;

/// The status of UDP, and how many there are over IPv4 and over IPv6.
const UDP: [(&str, [usize; 2]); 3] =
    [("UNREPLIED", [19, 22]), ("REPLIED", [20, 23]), ("ASSURED", [21, 24])];

/// The status of echo requests, and how many there are over ICMP and over ICMPv6.
const ECHO: [(&str, [usize; 2]); 2] = [("UNREPLIED", [25, 27]), ("REPLIED", [26, 28])];

/// The sequence number of an echo request that the server doesn't answer.
const UNANSWERED: u8 = 1;

/// Packets of a new UDP connection make it ASSURED when it has been for two seconds, and was answered.
const UDP_IS_A_STREAM: Duration = Duration::from_millis(2500);

/// For whatever should happen at once.
const PATIENCE: Duration = Duration::from_secs(10);

/// Only the router tracks connections, because only its rules ask for that.
const ROUTER_RULES: &str = "
    table inet test {
        chain forward { type filter hook forward priority 0; ct state invalid drop; }
        chain postrouting {
            type nat hook postrouting priority 100; oifname \"server\" masquerade;
        }
    }";

#[test]
fn counts_the_connections_that_are_in_each_state() {
    let name = test_name!();
    if !can_track(name) || !in_namespace(name, libc::CLONE_NEWNET) {
        return;
    }
    let client = Host::new("client", ["192.0.2.2/24", "2001:db8:1::2/64"]);
    let server = Host::new("server", ["198.51.100.2/24", "2001:db8:2::2/64"]);
    ip(&addresses("client", ["192.0.2.1/24", "2001:db8:1::1/64"]));
    ip(&addresses("server", ["198.51.100.1/24", "2001:db8:2::1/64"]));
    client.enter(|| {
        // A FIN that nobody acknowledges isn't sent again within the test: to the kernel it's the other end's.
        ip("route add 0.0.0.0/0 via 192.0.2.1 rto_min 120s\n\
            route add ::/0 via 2001:db8:1::1 rto_min 120s\n");
        nft(&client_rules());
        set("net/ipv4/ping_group_range", "0 0");
    });
    server.enter(|| nft(&server_rules()));
    set("net/ipv4/ip_forward", "1");
    set("net/ipv6/conf/all/forwarding", "1");
    keep_rows();
    nft(ROUTER_RULES);
    check(&BTreeMap::new());

    let mut expected = BTreeMap::new();
    let mut add = |group: &str, family, names: &[&str], number| {
        for name in names {
            for group in [&format!("{group}{family}"), group, "all"] {
                *expected.entry(format!("{group}.{name}")).or_insert(0) += number as u64;
            }
        }
    };
    let mut streams = Vec::new();
    for (index, (family, addresses)) in FAMILIES.into_iter().enumerate() {
        let [from, _, to] = addresses.map(|address| address.parse().unwrap());
        for (status, numbers) in UDP {
            for _ in 0..numbers[index] {
                let socket = udp(&client, from, &server, to, status != "UNREPLIED");
                if status == "ASSURED" {
                    streams.push((socket, Instant::now()));
                }
            }
            add("udp", family, &[status], numbers[index]);
        }
        for (status, numbers) in ECHO {
            for _ in 0..numbers[index] {
                echo(&client, to, status == "REPLIED");
            }
            add("other", family, &[status], numbers[index]);
        }
    }
    // Later, because the server has but one port for connections that it begins itself.
    for (index, (family, addresses)) in FAMILIES.into_iter().enumerate() {
        let [_, router, to] = addresses.map(|address| address.parse().unwrap());
        for (port, state, status, numbers) in TCP {
            tcp(&client, &server, (to, port).into(), state, numbers[index]);
            if state == "SYN_SENT2" {
                cross(&server, (to, port).into(), router, numbers[index]);
            }
            add("tcp", family, &[state, status], numbers[index]);
        }
        let refused = client.enter(|| TcpStream::connect((to, REFUSING)));
        assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    }
    for (socket, answered) in streams {
        thread::sleep(UDP_IS_A_STREAM.saturating_sub(answered.elapsed()));
        socket.send(b"?").unwrap();
    }

    // Else the program could take one for another.
    let numbers = TCP.iter().map(|row| row.3).chain(UDP.iter().chain(&ECHO).map(|row| row.1));
    let numbers: Vec<usize> = numbers.flatten().collect();
    assert_eq!(numbers.iter().collect::<BTreeSet<_>>().len(), numbers.len(), "{numbers:?}");
    check(&expected);
    check_program(&expected);
}

/// The server's port for TCP connections that come into a state.
fn port(state: &str) -> u16 {
    TCP.iter().find(|row| row.1 == state).unwrap().0
}

/// What drops on input all of the connections that are to come into one of two states, the end of those for another
/// state, and what other rules say. Whose connections they are is told by the server's port: the `sport` or `dport`.
fn rules(side: &str, silent: [&str; 2], endless: &str, others: &str) -> String {
    let [a, b] = silent.map(port);
    let endless = port(endless);
    format!(
        "table inet test {{
            chain input {{
                type filter hook input priority 0;
                tcp {side} {{ {a}, {b} }} drop
                tcp {side} {endless} tcp flags & fin == fin drop
                {others}
            }}
        }}"
    )
}

/// What the client doesn't get: any answers, or the end of a connection.
fn client_rules() -> String {
    rules("sport", ["SYN_RECV", "SYN_SENT2"], "LAST_ACK", "")
}

/// What the server doesn't get: any connections, the end of one, or an echo request of the sequence number
/// that [`echo`] gives to those that aren't to be answered.
fn server_rules() -> String {
    let echo = format!(
        "icmp type echo-request icmp sequence {UNANSWERED} drop
        icmpv6 type echo-request icmpv6 sequence {UNANSWERED} drop"
    );
    rules("dport", ["SYN_SENT", "SYN_SENT2"], "FIN_WAIT", &echo)
}

/// Waits until the router's table has these numbers, and no others.
fn check(expected: &BTreeMap<String, u64>) {
    let is_in_table = || nonzero(counts(&table())) == *expected;
    if !eventually(is_in_table) {
        let table = table();
        assert_eq!(nonzero(counts(&table)), *expected, "{table}");
    }
}

/// Checks what the program makes of the router's table: in its namespace, there by way of a process too, and
/// in another by way of this one. How full a table is a process learns of its own namespace alone.
fn check_program(expected: &BTreeMap<String, u64>) {
    let this_process = format!("/proc/{}", std::process::id());
    let run = |arguments: &[&str]| {
        let mut program = program();
        program.arg("--conntrack").args(arguments);
        program
    };
    let run_elsewhere = |arguments: &[&str]| {
        let mut program = run(arguments);
        before_exec(&mut program, || unshare(libc::CLONE_NEWNET));
        program
    };
    let sum = |group: &str, names: &[&str]| -> u64 {
        names.iter().filter_map(|name| expected.get(&format!("{group}.{name}"))).sum()
    };
    let mut all = BTreeMap::new();
    for group in GROUPS {
        all.insert(format!("{group}.total"), sum(group, &STATUSES));
        for (kind, names) in [("state", &STATES[..]), ("status", &STATUSES)] {
            for name in names {
                all.insert(format!("{group}.{kind}.{name}"), sum(group, &[name]));
            }
        }
    }
    let limit = fs::read_to_string("/proc/sys/net/netfilter/nf_conntrack_max").unwrap();
    let [entries, limit] = [sum("all", &STATUSES), limit.trim().parse().unwrap()];
    let mut with_fill = all.clone();
    with_fill.insert("table.entries".to_string(), entries);
    with_fill.insert("table.limit".to_string(), limit);
    for arguments in [&[][..], &["--source=auto"], &["/proc"], &["/proc/self"], &[&this_process]] {
        let program = &mut run(arguments);
        assert_eq!(numbers(&report(program)), with_fill, "{program:?}");
    }
    let elsewhere = &mut run_elsewhere(&[&this_process]);
    let json = report(elsewhere);
    let unknown = "\"table\": {\"entries\": null, \"limit\": null}";
    assert!(json.contains(unknown), "{elsewhere:?}: {json}");
    assert_eq!(numbers(&json), all, "{elsewhere:?}");

    // Asked for by itself, it is not to be had there.
    let percent = format!("{}\n", entries * 100 / limit);
    assert_eq!(report(&mut run(&["-qtable.percent", &this_process])), percent);
    let file = format!("{this_process}/sys/net/netfilter/nf_conntrack_count");
    let message = format!("network-connections: {file}: No such file or directory\n");
    fails(&mut run_elsewhere(&["-qtable.percent", &this_process]), 1, &message);
}

/// The numbers of a JSON report that are known, by the names on the way to them, with a point between.
fn numbers(json: &str) -> BTreeMap<String, u64> {
    let mut numbers = BTreeMap::new();
    let mut path = Vec::new();
    // Ahead of a brace or a comma there is nothing, a name, or a name and a number.
    let mut rest = json;
    while let Some(end) = rest.find(['{', '}', ',']) {
        let piece: Vec<&str> = rest[..end].split([':', '"']).map(str::trim).collect();
        let piece: Vec<&str> = piece.into_iter().filter(|word| !word.is_empty()).collect();
        match piece[..] {
            [] => {}
            [group] => path.push(group),
            [_, "null"] => {}
            [name, number] => {
                let name = [&path[..], &[name]].concat().join(".");
                let before = numbers.insert(name, number.parse().unwrap());
                assert_eq!(before, None, "{json}");
            }
            _ => panic!("{piece:?}: {json}"),
        }
        if rest[end..].starts_with('}') {
            path.pop();
        }
        rest = &rest[end + 1..];
    }
    numbers
}

fn nonzero(mut numbers: BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    numbers.retain(|_, number| *number != 0);
    numbers
}

/// The router's table: whichever thread asks, it's that of the process.
fn table() -> String {
    fs::read_to_string("/proc/net/nf_conntrack").unwrap()
}

/// Waits until it is so, or for long enough. Gives whether it is.
fn eventually(mut is_so: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if is_so() {
            return true;
        }
        thread::sleep(Duration::from_millis(20));
    }
    is_so()
}

/// Whether there is all that this test needs. Else it is skipped, but not on CI.
fn can_track(test: &str) -> bool {
    let rules =
        "table inet test { chain c { type filter hook forward priority 0; ct state new; }; }";
    let script = "ip -V && nft \"$1\" && cat /proc/self/net/nf_conntrack";
    let mut probe = Command::new("sh");
    probe.args(["-c", script, "sh", rules]);
    match before_exec(&mut probe, || unshare(libc::CLONE_NEWNET)).output() {
        Ok(output) if output.status.success() => return true,
        Ok(output) => {
            let reason = String::from_utf8_lossy(&output.stderr);
            lacking(test, &format!("nothing can be tracked: {}", reason.trim()));
        }
        Err(error) => no_namespace(test, &error),
    }
    false
}

/// A network namespace of its own, that only has an interface to the router's.
struct Host {
    namespace: File,
}

impl Host {
    /// The router's end of its interface has the same name, and no address yet.
    fn new(name: &str, addresses: [&str; 2]) -> Host {
        let router = std::process::id();
        let commands = format!(
            "link add {name} type veth peer name {name} netns {router}\n{}",
            self::addresses(name, addresses)
        );
        // A thread is in a namespace by itself.
        let make = || {
            assert_eq!(unshare(libc::CLONE_NEWNET), 0, "{}", io::Error::last_os_error());
            ip(&commands);
            Host { namespace: File::open("/proc/thread-self/ns/net").unwrap() }
        };
        thread::scope(|scope| scope.spawn(make).join().unwrap())
    }

    /// Does something there. A socket that is made there stays there.
    fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let inside = || {
            // SAFETY: it takes numbers.
            let result = unsafe { libc::setns(self.namespace.as_raw_fd(), libc::CLONE_NEWNET) };
            assert_eq!(result, 0, "{}", io::Error::last_os_error());
            work()
        };
        thread::scope(|scope| scope.spawn(inside).join().unwrap())
    }
}

/// What gives an interface its addresses, of which it may use those of IPv6 at once.
fn addresses(interface: &str, [ipv4, ipv6]: [&str; 2]) -> String {
    format!(
        "link set {interface} addrgenmode none\n\
         link set {interface} up\n\
         address add {ipv4} dev {interface}\n\
         address add {ipv6} dev {interface} nodad\n"
    )
}

fn ip(commands: &str) {
    feed(Command::new("ip").args(["-batch", "-"]), commands);
}

fn nft(rules: &str) {
    feed(Command::new("nft").args(["-f", "-"]), rules);
}

/// Runs a command that reads this, and must succeed.
fn feed(command: &mut Command, input: &str) {
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success(), "{command:?}: {input}");
}

/// Sets a parameter of the namespace that this thread is in.
fn set(parameter: &str, value: &str) {
    let file = format!("/proc/sys/{parameter}");
    fs::write(&file, value).unwrap_or_else(|error| panic!("{file}: {error}"));
}

/// Has rows last longer than the test. One in CLOSE would for ten seconds.
fn keep_rows() {
    for file in fs::read_dir("/proc/sys/net/netfilter").unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        if name.starts_with("nf_conntrack_") && name.contains("timeout") {
            set(&format!("net/netfilter/{name}"), "600");
        }
    }
}

/// Makes so many connections to this address of the server's that come into a state. What is open at either
/// end stays so until this process ends, but for what the state asks to be closed.
fn tcp(client: &Host, server: &Host, address: SocketAddr, state: &str, number: usize) {
    if let "SYN_SENT" | "SYN_SENT2" | "SYN_RECV" = state {
        let listener = (state == "SYN_RECV").then(|| listen(server, address));
        let moment = Duration::from_millis(1);
        for _ in 0..number {
            // What gives up says so to nobody.
            let connection = client.enter(|| TcpStream::connect_timeout(&address, moment));
            assert_eq!(connection.unwrap_err().kind(), io::ErrorKind::TimedOut, "{state}");
        }
        forget(listener);
        return;
    }
    let listener = listen(server, address);
    for _ in 0..number {
        let client = client.enter(|| TcpStream::connect_timeout(&address, PATIENCE)).unwrap();
        let server = listener.accept().unwrap().0;
        match state {
            "ESTABLISHED" => {}
            // The server, or the client, isn't given the other's end.
            "FIN_WAIT" | "CLOSE_WAIT" => finish(&client),
            "LAST_ACK" | "TIME_WAIT" => {
                finish(&client);
                is_finished(&server);
                finish(&server);
            }
            "CLOSE" => {
                reset(client);
                forget(server);
                continue;
            }
            _ => unreachable!("{state}"),
        }
        forget([client, server]);
    }
    forget(listener);
}

fn listen(server: &Host, address: SocketAddr) -> TcpListener {
    server.enter(|| TcpListener::bind(address)).unwrap()
}

fn finish(socket: &TcpStream) {
    socket.shutdown(Shutdown::Write).unwrap();
}

/// Waits until the peer's end is known here.
fn is_finished(mut socket: &TcpStream) {
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(io::copy(&mut socket, &mut io::sink()).unwrap(), 0);
}

/// Closes a connection at once.
fn reset(socket: TcpStream) {
    let at_once = libc::linger { l_onoff: 1, l_linger: 0 };
    let (value, size) = ((&raw const at_once).cast(), size_of_val(&at_once) as libc::socklen_t);
    // SAFETY: the value is of this size.
    let result = unsafe {
        libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_LINGER, value, size)
    };
    assert_eq!(result, 0);
}

/// Has the server begin as many connections to where those to this address come from, as the router makes it
/// out to be: from the same address, at the same time as it were.
fn cross(server: &Host, address: SocketAddr, router: IpAddr, number: usize) {
    let family = if address.is_ipv4() { "ipv4" } else { "ipv6" };
    // A row ends with the packets that would be answers.
    let answers = format!(" sport={} dport=", address.port());
    let port = |row: &str| {
        let (_, behind) = row.strip_prefix(family)?.split_once(&answers)?;
        Some(behind.split_once(' ')?.0.parse().unwrap())
    };
    let ports = || table().lines().filter_map(port).collect::<Vec<u16>>();
    assert!(eventually(|| ports().len() == number), "{}", table());
    let begin = || {
        // Where its own connections come from.
        set("net/ipv4/ip_local_port_range", &format!("{0} {0}", address.port()));
        for port in ports() {
            let socket = socket(router, libc::SOCK_STREAM | libc::SOCK_NONBLOCK, 0);
            let error = socket.connect((router, port)).unwrap_err();
            assert_eq!(error.raw_os_error(), Some(libc::EINPROGRESS));
            forget(socket);
        }
    };
    server.enter(begin);
}

/// Sends a packet by UDP, gives the socket that has sent it, and has it answered or not. The port that it is
/// sent to is never used again.
fn udp(client: &Host, from: IpAddr, server: &Host, to: IpAddr, is_answered: bool) -> UdpSocket {
    let server = server.enter(|| UdpSocket::bind((to, 0))).unwrap();
    let client = client.enter(|| UdpSocket::bind((from, 0))).unwrap();
    client.connect(server.local_addr().unwrap()).unwrap();
    client.send(b"?").unwrap();
    if is_answered {
        server.set_read_timeout(Some(PATIENCE)).unwrap();
        let (_, router) = server.recv_from(&mut [0]).unwrap();
        server.send_to(b"!", router).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        client.recv(&mut [0]).unwrap();
    }
    forget(server);
    client
}

/// Sends an echo request, of a sequence number by which the server answers it or not.
fn echo(client: &Host, to: IpAddr, is_answered: bool) {
    let (protocol, kind) = match to {
        IpAddr::V4(_) => (libc::IPPROTO_ICMP, 8),
        IpAddr::V6(_) => (libc::IPPROTO_ICMPV6, 128),
    };
    let socket = client.enter(|| socket(to, libc::SOCK_DGRAM, protocol));
    socket.connect((to, 0)).unwrap();
    // The kernel adds the checksum, and an identifier, which is like a port of the socket's.
    let sequence = if is_answered { 2 } else { UNANSWERED };
    socket.send(&[kind, 0, 0, 0, 0, 0, 0, sequence]).unwrap();
    if is_answered {
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.recv(&mut [0; 8]).unwrap();
    }
    forget(socket);
}

/// A socket of any kind, as one that can be connected and used as those of UDP can.
fn socket(address: IpAddr, kind: libc::c_int, protocol: libc::c_int) -> UdpSocket {
    let family = if address.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
    // SAFETY: it takes numbers.
    let socket = unsafe { libc::socket(family, kind | libc::SOCK_CLOEXEC, protocol) };
    assert!(socket >= 0, "{}", io::Error::last_os_error());
    // SAFETY: the descriptor was just made, and nothing else owns it.
    unsafe { OwnedFd::from_raw_fd(socket) }.into()
}
