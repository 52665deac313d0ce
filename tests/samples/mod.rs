//! Inputs that the tests of the library and those of the program share.

pub mod conntrack_table;
pub mod damage;
pub mod report;
pub mod sock_diag;
pub mod socket_table;
