//! Text on its way out of the program. All of it is composed before its first
//! byte is written.

pub mod buffer;
pub mod template;
