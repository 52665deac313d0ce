//! Tools for byte strings. No module here depends on sockets or connections.

pub mod decimal;
pub mod name_list;
pub mod split;
pub mod swar;
