//! The oracle for datagrams of sock_diag, and for releases of the kernel.

use libc::{AF_INET, AF_INET6, EAGAIN, EBADMSG, NLM_F_DUMP_INTR, NLMSG_DONE, NLMSG_ERROR};
use network_connections::kernel::sock_diag::DumpKind;
use network_connections::model::socket::SocketTable;

use crate::oracles::socket_table::{self, Socket};

/// A `struct inet_diag_sockid` of include/uapi/linux/inet_diag.h. The ports
/// and the addresses are in network byte order.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct SockId {
    pub sport: [u8; 2],
    pub dport: [u8; 2],
    pub src: [u8; 16],
    pub dst: [u8; 16],
    pub interface: u32,
    pub cookie: [u32; 2],
}

/// A `struct inet_diag_msg` of include/uapi/linux/inet_diag.h.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Msg {
    pub family: u8,
    pub state: u8,
    pub timer: u8,
    pub retrans: u8,
    pub id: SockId,
    pub expires: u32,
    pub rqueue: u32,
    pub wqueue: u32,
    pub uid: u32,
    pub inode: u32,
}

/// The sockets of a datagram up to the end or the first error, and whether the
/// datagram is the last of the dump, or the `errno` of the error.
pub type Datagram = (Vec<(SocketTable, Socket)>, Result<bool, i32>);

/// Parses a datagram of a dump.
pub fn parse_datagram(datagram: &[u8], dump: DumpKind) -> Datagram {
    let mut sockets = Vec::new();
    let mut start = 0;
    loop {
        let rest = &datagram[start.min(datagram.len())..];
        if rest.is_empty() && start > 0 {
            return (sockets, Ok(false));
        }
        if rest.len() < size_of::<libc::nlmsghdr>() {
            return (sockets, Err(EBADMSG));
        }
        // SAFETY: `rest` is at least as long as the header, and a header is
        // valid with any bytes.
        let header = unsafe { rest.as_ptr().cast::<libc::nlmsghdr>().read_unaligned() };
        let length = header.nlmsg_len as usize;
        if length < size_of::<libc::nlmsghdr>() || length > rest.len() {
            return (sockets, Err(EBADMSG));
        }
        if libc::c_int::from(header.nlmsg_flags) & NLM_F_DUMP_INTR != 0 {
            return (sockets, Err(EAGAIN));
        }
        let content = &rest[16..length];
        let number = match content.len() {
            0..4 => 0,
            _ => i32::from_ne_bytes(content[..4].try_into().unwrap()),
        };
        match libc::c_int::from(header.nlmsg_type) {
            NLMSG_DONE if number >= 0 => return (sockets, Ok(true)),
            NLMSG_DONE | NLMSG_ERROR if number < 0 => return (sockets, Err(number.wrapping_neg())),
            0..16 => return (sockets, Err(EBADMSG)),
            _ if content.len() < size_of::<Msg>() => return (sockets, Err(EBADMSG)),
            _ => {}
        }
        // SAFETY: `content` is at least as long as a `Msg`, and a `Msg` is
        // valid with any bytes.
        let message = unsafe { content.as_ptr().cast::<Msg>().read_unaligned() };
        let is_tcp = dump == DumpKind::Tcp;
        let (table, address) = match libc::c_int::from(message.family) {
            AF_INET if is_tcp => (SocketTable::Tcp4, &message.id.dst[..4]),
            AF_INET => (SocketTable::Udp4, &message.id.dst[..4]),
            AF_INET6 if is_tcp => (SocketTable::Tcp6, &message.id.dst[..]),
            AF_INET6 => (SocketTable::Udp6, &message.id.dst[..]),
            _ => return (sockets, Err(EBADMSG)),
        };
        let socket = Socket {
            state: socket_table::state(message.state),
            has_no_remote: address == vec![0; address.len()],
            local_port: u16::from_be_bytes(message.id.sport),
            remote_port: u16::from_be_bytes(message.id.dport),
        };
        sockets.push((table, socket));
        start += length.next_multiple_of(4);
    }
}

/// Returns whether this release of the kernel is 4.4 or later.
pub fn kernel_dump_is_reliable(release: &[u8]) -> bool {
    let mut parts = release.split(|&byte| byte == b'.');
    let mut number = || {
        let part = parts.next().unwrap_or_default();
        let digits: String =
            part.iter().map(|&byte| char::from(byte)).take_while(char::is_ascii_digit).collect();
        // A number with more digits than fit in 128 bits is later than any
        // release.
        if digits.is_empty() { 0 } else { digits.parse().unwrap_or(u128::MAX) }
    };
    match (number(), number()) {
        (0..=3, _) => false,
        (4, minor) => minor >= 4,
        (5.., _) => true,
    }
}
