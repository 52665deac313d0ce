//! Counts the network connections of a Linux system by protocol and TCP state.
//!
//! This library is the pure part: bytes in, counts and text out. It makes no system call, allocates
//! nothing and cannot panic. The program around it (`src/bin/network-connections/`) opens, reads and
//! writes. The modules, in the order in which data flows through them:
//!
//! 1. [`options`]: the command line, whose help is its table;
//! 2. [`table`]: which files under procfs hold the connections, and what is in each;
//! 3. [`rows`]: the bytes of such a file, cut into rows;
//! 4. [`row`]: what a row says of its socket;
//! 5. [`conntrack`]: or of its tracked connection;
//! 6. [`diag`]: or the same sockets as netlink has them;
//! 7. [`counts`]: how many connections of each group are in each state;
//! 8. [`report`]: the counts as text, with a file for each format;
//! 9. [`check`]: or held against thresholds;
//! 10. [`message`]: what went wrong instead, as a line for a person or a monitor;
//! 11. [`text`]: what those three compose, by filling in templates;
//! 12. [`packed`]: these templates, which the compiler packs;
//! 13. [`words`] and [`decimal`]: lists and numbers, as all of them need them;
//! 14. [`swar`]: several bytes at once.

#![no_std]
#![forbid(unsafe_code)]
// What could panic is not written, so that nobody has to prove that it doesn't.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
#![warn(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod options;
pub mod table;
pub mod rows;
pub mod row;
pub mod conntrack;
pub mod diag;
pub mod counts;
pub mod report;
pub mod check;
pub mod message;
pub mod text;
pub mod packed;
pub mod words;
pub mod decimal;
pub mod swar;
