//! The name of the temporary file that the program renames to the `--output`
//! file.
//!
//! ```text
//! .network-connections.tmp.4711.2863311530
//! ```

use crate::bytes::decimal::parse_decimal;
use crate::bytes::split::split_once;
use crate::text::buffer::TextBuffer;

/// The start of the name. The name does not end in `.tmp`, because the name of
/// the `--output` file may, and then a program that finds this file by the
/// pattern `*.tmp` must not find the temporary file.
const PREFIX: &[u8] = concat!(".", env!("CARGO_PKG_NAME"), ".tmp.").as_bytes();

/// The number of bytes in the longest name.
pub const LONGEST_NAME: usize = PREFIX.len() + "4294967295.4294967295".len();

/// The parts of the name. No other run has the same name at the same time: runs
/// in the same PID namespace differ in `process`, and other runs in `random`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TemporaryName {
    /// The PID of the run.
    pub process: u32,
    /// A random number.
    pub random: u32,
}

impl TemporaryName {
    /// Appends the name to a text.
    pub fn compose(&self, text: &mut TextBuffer) {
        text.push(PREFIX);
        text.push_number(self.process);
        text.push(b".");
        text.push_number(self.random);
    }

    /// Parses a name. Returns nothing if `name` is not the name of a temporary
    /// file.
    pub fn parse(name: &[u8]) -> Option<TemporaryName> {
        let (process, random) = split_once(name.strip_prefix(PREFIX)?, b'.');
        Some(TemporaryName { process: parse_decimal(process)?, random: parse_decimal(random?)? })
    }
}
