//! A text of bounded length.

use core::convert::Infallible;
use core::slice::from_ref;

use ufmt::{uWrite, uwrite};

/// The longest value that a message shows whole. Nearly every path is shorter.
pub const LONGEST_VALUE: usize = 1024;

/// The most bytes that one escaped byte takes.
pub const LONGEST_ESCAPE: usize = "\\xff".len();

/// A text in memory that its owner provides.
///
/// Appending never fails. A caller asks once, when the text is composed,
/// whether all of it fitted.
#[derive(Debug)]
pub struct TextBuffer<'a> {
    bytes: &'a mut [u8],
    /// INVARIANT: at most the number of `bytes`.
    length: usize,
    is_truncated: bool,
}

impl<'a> TextBuffer<'a> {
    /// Makes an empty text that can become as long as `bytes`.
    pub fn new(bytes: &'a mut [u8]) -> TextBuffer<'a> {
        TextBuffer { bytes, length: 0, is_truncated: false }
    }

    /// Appends all of these bytes, or none if they do not fit.
    pub fn push(&mut self, bytes: &[u8]) {
        let end = self.length.saturating_add(bytes.len());
        match self.bytes.get_mut(self.length..end) {
            Some(spare) => {
                spare.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
                self.length = end;
            }
            None => self.is_truncated = true,
        }
    }

    /// Appends a number in decimal digits.
    pub fn push_number(&mut self, number: u32) {
        let Ok(()) = uwrite!(self, "{}", number);
    }

    /// Appends a value that may come from outside, so that it can do nothing to
    /// a terminal or a monitor.
    ///
    /// Printable ASCII stays as it is. All other bytes become an escape such as
    /// `\x1b`, and so do the backslash, the quote, and the bar that begins a
    /// plugin's performance data. Three dots replace the end of a value longer
    /// than [`LONGEST_VALUE`].
    pub fn push_escaped(&mut self, value: &[u8]) {
        let (shown, rest) = value.split_at_checked(LONGEST_VALUE).unwrap_or((value, b""));
        for &byte in shown {
            match byte {
                b'\\' | b'|' | b'"' => self.push_escape(byte),
                b' '..=b'~' => self.push(from_ref(&byte)),
                _ => self.push_escape(byte),
            }
        }
        if !rest.is_empty() {
            self.push(b"...");
        }
    }

    fn push_escape(&mut self, byte: u8) {
        let digit = |value: u8| if value < 10 { b'0' + value } else { b'a' - 10 + value };
        self.push(&[b'\\', b'x', digit(byte >> 4), digit(byte & 0xf)]);
    }

    /// Empties the text.
    pub fn clear(&mut self) {
        self.length = 0;
        self.is_truncated = false;
    }

    /// Returns the text if all of it fitted.
    pub fn complete(&self) -> Option<&[u8]> {
        (!self.is_truncated).then_some(self.fitted())
    }

    /// Returns what fitted of the text.
    pub fn fitted(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

impl uWrite for TextBuffer<'_> {
    type Error = Infallible;

    fn write_str(&mut self, text: &str) -> Result<(), Infallible> {
        self.push(text.as_bytes());
        Ok(())
    }
}
