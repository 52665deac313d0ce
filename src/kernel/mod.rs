//! Data that the kernel provides: tables in procfs, and datagrams of netlink.

pub mod errno;
pub mod directory;
pub mod proc_file;
pub mod table_reader;
pub mod socket_row;
pub mod conntrack_row;
pub mod netlink;
pub mod sock_diag;
