//! The command line, and what the program says when it can't do what that asks
//! for.

pub mod options;
pub mod arguments;
pub mod usage_error;
pub mod request;
pub mod audience;
pub mod failure;
