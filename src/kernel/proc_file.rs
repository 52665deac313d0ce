//! The files in procfs.

use crate::bytes::name_list::named_enum;
use crate::model::socket::{Family, SocketTable};

/// The directory where procfs is mounted, which is read unless the command line
/// has a PATH.
pub const PROCFS: &[u8] = b"/proc";

named_enum! {
    /// A file that the program reads. Its name is its path in the procfs
    /// directory, or for those in `/net` and `/ns` also in the directory of a
    /// process.
    pub enum ProcFile {
        /// net/ipv4/tcp_ipv4.c
        Tcp = "/net/tcp",
        /// net/ipv6/tcp_ipv6.c
        Tcp6 = "/net/tcp6",
        /// net/ipv4/udp.c
        Udp = "/net/udp",
        /// net/ipv6/udp.c
        Udp6 = "/net/udp6",
        /// The tracked connections of both families
        /// (net/netfilter/nf_conntrack_standalone.c).
        Conntrack = "/net/nf_conntrack",
        /// How many connections the reading process's network namespace tracks.
        ConntrackCount = "/sys/net/netfilter/nf_conntrack_count",
        /// How many connections it may track.
        ConntrackMax = "/sys/net/netfilter/nf_conntrack_max",
        /// A link that names the network namespace of a process.
        NetworkNamespace = "/ns/net",
    }
}

/// The socket tables and their files, in the order in which they are read. A
/// table that every system has is last: when a process ends, the files in its
/// directory disappear, and then this one is missed.
pub const SOCKET_TABLES: &[(SocketTable, ProcFile)] = &[
    (SocketTable::Tcp4, ProcFile::Tcp),
    (SocketTable::Tcp6, ProcFile::Tcp6),
    (SocketTable::Udp6, ProcFile::Udp6),
    (SocketTable::Udp4, ProcFile::Udp),
];

/// Returns whether a system may lack the table. One with IPv6 off has no IPv6
/// tables: `ipv6.disable=1`, or a kernel without it. Every system has the IPv4
/// tables.
pub const fn is_optional(table: SocketTable) -> bool {
    matches!(table.family(), Family::Inet6)
}
