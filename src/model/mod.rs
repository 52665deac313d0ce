//! What is counted and how it is divided, without a file, a message or a
//! format.

pub mod socket;
pub mod connection;
pub mod port;
pub mod schema;
pub mod filter;
pub mod counts;
pub mod key;
pub mod threshold;
