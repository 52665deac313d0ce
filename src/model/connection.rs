//! Connections that the kernel tracks: what a router forwards, and what it
//! sends and receives itself.

use super::socket::Family;
use crate::bytes::name_list::named_enum;

named_enum! {
    /// The state of a tracked TCP connection, in the order of the report, which
    /// is the kernel's (`tcp_conntrack_names` in
    /// net/netfilter/nf_conntrack_proto_tcp.c).
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
        /// Any other state, or none: the kernel prints no state of an offloaded
        /// connection.
        Unknown = "UNKNOWN",
    }
}

named_enum! {
    /// The status of a tracked connection of any protocol, in the order of the
    /// report.
    pub enum ConnectionStatus {
        /// The other side has not answered yet.
        Unreplied = "UNREPLIED",
        /// None of the others.
        Replied = "REPLIED",
        /// Both sides have sent enough that the kernel keeps the connection
        /// when the table is full.
        Assured = "ASSURED",
        /// The flow table forwards the packets
        /// (net/netfilter/nf_flow_table_core.c).
        Offload = "OFFLOAD",
        /// The network device forwards the packets.
        HwOffload = "HW_OFFLOAD",
    }
}

named_enum! {
    /// The group of the report that counts a tracked connection, in the order
    /// of the report.
    pub enum ConnectionGroup {
        Tcp4 = "tcp4",
        Tcp6 = "tcp6",
        Udp4 = "udp4",
        Udp6 = "udp6",
        Other4 = "other4",
        Other6 = "other6",
    }
}

/// The protocol of a tracked connection, as far as the report divides them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// IPPROTO_TCP
    Tcp,
    /// IPPROTO_UDP
    Udp,
    /// Any other, such as ICMP.
    Other,
}

impl ConnectionGroup {
    /// Returns the group of a protocol's connections over an address family.
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

/// A tracked connection, as far as the report describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection {
    /// The protocol and the address family.
    pub group: ConnectionGroup,
    /// The state of TCP. Other protocols have none.
    pub state: Option<ConnectionState>,
    /// The status.
    pub status: ConnectionStatus,
}

/// How full the table of tracked connections is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableFill {
    /// Connections in the table.
    pub entries: u32,
    /// Connections that fit in the table.
    pub limit: u32,
}

named_enum! {
    /// A figure of the table of tracked connections as a whole.
    pub enum TableFigure {
        Entries = "entries",
        Limit = "limit",
        /// Entries as a percentage of the limit.
        Percent = "percent",
        /// Entries that are not UNREPLIED as a percentage of the limit.
        RepliedPercent = "replied_percent",
    }
}

/// Returns `entries` as a percentage of `limit`, rounded down, or 0 if there is
/// no limit.
///
/// The product must fit 32 bits, because a division of 64 bits costs a router a
/// kilobyte. Above 42 million entries, which take 13 GB, the result may be one
/// too high.
pub fn percentage(entries: u32, limit: u32) -> u32 {
    let percentage = match entries.checked_mul(100) {
        Some(hundredfold) => hundredfold.checked_div(limit),
        None => entries.checked_div(limit / 100),
    };
    percentage.unwrap_or_default()
}
