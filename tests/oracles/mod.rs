//! What is right, written to be obviously so and nothing else.

pub mod check;
pub mod command_line;
pub mod conntrack_table;
pub mod sock_diag;
pub mod socket_table;
