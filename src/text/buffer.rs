//! A text of bounded length.

use core::convert::Infallible;
use core::slice::from_ref;

use ufmt::{uWrite, uwrite};

/// The largest number of bytes that a message shows of a value. Nearly every
/// path is shorter.
pub const LONGEST_VALUE: usize = 1024;

/// The number of bytes in the escape of one byte.
pub const LONGEST_ESCAPE: usize = "\\xff".len();

/// A text in memory that the caller provides.
///
/// No append returns an error. After the last append, the caller asks once
/// whether the whole text fitted.
#[derive(Debug)]
pub struct TextBuffer<'a> {
    bytes: &'a mut [u8],
    /// The number of bytes in the text.
    ///
    /// INVARIANT: `length` is at most the length of `bytes`.
    length: usize,
    is_truncated: bool,
}

impl<'a> TextBuffer<'a> {
    /// Makes an empty text that can grow to the length of `bytes`.
    pub fn new(bytes: &'a mut [u8]) -> TextBuffer<'a> {
        TextBuffer { bytes, length: 0, is_truncated: false }
    }

    /// Appends all of `bytes`. If the bytes do not fit, appends none and marks
    /// the text as truncated.
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

    /// Appends a value that may come from outside the program. Escapes protect
    /// a terminal or a monitor from the value.
    ///
    /// Printable ASCII stays unchanged, except the backslash, the double quote,
    /// and `|`, which begins the performance data of a monitoring plugin. These
    /// three characters and all bytes that are not printable ASCII become an
    /// escape such as `\x1b`. If the value is longer than [`LONGEST_VALUE`]
    /// bytes, three dots replace the rest.
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

    /// Removes all bytes from the text.
    pub fn clear(&mut self) {
        self.length = 0;
        self.is_truncated = false;
    }

    /// Returns the text, or nothing if the text is truncated.
    pub fn complete(&self) -> Option<&[u8]> {
        (!self.is_truncated).then_some(self.fitted())
    }

    /// Returns the parts of the text that fitted.
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
