//! Connections that the kernel tracks. The kernel of a router tracks the
//! connections that the router forwards, and the router's own connections.

use super::socket::Family;
use crate::bytes::name_list::named_enum;

named_enum! {
    /// The state of a tracked TCP connection. The report and the kernel have
    /// the same order of states. The kernel's order is in `tcp_conntrack_names`
    /// in net/netfilter/nf_conntrack_proto_tcp.c.
    pub enum ConnectionState {
        None = "NONE",
        SynSent = "SYN_SENT",
        SynRecv = "SYN_RECV",
        Established = "ESTABLISHED",
        FinWait = "FIN_WAIT",
        CloseWait = "CLOSE_WAIT",
        LastAck = "LAST_ACK",
        TimeWait = "TIME_WAIT",
        Close = "CLOSE",
        SynSent2 = "SYN_SENT2",
        /// Any other word for the state, or a row of TCP without a state. The
        /// kernel prints no state for an offloaded connection.
        Unknown = "UNKNOWN",
    }
}

named_enum! {
    /// The status of a tracked connection of any protocol. The variants are in
    /// the order of the report.
    pub enum ConnectionStatus {
        /// The destination has not answered yet.
        Unreplied = "UNREPLIED",
        /// The destination has answered, and no other status applies.
        Replied = "REPLIED",
        /// Both sides have sent enough packets, so the kernel keeps the
        /// connection when the table is full.
        Assured = "ASSURED",
        /// The flow table in net/netfilter/nf_flow_table_core.c forwards the
        /// packets.
        Offload = "OFFLOAD",
        /// The network device forwards the packets.
        HwOffload = "HW_OFFLOAD",
    }
}

named_enum! {
    /// A basic group of the report. Each tracked connection counts in one basic
    /// group. The variants are in the order of the report.
    pub enum ConnectionGroup {
        Tcp4 = "tcp4",
        Tcp6 = "tcp6",
        Udp4 = "udp4",
        Udp6 = "udp6",
        Other4 = "other4",
        Other6 = "other6",
    }
}

/// The protocol of a tracked connection. The report puts all protocols except
/// TCP and UDP together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// IPPROTO_TCP
    Tcp,
    /// IPPROTO_UDP
    Udp,
    /// Any other protocol, such as ICMP.
    Other,
}

impl ConnectionGroup {
    /// Returns the group that counts connections with this protocol and this
    /// address family.
    pub const fn of(protocol: Protocol, family: Family) -> ConnectionGroup {
        match (protocol, family) {
            (Protocol::Tcp, Family::Inet) => ConnectionGroup::Tcp4,
            (Protocol::Tcp, Family::Inet6) => ConnectionGroup::Tcp6,
            (Protocol::Udp, Family::Inet) => ConnectionGroup::Udp4,
            (Protocol::Udp, Family::Inet6) => ConnectionGroup::Udp6,
            (Protocol::Other, Family::Inet) => ConnectionGroup::Other4,
            (Protocol::Other, Family::Inet6) => ConnectionGroup::Other6,
        }
    }
}

/// The properties of a tracked connection that a report counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection {
    /// The group for the protocol and the address family.
    pub group: ConnectionGroup,
    /// The state of a TCP connection. Other connections have no state.
    pub state: Option<ConnectionState>,
    /// The status of the connection.
    pub status: ConnectionStatus,
}

/// How full the table of tracked connections is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableFill {
    /// The number of connections in the table.
    pub entries: u32,
    /// The number of connections that fit in the table, or
    /// [`NO_LIMIT`](TableFill::NO_LIMIT).
    pub limit: u32,
}

impl TableFill {
    /// The limit of a table that has no limit, as in the kernel.
    pub const NO_LIMIT: u32 = 0;
}

named_enum! {
    /// A number that describes the whole table of tracked connections.
    pub enum TableFigure {
        Entries = "entries",
        Limit = "limit",
        /// The entries as a percentage of the limit.
        Percent = "percent",
        /// The counted connections that are not UNREPLIED, as a percentage of
        /// the limit.
        RepliedPercent = "replied_percent",
    }
}

/// Returns `entries` as a percentage of `limit`, rounded down, or 0 if `limit`
/// is 0.
///
/// The function computes with 32 bits, because on a router, a 64-bit division
/// makes the program one kilobyte larger. If `entries` is above 42 million and
/// not above `limit`, the result may be one too high. 42 million entries take
/// 13 GB of memory. If `limit` is below 100 then, the result is [`u32::MAX`].
pub fn percentage(entries: u32, limit: u32) -> u32 {
    match entries.checked_mul(100) {
        Some(hundredfold) => hundredfold.checked_div(limit).unwrap_or(0),
        None if limit == 0 => 0,
        None => entries.checked_div(limit / 100).unwrap_or(u32::MAX),
    }
}
