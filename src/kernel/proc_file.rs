//! The files of procfs that the program reads.

use crate::bytes::name_list::named_enum;
use crate::model::socket::{Family, SocketTable};

/// The directory where procfs is mounted. The program reads this directory
/// unless the command line has a PATH.
pub const PROCFS: &[u8] = b"/proc";

named_enum! {
    /// A file that the program reads. The name of a file is its path from the
    /// procfs directory or from the directory of a process. `net` exists in
    /// both directories, `sys` only in the procfs directory, and `ns` only in
    /// the directory of a process.
    pub enum ProcFile {
        /// The TCP sockets over IPv4, printed by net/ipv4/tcp_ipv4.c.
        Tcp = "net/tcp",
        /// The TCP sockets over IPv6, printed by net/ipv6/tcp_ipv6.c.
        Tcp6 = "net/tcp6",
        /// The UDP sockets over IPv4, printed by net/ipv4/udp.c.
        Udp = "net/udp",
        /// The UDP sockets over IPv6, printed by net/ipv6/udp.c.
        Udp6 = "net/udp6",
        /// The tracked connections of both address families, printed by
        /// net/netfilter/nf_conntrack_standalone.c.
        Conntrack = "net/nf_conntrack",
        /// The number of connections that the kernel tracks in the network
        /// namespace of the reading process.
        ConntrackCount = "sys/net/netfilter/nf_conntrack_count",
        /// The maximum number of connections that the kernel tracks in the
        /// network namespace of the reading process.
        ConntrackMax = "sys/net/netfilter/nf_conntrack_max",
        /// The table that nf_conntrack replaced. Only kernels before 4.11 have
        /// this file, and nearly all of them have nf_conntrack as well. The
        /// program does not read this table.
        IpConntrack = "net/ip_conntrack",
        /// The directory of the tables.
        Net = "net",
        /// A link whose target names the network namespace of a process.
        NetworkNamespace = "ns/net",
    }
}

/// The socket tables and their files, in the order of reading. The last table
/// is one that every system has. If a process ends between two reads, its files
/// disappear. Missing IPv6 files would look like a system with IPv6 off, but
/// the missing last file is an error.
pub const SOCKET_TABLES: &[(SocketTable, ProcFile)] = &[
    (SocketTable::Tcp4, ProcFile::Tcp),
    (SocketTable::Tcp6, ProcFile::Tcp6),
    (SocketTable::Udp6, ProcFile::Udp6),
    (SocketTable::Udp4, ProcFile::Udp),
];

/// Returns whether a system may lack the table. A system lacks the IPv6 tables
/// if the kernel has no IPv6, or if `ipv6.disable=1` turns IPv6 off. Every
/// system has the IPv4 tables.
pub const fn is_optional(table: SocketTable) -> bool {
    matches!(table.family(), Family::Inet6)
}
