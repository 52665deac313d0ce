//! Dumps of sockets by sock_diag(7): the requests to the kernel, and the
//! sockets in the answers of the kernel.

use core::ffi::c_int;

use libc::{AF_INET, AF_INET6, IPPROTO_UDP, NLM_F_DUMP, NLM_F_REQUEST};

use super::errno::Errno;
use super::netlink::{Message, split_message};
use crate::bytes::decimal::parse_decimal;
use crate::bytes::split::split_once;
use crate::model::port::Port;
use crate::model::socket::{Socket, SocketTable, State};

/// Returns whether the kernel of this release dumps each socket that procfs
/// lists exactly once. Some kernels before 4.4 repeat sockets, dump without
/// end, or read memory that does not belong to the dump. The sources are
/// net/ipv4/inet_diag.c and net/ipv4/udp_diag.c.
pub fn kernel_dump_is_reliable(release: &[u8]) -> bool {
    let (major, rest) = split_once(release, b'.');
    (leading_number(major), leading_number(rest.unwrap_or_default())) >= (4, 4)
}

/// Returns the number of the digits with which `text` begins, or 0 if `text`
/// begins with no digit. A release may continue with any byte after a number,
/// as in `4.19-rc1`.
fn leading_number(text: &[u8]) -> u32 {
    let is_other = |byte: &u8| !byte.is_ascii_digit();
    let digits = text.split(is_other).next().unwrap_or_default();
    parse_decimal(digits).unwrap_or(0)
}

// The libc crate lacks these constants of include/uapi/linux/inet_diag.h and
// include/uapi/linux/sock_diag.h.
const TCPDIAG_GETSOCK: u16 = 18;
const SOCK_DIAG_BY_FAMILY: u16 = 20;

/// One bit for each state that procfs shows. Bit 13, for BOUND_INACTIVE, is not
/// set. With this bit, the kernel would also dump sockets that procfs does not
/// list, and would report CLOSE as their state.
const ALL_STATES: u32 = (1 << State::BY_NUMBER.len()) - 1;

/// The sockets that the kernel dumps for one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DumpKind {
    /// TCP over both address families. TCPDIAG_GETSOCK, the older of two
    /// requests, names no family. The kernel walks the table of TCP sockets
    /// only once for both families, in `inet_diag_dump_compat` in
    /// net/ipv4/inet_diag.c.
    Tcp,
    /// UDP over IPv4.
    Udp4,
    /// UDP over IPv6.
    Udp6,
}

impl DumpKind {
    /// All dumps, in the order of the requests. The request for UDP over IPv4
    /// must come before the request for UDP over IPv6. The same module of the
    /// kernel answers both. With IPv6 off, only the request for IPv4 makes the
    /// kernel load the module.
    pub const ALL: &[DumpKind] = &[DumpKind::Tcp, DumpKind::Udp4, DumpKind::Udp6];

    /// Returns the request for the dump.
    pub fn request(self) -> &'static Request {
        static TCP: Request = Request::new(DumpKind::Tcp);
        static UDP4: Request = Request::new(DumpKind::Udp4);
        static UDP6: Request = Request::new(DumpKind::Udp6);
        match self {
            DumpKind::Tcp => &TCP,
            DumpKind::Udp4 => &UDP4,
            DumpKind::Udp6 => &UDP6,
        }
    }
}

/// A request for a dump, in words of 32 bits. The first four words are a
/// `struct nlmsghdr`. The other words are a `struct inet_diag_req` for TCP, or
/// a `struct inet_diag_req_v2` for UDP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    words: [[u8; 4]; LONGEST_REQUEST],
    /// The number of bytes that the program sends.
    length: usize,
}

/// The number of words in the longest request, the request for
/// [`DumpKind::Tcp`].
const LONGEST_REQUEST: usize = 4 + 15;

impl Request {
    /// Encodes the request for a dump. All words that the function does not set
    /// are zero.
    const fn new(dump: DumpKind) -> Request {
        let (kind, words) = match dump {
            DumpKind::Tcp => (TCPDIAG_GETSOCK, 4 + 15),
            DumpKind::Udp4 | DumpKind::Udp6 => (SOCK_DIAG_BY_FAMILY, 4 + 14),
        };
        let length = words * size_of::<u32>();
        let mut request = Request { words: [[0; 4]; LONGEST_REQUEST], length };
        let [kind_low, kind_high] = kind.to_ne_bytes();
        let [flags_low, flags_high] = ((NLM_F_REQUEST | NLM_F_DUMP) as u16).to_ne_bytes();
        request.words[0] = (length as u32).to_ne_bytes();
        request.words[1] = [kind_low, kind_high, flags_low, flags_high];
        match dump {
            // The field idiag_states of `struct inet_diag_req`.
            DumpKind::Tcp => request.words[4 + 13] = ALL_STATES.to_ne_bytes(),
            DumpKind::Udp4 => request.set_udp(AF_INET),
            DumpKind::Udp6 => request.set_udp(AF_INET6),
        }
        request
    }

    /// Sets sdiag_family, sdiag_protocol and idiag_states of a
    /// `struct inet_diag_req_v2`.
    const fn set_udp(&mut self, family: c_int) {
        self.words[4] = [family as u8, IPPROTO_UDP as u8, 0, 0];
        self.words[4 + 1] = ALL_STATES.to_ne_bytes();
    }

    /// Returns the bytes that the program sends.
    pub fn bytes(&self) -> &[u8] {
        self.words.as_flattened().get(..self.length).unwrap_or_default()
    }
}

/// Calls `count` with each socket in `datagram`, which belongs to this dump.
/// Returns whether the datagram is the last datagram of the dump.
///
/// # Errors
/// Every error of [`split_message`], or [`Errno::BADMSG`] if a socket is
/// malformed.
pub fn parse_datagram(
    datagram: &[u8],
    dump: DumpKind,
    mut count: impl FnMut(SocketTable, Socket),
) -> Result<bool, Errno> {
    let mut rest = datagram;
    loop {
        let message;
        (message, rest) = split_message(rest)?;
        let Message::Content(content) = message else { return Ok(true) };
        let (table, socket) = parse_socket(content, dump).ok_or(Errno::BADMSG)?;
        count(table, socket);
        if rest.is_empty() {
            return Ok(false);
        }
    }
}

/// Parses a `struct inet_diag_msg` of include/uapi/linux/inet_diag.h. Returns
/// the socket, and the table in which procfs shows the socket. In the message,
/// ports and addresses are in network byte order.
fn parse_socket(message: &[u8], dump: DumpKind) -> Option<(SocketTable, Socket)> {
    let message: &[u8; 72] = message.first_chunk()?;
    let [family, state, _, _, a, b, c, d, ..] = message;
    let (_, remote) = message.split_first_chunk::<24>()?;
    let [ipv4, ipv6] = match dump {
        DumpKind::Tcp => [SocketTable::Tcp4, SocketTable::Tcp6],
        DumpKind::Udp4 | DumpKind::Udp6 => [SocketTable::Udp4, SocketTable::Udp6],
    };
    let (table, address_length) = match c_int::from(*family) {
        AF_INET => (ipv4, 4),
        AF_INET6 => (ipv6, 16),
        _ => return None,
    };
    let socket = Socket {
        state: State::from_number(*state),
        has_no_remote: remote.get(..address_length)?.iter().all(|&byte| byte == 0),
        local_port: Port::from_network_order([*a, *b]),
        remote_port: Port::from_network_order([*c, *d]),
    };
    Some((table, socket))
}
