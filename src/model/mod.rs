//! Sockets and connections, the groups and columns of a report, and the
//! counters. No module here depends on a file, a message or a format.

pub mod socket;
pub mod connection;
pub mod port;
pub mod schema;
pub mod filter;
pub mod counts;
pub mod key;
pub mod threshold;
