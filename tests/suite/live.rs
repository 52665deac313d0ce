//! Real sockets, in a network namespace of their own.

use std::io;
use std::net::{
    IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket,
};
use std::os::fd::AsRawFd;
use std::thread;
use std::time::{Duration, Instant};

use crate::program::{
    before_exec, counts, in_namespace, native, nonzero, program, report, unshare,
};

#[test]
fn counts_the_sockets_that_are_open() {
    if !in_namespace("live::counts_the_sockets_that_are_open", libc::CLONE_NEWNET) {
        return;
    }
    loopback_up().unwrap();
    let (ipv4, ipv6): (IpAddr, IpAddr) = (Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into());
    assert_eq!(nonzero(counts(program().arg("--all"))), [""; 0], "a new namespace");

    let mut tcp4 = Tcp::listen(ipv4);
    let mut tcp6 = Tcp::listen(ipv6);
    // A listener for both families: a connection over IPv4 has one end in each table.
    let mut both = Tcp::listen(Ipv6Addr::UNSPECIFIED.into());
    both.address.set_ip(ipv4);
    let another = Tcp::listen(ipv4);

    tcp4.connect(3);
    tcp6.connect(2);
    both.connect(4);
    for (tcp, half_closed, closed) in [(&mut tcp4, 5, 1), (&mut tcp6, 1, 2)] {
        for (client, _) in tcp.connect(half_closed) {
            client.shutdown(Shutdown::Write).unwrap();
        }
        let first = tcp.connections.len();
        tcp.connect(closed);
        for (client, server) in tcp.connections.drain(first..) {
            close(client, server);
        }
    }

    let udp4: Vec<UdpSocket> = (0..3).map(|_| UdpSocket::bind((ipv4, 0)).unwrap()).collect();
    let udp6: Vec<UdpSocket> = (0..4).map(|_| UdpSocket::bind((ipv6, 0)).unwrap()).collect();
    udp4[0].connect(udp4[1].local_addr().unwrap()).unwrap();
    udp6[0].connect(udp6[1].local_addr().unwrap()).unwrap();
    udp6[1].connect(udp6[0].local_addr().unwrap()).unwrap();

    let connections = [
        "tcp4.CLOSE_WAIT 5",
        "tcp4.ESTABLISHED 10", // both ends of 3, one end of 4
        "tcp4.FIN_WAIT2 5",
        "tcp4.TIME_WAIT 1",
        "tcp6.CLOSE_WAIT 1",
        "tcp6.ESTABLISHED 8", // both ends of 2, one end of 4
        "tcp6.FIN_WAIT2 1",
        "tcp6.TIME_WAIT 2",
        "udp4.ESTABLISHED 1",
        "udp6.ESTABLISHED 2",
    ];
    let others = ["tcp4.LISTEN 2", "tcp6.LISTEN 2", "udp4.CLOSE 2", "udp6.CLOSE 2"];
    let mut all = [&connections[..], &others].concat();
    all.sort();

    settles(&connections, || nonzero(counts(&mut program())));
    settles(&all, || nonzero(counts(program().arg("--all"))));
    assert_eq!(report(program().arg("--all")), report(native().arg("--all")));

    // From another namespace, by way of this process.
    let elsewhere = || {
        let mut program = program();
        before_exec(&mut program, || unshare(libc::CLONE_NEWNET));
        program
    };
    assert_eq!(nonzero(counts(elsewhere().arg("--all"))), [""; 0]);
    let this_process = format!("/proc/{}", std::process::id());
    settles(&connections, || nonzero(counts(elsewhere().arg(&this_process))));
    drop((another, udp4, udp6));
}

/// A listening socket and its connections, each a client and a server.
struct Tcp {
    listener: TcpListener,
    address: SocketAddr,
    connections: Vec<(TcpStream, TcpStream)>,
}

impl Tcp {
    fn listen(address: IpAddr) -> Tcp {
        let listener = TcpListener::bind((address, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        Tcp { listener, address, connections: Vec::new() }
    }

    /// Makes more connections, and gives those.
    fn connect(&mut self, connections: usize) -> &[(TcpStream, TcpStream)] {
        for _ in 0..connections {
            let client = TcpStream::connect(self.address).unwrap();
            let (server, _) = self.listener.accept().unwrap();
            self.connections.push((client, server));
        }
        &self.connections[self.connections.len() - connections..]
    }
}

/// Closes a connection, first the client's end, which the kernel keeps in TIME_WAIT.
fn close(client: TcpStream, mut server: TcpStream) {
    drop(client);
    // The server's end comes second if it has seen the client's.
    assert_eq!(io::copy(&mut server, &mut io::sink()).unwrap(), 0);
    drop(server);
}

/// Waits until the counts are these: a closing connection needs a moment for its next state.
fn settles(expected: &[&str], mut counts: impl FnMut() -> Vec<String>) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while counts() != expected && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(counts(), expected);
}

fn loopback_up() -> io::Result<()> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    // SAFETY: an ifreq of zeros is one.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    request.ifr_name[..2].copy_from_slice(&[b'l' as _, b'o' as _]);
    request.ifr_ifru.ifru_flags = libc::IFF_UP as _;
    // SAFETY: SIOCSIFFLAGS reads an ifreq, and is given the address of one.
    match unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &request) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
