//! The kernel interface sock_diag, whose dumps of sockets the program reads.

use std::net::{Ipv4Addr, Ipv6Addr, TcpListener, UdpSocket};

/// The name of sock_diag in a message of the program.
pub const NAME: &str = "sock_diag (needs tcp_diag and udp_diag; --source proc works without)";

/// The size of the program's buffer for a datagram, in bytes.
pub const BUFFER: usize = 16384;

/// Opens 1 to 4 sockets for each table, a different number for every table.
/// Returns the sockets, and the counts of `--all` in the form of
/// [`nonzero`](super::nonzero).
pub fn open_sockets() -> (Vec<TcpListener>, Vec<UdpSocket>, [&'static str; 4]) {
    const ANY4: Ipv4Addr = Ipv4Addr::UNSPECIFIED;
    const ANY6: Ipv6Addr = Ipv6Addr::UNSPECIFIED;
    let tcp4 = (0..1).map(|_| TcpListener::bind((ANY4, 0)).unwrap());
    let tcp6 = (0..2).map(|_| TcpListener::bind((ANY6, 0)).unwrap());
    let udp4 = (0..3).map(|_| UdpSocket::bind((ANY4, 0)).unwrap());
    let udp6 = (0..4).map(|_| UdpSocket::bind((ANY6, 0)).unwrap());
    let counted = ["tcp4.LISTEN 1", "tcp6.LISTEN 2", "udp4.CLOSE 3", "udp6.CLOSE 4"];
    (tcp4.chain(tcp6).collect(), udp4.chain(udp6).collect(), counted)
}
