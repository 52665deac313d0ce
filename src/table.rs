//! The tables in procfs: which files there are, and what is in each.

use crate::words::Words;

/// A file with a socket or a tracked connection a line (net/ipv4/tcp_ipv4.c, net/ipv6/tcp_ipv6.c, net/ipv4/udp.c,
/// net/ipv6/udp.c). They are in the order of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    Tcp4,
    Tcp6,
    Udp4,
    Udp6,
    /// The connections that are tracked, of both families: a row says which (net/netfilter/nf_conntrack_standalone.c).
    Conntrack,
}

/// The address family of a table's sockets. An IPv4-mapped socket is in an IPv6 table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    Inet,
    Inet6,
}

impl Table {
    /// Those of sockets, in the order in which they are read. One that every system has is the last: when
    /// a process ends, the files under its directory are gone, and then it is missed.
    pub const SOCKETS: &[Table] = &[Table::Tcp4, Table::Tcp6, Table::Udp6, Table::Udp4];

    /// That of tracked connections.
    pub const CONNTRACK: &[Table] = &[Table::Conntrack];

    /// The file's name under the procfs directory (or under a process's directory in it).
    pub fn file(self) -> &'static [u8] {
        Words("/net/tcp /net/tcp6 /net/udp /net/udp6 /net/nf_conntrack").get(self as usize)
    }

    pub const fn family(self) -> Family {
        match self {
            Table::Tcp4 | Table::Udp4 | Table::Conntrack => Family::Inet,
            Table::Tcp6 | Table::Udp6 => Family::Inet6,
        }
    }

    /// Whether a system may lack the file: one with IPv6 off (`ipv6.disable=1`, or a kernel without
    /// it) has no IPv6 tables. Every one has the IPv4 tables.
    pub const fn is_optional(self) -> bool {
        matches!(self.family(), Family::Inet6)
    }
}
