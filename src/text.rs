//! Text on its way out of the program: composed whole before the first byte of it is written.

use core::convert::Infallible;

use heapless::Vec;
use ufmt::uWrite;

use crate::{message, report};

/// The longest text that the program composes.
const CAPACITY: usize = {
    let (report, message) = (report::CAPACITY, message::CAPACITY);
    if report > message { report } else { message }
};

/// A text of a bounded length. Appending to it never fails; whether all of it fitted is asked once,
/// when it is complete.
#[derive(Debug, Default)]
pub struct Text {
    bytes: Vec<u8, CAPACITY>,
    /// Whether something had to be left out.
    cut: bool,
}

impl Text {
    /// Appends bytes, all of them or none.
    pub fn push(&mut self, bytes: &[u8]) {
        self.cut |= self.bytes.extend_from_slice(bytes).is_err();
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

impl uWrite for Text {
    type Error = Infallible;

    fn write_str(&mut self, text: &str) -> Result<(), Infallible> {
        self.push(text.as_bytes());
        Ok(())
    }
}

/// Appends to a [`Text`] what `write!` would write.
macro_rules! append {
    ($text:expr, $($format:tt)*) => {{
        let Ok(()) = ufmt::uwrite!($text, $($format)*);
    }};
}
pub(crate) use append;
