//! Messages of sock_diag(7): requests for all sockets, and the sockets in what the kernel answers.
//!
//! A datagram is a row of messages, each with a header (`struct nlmsghdr` in
//! include/uapi/linux/netlink.h). A socket is a `struct inet_diag_msg` (include/uapi/linux/inet_diag.h).
//! Numbers are in the byte order of the machine, but for addresses and ports.

use libc::{AF_INET, AF_INET6, IPPROTO_UDP, NLM_F_DUMP, NLM_F_REQUEST, NLMSG_DONE, NLMSG_ERROR};

use crate::counts::State;
use crate::decimal::natural;
use crate::row::{Port, Socket};
use crate::table::Table;
use crate::words::split_once;

/// Whether a kernel of this release dumps what it has in procfs, each socket once. Some before 4.4 repeat
/// sockets, or have no end, or read memory that isn't theirs (net/ipv4/inet_diag.c, net/ipv4/udp_diag.c).
pub fn is_sound(release: &[u8]) -> bool {
    let (major, rest) = split_once(release, b'.');
    let (minor, _) = split_once(rest.unwrap_or_default(), b'.');
    (natural(major), natural(minor)) >= (Some(4), Some(4))
}

// include/uapi/linux/inet_diag.h, sock_diag.h and netlink.h, as far as the libc crate lacks them.
const TCPDIAG_GETSOCK: u16 = 18;
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const NLMSG_MIN_TYPE: u16 = 0x10;
const NLM_F_DUMP_INTR: u16 = 0x10;

/// Sockets that the kernel dumps at one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dump {
    /// Those of TCP: the old kind of request, which asks for no family, has the kernel walk its table once
    /// for both (`inet_diag_dump_compat` in net/ipv4/inet_diag.c).
    Tcp,
    Udp4,
    Udp6,
}

impl Dump {
    /// All, in the order in which they are asked for: with IPv6 off, what dumps UDP sockets over IPv6 is only
    /// loaded for those over IPv4.
    pub const ALL: [Dump; 3] = [Dump::Tcp, Dump::Udp4, Dump::Udp6];
}

/// A request: a header, and a `struct inet_diag_req` or `inet_diag_req_v2`, in words of 32 bits.
#[derive(Debug)]
pub struct Request([u32; 19]);

impl Request {
    pub const NEW: Request = Request([0; 19]);

    /// Makes it the request for a dump.
    pub fn ask(&mut self, dump: Dump) -> &[u32] {
        /// The states 0 to 11. With 13 (BOUND_INACTIVE) there would be sockets, as CLOSE, that procfs
        /// doesn't have.
        const STATES: u32 = 0xfff;
        const UDP4: u32 = selector(AF_INET);
        const UDP6: u32 = selector(AF_INET6);

        let words = &mut self.0;
        (words[1], words[4], words[5], words[17]) = match dump {
            Dump::Tcp => (TYPE_TCP, 0, 0, STATES),
            Dump::Udp4 => (TYPE_UDP, UDP4, STATES, 0),
            Dump::Udp6 => (TYPE_UDP, UDP6, STATES, 0),
        };
        words[0] = if dump == Dump::Tcp { 76 } else { 72 };
        words.get(..words[0] as usize / 4).unwrap_or_default()
    }
}

const TYPE_TCP: u32 = kind(TCPDIAG_GETSOCK);
const TYPE_UDP: u32 = kind(SOCK_DIAG_BY_FAMILY);

const fn selector(family: i32) -> u32 {
    u32::from_ne_bytes([family as u8, IPPROTO_UDP as u8, 0, 0])
}

const fn kind(kind: u16) -> u32 {
    let [a, b] = kind.to_ne_bytes();
    let [c, d] = ((NLM_F_REQUEST | NLM_F_DUMP) as u16).to_ne_bytes();
    u32::from_ne_bytes([a, b, c, d])
}

/// Takes the sockets out of a datagram of this dump, and gives whether it is the last.
///
/// # Errors
/// The number of the error that the kernel tells, or of what is wrong with the datagram.
pub fn take(
    datagram: &[u8],
    dump: Dump,
    mut count: impl FnMut(Table, Socket),
) -> Result<bool, i32> {
    let mut rest = datagram;
    loop {
        let [a, b, c, d, e, f, g, h, ..] = rest else { return Err(libc::EBADMSG) };
        let length = u32::from_ne_bytes([*a, *b, *c, *d]) as usize;
        let (kind, flags) = (u16::from_ne_bytes([*e, *f]), u16::from_ne_bytes([*g, *h]));
        let content = rest.get(16..length).ok_or(libc::EBADMSG)?;
        if flags & NLM_F_DUMP_INTR != 0 {
            return Err(libc::EAGAIN);
        }
        if kind < NLMSG_MIN_TYPE {
            let number = content.first_chunk().map_or(0, |number| i32::from_ne_bytes(*number));
            return match i32::from(kind) {
                NLMSG_DONE | NLMSG_ERROR if number < 0 => Err(number.wrapping_neg()),
                NLMSG_DONE => Ok(true),
                _ => Err(libc::EBADMSG),
            };
        }
        let (table, socket) = socket(content, dump).ok_or(libc::EBADMSG)?;
        count(table, socket);
        match rest.get(length.wrapping_add(3) & !3..) {
            None | Some([]) => return Ok(false),
            Some(others) => rest = others,
        }
    }
}

/// A socket that the kernel tells of, and the table that it is in.
fn socket(message: &[u8], dump: Dump) -> Option<(Table, Socket)> {
    let message: &[u8; 72] = message.first_chunk()?;
    let [family, state, _, _, a, b, c, d, ..] = message;
    let (_, mut remote) = message.split_first_chunk::<24>()?;
    let [ipv4, ipv6] = match dump {
        Dump::Tcp => [Table::Tcp4, Table::Tcp6],
        Dump::Udp4 | Dump::Udp6 => [Table::Udp4, Table::Udp6],
    };
    let table = match i32::from(*family) {
        AF_INET => {
            (remote, _) = remote.split_at_checked(4)?;
            ipv4
        }
        AF_INET6 => {
            (remote, _) = remote.split_at_checked(16)?;
            ipv6
        }
        _ => return None,
    };
    let socket = Socket {
        state: State::from_number(*state),
        remote_is_zero: remote.iter().all(|&byte| byte == 0),
        local_port: Port::from_bytes([*a, *b]),
        remote_port: Port::from_bytes([*c, *d]),
    };
    Some((table, socket))
}
