//! The command line, and the messages of the program when a run fails.

pub mod options;
pub mod arguments;
pub mod usage_error;
pub mod request;
pub mod audience;
pub mod failure;
