//! Helpers of the tests that run the program.

mod command;
mod conntrack_table;
mod descriptors;
mod namespace;
mod outcome;
mod parallel;
mod process;
mod procfs_directory;
mod skip;

pub mod hostile;
pub mod manual_page;
pub mod netlink;
pub mod seccomp;
pub mod socket_rows;
pub mod supervisor;

pub use command::*;
pub use conntrack_table::*;
pub use descriptors::*;
pub use namespace::*;
pub use outcome::*;
pub use parallel::*;
pub use process::*;
pub use procfs_directory::*;
pub use skip::*;
