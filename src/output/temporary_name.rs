//! The name of the temporary file that the program renames to the `--output`
//! file.
//!
//! ```text
//! .network-connections.4711.2863311530.tmp
//! ```

use crate::bytes::decimal::parse_decimal;
use crate::bytes::name_list::named_enum;
use crate::bytes::split::split_once;
use crate::text::buffer::TextBuffer;

named_enum! {
    /// The end of the name, after a dot.
    pub enum Suffix {
        Tmp = "tmp",
        /// The suffix if the path of the `--output` file ends in `.tmp`. A
        /// program that finds the `--output` file by the pattern `*.tmp` must
        /// not find the temporary file.
        New = "new",
    }
}

/// The start of the name.
const PREFIX: &[u8] = concat!(".", env!("CARGO_PKG_NAME"), ".").as_bytes();

/// The number of bytes in the longest name.
pub const LONGEST_NAME: usize = PREFIX.len() + "4294967295.4294967295".len() + ".tmp".len();

/// The parts of the name. No other run has the same name at the same time: runs
/// in the same PID namespace differ in `process`, and other runs in `random`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TemporaryName {
    /// The PID of the run.
    pub process: u32,
    /// A random number.
    pub random: u32,
    /// The end of the name.
    pub suffix: Suffix,
}

impl TemporaryName {
    /// Appends the name to a text.
    pub fn compose(&self, text: &mut TextBuffer) {
        text.push(PREFIX);
        text.push_number(self.process);
        text.push(b".");
        text.push_number(self.random);
        text.push(b".");
        text.push(self.suffix.name());
    }

    /// Parses a name. Returns nothing if `name` is not the name of a temporary
    /// file.
    pub fn parse(name: &[u8]) -> Option<TemporaryName> {
        let (process, rest) = split_once(name.strip_prefix(PREFIX)?, b'.');
        let (random, suffix) = split_once(rest?, b'.');
        Some(TemporaryName {
            process: parse_decimal(process)?,
            random: parse_decimal(random)?,
            suffix: Suffix::from_name(suffix?)?,
        })
    }
}

/// Returns the suffix for an `--output` file with this path.
pub fn suffix_for(path: &[u8]) -> Suffix {
    if path.ends_with(b".tmp") { Suffix::New } else { Suffix::Tmp }
}
