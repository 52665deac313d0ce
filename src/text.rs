//! Text on its way out of the program: composed whole before the first byte of it is written.

use core::convert::Infallible;
use core::slice::from_ref;

use heapless::Vec;
use ufmt::{uWrite, uwrite};

use crate::packed::{NUMBER, PAIRS, Packed};
use crate::{message, report};

/// The longest text that the program composes.
const CAPACITY: usize = {
    let (report, message) = (report::CAPACITY, message::CAPACITY);
    if report > message { report } else { message }
};

/// Bytes that are shown of a value, with three dots for the rest. More than nearly every path has.
pub(crate) const SHOWN: usize = 1024;

/// A text of a bounded length. Appending to it never fails; whether all of it fitted is asked once,
/// when it is complete.
#[derive(Debug)]
pub struct Text {
    bytes: Vec<u8, CAPACITY>,
    /// Whether something had to be left out.
    cut: bool,
}

impl Text {
    /// An empty text.
    // It is for a static.
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Text {
        Text { bytes: Vec::new(), cut: false }
    }

    /// Appends bytes, all of them or none.
    pub fn push(&mut self, bytes: &[u8]) {
        self.cut |= self.bytes.extend_from_slice(bytes).is_err();
    }

    /// Appends a template: what stands in it, and for `%A` the first of the values, for `%B` the second, and
    /// so on. A small letter is for the value in small letters; `%N` is the number.
    pub(crate) fn fill(&mut self, template: Packed, values: &[&[u8]], number: u32) {
        for byte in template.0 {
            match byte {
                // (Of the pair no byte stands for this one again: it was packed after them.)
                0x80.. => {
                    let pair = PAIRS.get(usize::from(byte & 0x7f)).map_or(&[][..], |pair| pair);
                    self.fill(Packed(pair), values, number);
                }
                &NUMBER => {
                    let Ok(()) = uwrite!(self, "{}", number);
                }
                1..NUMBER | 0x11..0x18 => {
                    let place = usize::from(byte & 7).wrapping_sub(1);
                    self.quote(values.get(place).copied().unwrap_or_default(), (byte & 0x10) << 1);
                }
                _ => self.push(from_ref(byte)),
            }
        }
    }

    /// Appends the template of this number.
    #[inline(never)]
    pub(crate) fn fill_part(
        &mut self,
        templates: Packed,
        part: usize,
        values: &[&[u8]],
        number: u32,
    ) {
        self.fill(templates.part(part), values, number);
    }

    /// Appends bytes that may be from outside so that a terminal shows them and does nothing else:
    /// printable ASCII as it is, all others (and the backslash) like `\x1b`. So is what would end the value
    /// for its reader: `|`, behind which a monitor expects performance data, and `"`.
    fn quote(&mut self, bytes: &[u8], small: u8) {
        let (shown, rest) = bytes.split_at_checked(SHOWN).unwrap_or((bytes, b""));
        for &byte in shown {
            let byte = if byte.is_ascii_uppercase() { byte | small } else { byte };
            let escaped =
                [b'\\', b'x', hexadecimal_digit(byte >> 4), hexadecimal_digit(byte & 0xf)];
            let is_plain = matches!(byte, b' '..=b'~') && !matches!(byte, b'\\' | b'|' | b'"');
            self.push(if is_plain { from_ref(&byte) } else { &escaped });
        }
        if !rest.is_empty() {
            self.push(b"...");
        }
    }

    /// Begins a new text.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.cut = false;
    }

    /// The whole text, unless something didn't fit.
    pub fn complete(&self) -> Option<&[u8]> {
        (!self.cut).then_some(&self.bytes)
    }

    /// As much of the text as fitted.
    pub fn fitted(&self) -> &[u8] {
        &self.bytes
    }
}

fn hexadecimal_digit(value: u8) -> u8 {
    b"0123456789abcdef".get(usize::from(value)).copied().unwrap_or(b'?')
}

impl uWrite for Text {
    type Error = Infallible;

    fn write_str(&mut self, text: &str) -> Result<(), Infallible> {
        self.push(text.as_bytes());
        Ok(())
    }
}
