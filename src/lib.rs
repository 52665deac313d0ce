//! Counts the network connections of a Linux system by protocol and TCP state.
//!
//! This library is the pure part: bytes in, counts and text out. It makes no system call, allocates
//! nothing and cannot panic. The program around it (`src/bin/network-connections/`) opens, reads and
//! writes. The modules, in the order in which data flows through them:
//!
//! 1. [`options`]: the command line, whose help is its table;
//! 2. [`table`]: which files under procfs hold the sockets, and what is in each;
//! 3. [`rows`]: the bytes of such a file, cut into rows;
//! 4. [`row`]: what a row says of its socket;
//! 5. [`diag`]: or the same sockets as netlink has them;
//! 6. [`counts`]: how many sockets of each table are in each state;
//! 7. [`report`]: the counts as text, with a file for each format;
//! 8. [`check`]: or held against thresholds;
//! 9. [`message`]: what went wrong instead, as a line for a person or a monitor;
//! 10. [`text`]: what those three compose, by filling in templates;
//! 11. [`packed`]: these templates, which the compiler packs;
//! 12. [`words`] and `decimal`: lists and numbers, as all of them need them;
//! 13. [`swar`]: several bytes at once.

#![no_std]
#![forbid(unsafe_code)]
// What could panic is not written, so that nobody has to prove that it doesn't.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
#![warn(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod options;
pub mod table;
pub mod rows;
pub mod row;
pub mod diag;
pub mod counts;
pub mod report;
pub mod check;
pub mod message;
pub mod text;
pub mod packed;
pub mod words;
mod decimal;
pub mod swar;
