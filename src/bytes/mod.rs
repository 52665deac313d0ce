//! Tools for byte strings that know nothing of connections.

pub mod decimal;
pub mod name_list;
pub mod split;
pub mod swar;
