//! Inputs for the tests of the library and for the tests of the program.

pub mod conntrack_table;
pub mod damage;
pub mod report;
pub mod sock_diag;
pub mod socket_table;
