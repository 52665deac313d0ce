//! Sockets that the kernel lists.

use super::port::Port;
use crate::bytes::name_list::named_enum;

named_enum! {
    /// The state of a socket. The variants are in the order of the report,
    /// which is the order of the Python script that the program replaces.
    ///
    /// A connected UDP socket is [`Established`](State::Established). Any other
    /// UDP socket is [`Close`](State::Close).
    pub enum State {
        FinWait1 = "FIN_WAIT1",
        Established = "ESTABLISHED",
        TimeWait = "TIME_WAIT",
        Close = "CLOSE",
        SynSent = "SYN_SENT",
        SynRecv = "SYN_RECV",
        FinWait2 = "FIN_WAIT2",
        Listen = "LISTEN",
        Closing = "CLOSING",
        CloseWait = "CLOSE_WAIT",
        LastAck = "LAST_ACK",
        /// Any state number outside 1 to 11. The kernel shows state 12,
        /// NEW_SYN_RECV, as SYN_RECV. procfs does not list sockets in state 13,
        /// BOUND_INACTIVE.
        Unknown = "UNKNOWN",
    }
}

impl State {
    /// The states. The index of a state is its number in
    /// include/net/tcp_states.h.
    pub const BY_NUMBER: [State; State::COUNT] = [
        State::Unknown,
        State::Established,
        State::SynSent,
        State::SynRecv,
        State::FinWait1,
        State::FinWait2,
        State::TimeWait,
        State::Close,
        State::CloseWait,
        State::LastAck,
        State::Listen,
        State::Closing,
    ];

    /// Returns the state with this number in the kernel, or
    /// [`Unknown`](State::Unknown) for any other number.
    pub fn from_number(number: u8) -> State {
        State::BY_NUMBER.get(usize::from(number)).copied().unwrap_or(State::Unknown)
    }
}

/// The address family of a table's sockets. An IPv6 table also contains sockets
/// with IPv4-mapped addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4
    Inet,
    /// IPv6
    Inet6,
}

named_enum! {
    /// A table of sockets. The sockets of each table count in a separate basic
    /// group of the report. The variants are in the order of the report.
    pub enum SocketTable {
        Tcp4 = "tcp4",
        Tcp6 = "tcp6",
        Udp4 = "udp4",
        Udp6 = "udp6",
    }
}

impl SocketTable {
    /// Returns the index of the table's group in the
    /// [schema](super::schema::Schema::SOCKETS).
    pub const fn group(self) -> usize {
        self as usize
    }

    /// Returns the address family of the table's sockets.
    pub const fn family(self) -> Family {
        match self {
            SocketTable::Tcp4 | SocketTable::Udp4 => Family::Inet,
            SocketTable::Tcp6 | SocketTable::Udp6 => Family::Inet6,
        }
    }
}

/// The properties of a socket that the program uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Socket {
    /// The state. A UDP socket also has a state.
    pub state: State,
    /// Whether all bytes of the remote address are zero. Listening and
    /// unconnected sockets have such an address. procfs prints addresses in the
    /// byte order of the machine, but zeros are the same in every byte order.
    pub has_no_remote: bool,
    /// The local port.
    pub local_port: Port,
    /// The remote port.
    pub remote_port: Port,
}
