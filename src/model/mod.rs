//! Sockets and connections, how a report divides them, and their counters. No
//! module here knows a file, a message or a format.

pub mod socket;
pub mod connection;
pub mod port;
pub mod schema;
pub mod filter;
pub mod counts;
pub mod key;
pub mod threshold;
