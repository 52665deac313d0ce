//! Real connections in every state that a test can bring them into, through a
//! router that tracks them. The client, the router and the server are network
//! namespaces. The test runs in the namespace of the router.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Write};
use std::mem::forget;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::tcp::{PATIENCE, reset, send_fin, wait_for_fin, wait_until};
use crate::harness::{
    before_exec, can_read_tracked_connections, fails, in_namespace, program, report, unshare,
};
use crate::oracles::conntrack_table::{GROUPS, STATES, STATUSES, counts};

/// The suffix of the groups, and three addresses: the client, the interface of
/// the router to the server, and the server.
const FAMILIES: [(&str, [&str; 3]); 2] = [
    ("4", ["192.0.2.2", "198.51.100.1", "198.51.100.2"]),
    ("6", ["2001:db8:1::2", "2001:db8:2::1", "2001:db8:2::2"]),
];

/// For each state of TCP connections: the port of the server, the state, the
/// status, and the numbers of connections over IPv4 and over IPv6.
///
/// The table never shows NONE, because a connection leaves this state before
/// the kernel adds the connection to the table.
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

/// A port without a listener. The router does not keep a connection that the
/// server refuses at once.
const REFUSING: u16 = 20010;

/// For each status of UDP connections: the numbers over IPv4 and over IPv6.
const UDP: [(&str, [usize; 2]); 3] =
    [("UNREPLIED", [19, 22]), ("REPLIED", [20, 23]), ("ASSURED", [21, 24])];

/// For each status of echo requests: the numbers over ICMP and over ICMPv6.
const ECHO: [(&str, [usize; 2]); 2] = [("UNREPLIED", [25, 27]), ("REPLIED", [26, 28])];

/// The sequence number of echo requests that the server does not answer.
const UNANSWERED: u8 = 1;

/// The age at which a further packet makes a UDP connection with a reply
/// ASSURED. The kernel requires two seconds.
const UDP_STREAM_AGE: Duration = Duration::from_millis(2500);

/// The rules of the router. Only these rules need connection tracking, so only
/// the router tracks connections.
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
    if !can_read_tracked_connections(name) || !in_namespace(name, libc::CLONE_NEWNET) {
        return;
    }
    let client = Host::create("client", ["192.0.2.2/24", "2001:db8:1::2/64"]);
    let server = Host::create("server", ["198.51.100.2/24", "2001:db8:2::2/64"]);
    run_ip(&address_commands("client", ["192.0.2.1/24", "2001:db8:1::1/64"]));
    run_ip(&address_commands("server", ["198.51.100.1/24", "2001:db8:2::1/64"]));
    client.run_inside(|| {
        // The client must not resend its lost FIN within the test. The router
        // would take the second FIN for a FIN of the server.
        run_ip(
            "route add 0.0.0.0/0 via 192.0.2.1 rto_min 120s\n\
            route add ::/0 via 2001:db8:1::1 rto_min 120s\n",
        );
        load_rules(&client_rules());
        set_parameter("net/ipv4/ping_group_range", "0 0");
    });
    server.run_inside(|| load_rules(&server_rules()));
    set_parameter("net/ipv4/ip_forward", "1");
    set_parameter("net/ipv6/conf/all/forwarding", "1");
    lengthen_timeouts();
    load_rules(ROUTER_RULES);
    assert_table_counts(&BTreeMap::new());

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
                let socket = send_udp(&client, from, &server, to, status != "UNREPLIED");
                if status == "ASSURED" {
                    streams.push((socket, Instant::now()));
                }
            }
            add("udp", family, &[status], numbers[index]);
        }
        for (status, numbers) in ECHO {
            for _ in 0..numbers[index] {
                send_echo_request(&client, to, status == "REPLIED");
            }
            add("other", family, &[status], numbers[index]);
        }
    }
    // TCP comes last, because `connect_back` limits the server to one local
    // port.
    for (index, (family, addresses)) in FAMILIES.into_iter().enumerate() {
        let [_, router, to] = addresses.map(|address| address.parse().unwrap());
        for (port, state, status, numbers) in TCP {
            make_tcp_connections(&client, &server, (to, port).into(), state, numbers[index]);
            if state == "SYN_SENT2" {
                connect_back(&server, (to, port).into(), router, numbers[index]);
            }
            add("tcp", family, &[state, status], numbers[index]);
        }
        let refused = client.run_inside(|| TcpStream::connect((to, REFUSING)));
        assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    }
    for (socket, answered) in streams {
        thread::sleep(UDP_STREAM_AGE.saturating_sub(answered.elapsed()));
        socket.send(b"?").unwrap();
    }

    // With equal numbers, a swap of two counts would pass unnoticed.
    let numbers = TCP.iter().map(|row| row.3).chain(UDP.iter().chain(&ECHO).map(|row| row.1));
    let numbers: Vec<usize> = numbers.flatten().collect();
    assert_eq!(numbers.iter().collect::<BTreeSet<_>>().len(), numbers.len(), "{numbers:?}");
    assert_table_counts(&expected);
    assert_program_counts(&expected);
}

/// Returns the port of the server for TCP connections in a state.
fn port_of_state(state: &str) -> u16 {
    TCP.iter().find(|row| row.1 == state).unwrap().0
}

/// Returns rules for incoming packets, with `others` as the last rules. The
/// rules drop all packets of the connections for the two states in `silent`,
/// and the FIN of the connections for the state `endless`. The port of the
/// server, which is the `sport` or the `dport`, determines the state.
fn input_rules(side: &str, silent: [&str; 2], endless: &str, others: &str) -> String {
    let [a, b] = silent.map(port_of_state);
    let endless = port_of_state(endless);
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

/// Returns the rules of the client, which drop all answers for two states, and
/// the FIN for a third.
fn client_rules() -> String {
    input_rules("sport", ["SYN_RECV", "SYN_SENT2"], "LAST_ACK", "")
}

/// Returns the rules of the server, which drop all packets for two states, the
/// FIN for a third, and the echo requests with the number [`UNANSWERED`].
fn server_rules() -> String {
    let echo = format!(
        "icmp type echo-request icmp sequence {UNANSWERED} drop
        icmpv6 type echo-request icmpv6 sequence {UNANSWERED} drop"
    );
    input_rules("dport", ["SYN_SENT", "SYN_SENT2"], "FIN_WAIT", &echo)
}

/// Asserts that the table of the router soon has these numbers, and no others.
fn assert_table_counts(expected: &BTreeMap<String, u64>) {
    let is_as_expected = || nonzero(counts(&read_table())) == *expected;
    if !wait_until(is_as_expected) {
        let table = read_table();
        assert_eq!(nonzero(counts(&table)), *expected, "{table}");
    }
}

/// Asserts that the program counts these connections in the table of the
/// router. The program reads the table in the namespace of the router, also
/// through the directory of a process. In another namespace, the program reads
/// the table through the directory of this process, and cannot read the fill of
/// the table.
fn assert_program_counts(expected: &BTreeMap<String, u64>) {
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
        assert_eq!(parse_numbers(&report(program)), with_fill, "{program:?}");
    }
    let elsewhere = &mut run_elsewhere(&[&this_process]);
    let json = report(elsewhere);
    let unknown = "\"table\": {\"entries\": null, \"limit\": null}";
    assert!(json.contains(unknown), "{elsewhere:?}: {json}");
    assert_eq!(parse_numbers(&json), all, "{elsewhere:?}");

    // In another namespace, a query for the fill fails.
    let percent = format!("{}\n", entries * 100 / limit);
    assert_eq!(report(&mut run(&["-qtable.percent", &this_process])), percent);
    let file = format!("{this_process}/sys/net/netfilter/nf_conntrack_count");
    let message = format!("network-connections: {file}: No such file or directory\n");
    fails(&mut run_elsewhere(&["-qtable.percent", &this_process]), 1, &message);
}

/// Returns the numbers in a JSON report by path, such as `tcp.state.CLOSE`.
/// Omits null.
fn parse_numbers(json: &str) -> BTreeMap<String, u64> {
    let mut numbers = BTreeMap::new();
    let mut path = Vec::new();
    // Before a brace or a comma comes nothing, a name, or a name and a number.
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

/// Returns the table of the router. `/proc/net` belongs to the process, so a
/// thread in another namespace reads the same table.
fn read_table() -> String {
    fs::read_to_string("/proc/net/nf_conntrack").unwrap()
}

/// A network namespace whose only interface leads to the router.
struct Host {
    namespace: File,
}

impl Host {
    /// Creates a host. The interface of the router to this host has the same
    /// name and no address yet.
    fn create(name: &str, addresses: [&str; 2]) -> Host {
        let router = std::process::id();
        let commands = format!(
            "link add {name} type veth peer name {name} netns {router}\n{}",
            address_commands(name, addresses)
        );
        // Only this thread enters the new namespace.
        let create = || {
            assert_eq!(unshare(libc::CLONE_NEWNET), 0, "{}", io::Error::last_os_error());
            run_ip(&commands);
            Host { namespace: File::open("/proc/thread-self/ns/net").unwrap() }
        };
        thread::scope(|scope| scope.spawn(create).join().unwrap())
    }

    /// Runs `work` in the namespace. Sockets that `work` creates stay in the
    /// namespace.
    fn run_inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let inside = || {
            // SAFETY: setns takes only integers and accesses no memory.
            let result = unsafe { libc::setns(self.namespace.as_raw_fd(), libc::CLONE_NEWNET) };
            assert_eq!(result, 0, "{}", io::Error::last_os_error());
            work()
        };
        thread::scope(|scope| scope.spawn(inside).join().unwrap())
    }
}

/// Returns the commands that add addresses to an interface. `nodad` lets the
/// interface use the IPv6 address at once.
fn address_commands(interface: &str, [ipv4, ipv6]: [&str; 2]) -> String {
    format!(
        "link set {interface} addrgenmode none\n\
         link set {interface} up\n\
         address add {ipv4} dev {interface}\n\
         address add {ipv6} dev {interface} nodad\n"
    )
}

fn run_ip(commands: &str) {
    run_with_input(Command::new("ip").args(["-batch", "-"]), commands);
}

fn load_rules(rules: &str) {
    run_with_input(Command::new("nft").args(["-f", "-"]), rules);
}

/// Runs a command with this input, and asserts that the command succeeds.
fn run_with_input(command: &mut Command, input: &str) {
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success(), "{command:?}: {input}");
}

/// Sets a parameter of the network namespace of this thread.
fn set_parameter(parameter: &str, value: &str) {
    let file = format!("/proc/sys/{parameter}");
    fs::write(&file, value).unwrap_or_else(|error| panic!("{file}: {error}"));
}

/// Makes rows last longer than the test. By default, a row in CLOSE lasts only
/// ten seconds.
fn lengthen_timeouts() {
    for file in fs::read_dir("/proc/sys/net/netfilter").unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        if name.starts_with("nf_conntrack_") && name.contains("timeout") {
            set_parameter(&format!("net/netfilter/{name}"), "600");
        }
    }
}

/// Makes connections to this address of the server, and brings them into a
/// state. All sockets stay open until this process ends, except sockets that
/// must close for the state.
fn make_tcp_connections(
    client: &Host,
    server: &Host,
    address: SocketAddr,
    state: &str,
    number: usize,
) {
    if let "SYN_SENT" | "SYN_SENT2" | "SYN_RECV" = state {
        let listener = (state == "SYN_RECV").then(|| listen(server, address));
        let timeout = Duration::from_millis(1);
        for _ in 0..number {
            // After the timeout, the client sends no RST.
            let connection = client.run_inside(|| TcpStream::connect_timeout(&address, timeout));
            assert_eq!(connection.unwrap_err().kind(), io::ErrorKind::TimedOut, "{state}");
        }
        forget(listener);
        return;
    }
    let listener = listen(server, address);
    for _ in 0..number {
        let client = client.run_inside(|| TcpStream::connect_timeout(&address, PATIENCE)).unwrap();
        let server = listener.accept().unwrap().0;
        match state {
            "ESTABLISHED" => {}
            // For FIN_WAIT, the server drops the FIN of the client. For
            // LAST_ACK, the client drops the FIN of the server.
            "FIN_WAIT" | "CLOSE_WAIT" => send_fin(&client),
            "LAST_ACK" | "TIME_WAIT" => {
                send_fin(&client);
                wait_for_fin(&server);
                send_fin(&server);
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
    server.run_inside(|| TcpListener::bind(address)).unwrap()
}

/// Opens a connection from the server back to each of the `number` clients that
/// are connecting to `address`. The server sees each client at the address and
/// port to which the router translates the client. The SYN of the server meets
/// the SYN of the client, as in a simultaneous open.
fn connect_back(server: &Host, address: SocketAddr, router: IpAddr, number: usize) {
    let family = if address.is_ipv4() { "ipv4" } else { "ipv6" };
    // A row ends with the ports of the reply direction.
    let reply = format!(" sport={} dport=", address.port());
    let port = |row: &str| {
        let (_, rest) = row.strip_prefix(family)?.split_once(&reply)?;
        Some(rest.split_once(' ')?.0.parse().unwrap())
    };
    let ports = || read_table().lines().filter_map(port).collect::<Vec<u16>>();
    assert!(wait_until(|| ports().len() == number), "{}", read_table());
    let connect = || {
        // The server connects from the port of `address`.
        set_parameter("net/ipv4/ip_local_port_range", &format!("{0} {0}", address.port()));
        for port in ports() {
            let socket = new_socket(router, libc::SOCK_STREAM | libc::SOCK_NONBLOCK, 0);
            let error = socket.connect((router, port)).unwrap_err();
            assert_eq!(error.raw_os_error(), Some(libc::EINPROGRESS));
            forget(socket);
        }
    };
    server.run_inside(connect);
}

/// Sends a UDP packet from the client to a new port of the server, and returns
/// the socket of the client. The server answers if `is_answered`.
fn send_udp(
    client: &Host,
    from: IpAddr,
    server: &Host,
    to: IpAddr,
    is_answered: bool,
) -> UdpSocket {
    let server = server.run_inside(|| UdpSocket::bind((to, 0))).unwrap();
    let client = client.run_inside(|| UdpSocket::bind((from, 0))).unwrap();
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

/// Sends an echo request. The sequence number decides whether the server
/// answers.
fn send_echo_request(client: &Host, to: IpAddr, is_answered: bool) {
    let (protocol, kind) = match to {
        IpAddr::V4(_) => (libc::IPPROTO_ICMP, 8),
        IpAddr::V6(_) => (libc::IPPROTO_ICMPV6, 128),
    };
    let socket = client.run_inside(|| new_socket(to, libc::SOCK_DGRAM, protocol));
    socket.connect((to, 0)).unwrap();
    // The kernel adds the checksum, and an identifier, which works like the
    // port of the socket.
    let sequence = if is_answered { 2 } else { UNANSWERED };
    socket.send(&[kind, 0, 0, 0, 0, 0, 0, sequence]).unwrap();
    if is_answered {
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.recv(&mut [0; 8]).unwrap();
    }
    forget(socket);
}

/// Creates a socket of any kind. `UdpSocket` only serves as the type with the
/// methods to connect, send and receive.
fn new_socket(address: IpAddr, kind: libc::c_int, protocol: libc::c_int) -> UdpSocket {
    let family = if address.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
    // SAFETY: socket takes only integers and accesses no memory.
    let socket = unsafe { libc::socket(family, kind | libc::SOCK_CLOEXEC, protocol) };
    assert!(socket >= 0, "{}", io::Error::last_os_error());
    // SAFETY: The call above has opened the descriptor, and nothing else owns
    // the descriptor.
    unsafe { OwnedFd::from_raw_fd(socket) }.into()
}
