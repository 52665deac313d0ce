//! Templates of text at little more than half their size, by byte pair encoding (Philip Gage, "A New Algorithm
//! for Data Compression", 1994): a byte from 0x80 on stands for two others, which may be such bytes again.
//!
//! The compiler packs them, by the pairs that are most frequent in the longest. They are unpacked as they are
//! [filled in](crate::text::Text).

// What could panic here is run by the compiler, which then says so.
#![allow(clippy::arithmetic_side_effects, clippy::indexing_slicing)]

use crate::options;
use crate::report::Format;
use crate::words::part;

/// A template, or several with tabs between them.
///
/// Of the bytes below the blank, 1 to 7 are places for the values `%A` to `%G`, 8 is that for the number, `%N`,
/// and 0x11 to 0x17 are those for values in small letters, `%a` to `%g`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packed(pub &'static [u8]);

/// What is between templates that have tabs between them.
pub(crate) const SECTION: u8 = 0x0b;

/// That for the number.
pub(crate) const NUMBER: u8 = 8;

impl Packed {
    /// The template of this number, from 0 on.
    pub fn part(self, number: usize) -> Packed {
        Packed(part(self.0, b'\t', number))
    }

    /// The templates of this number, from 0 on, of several with [`SECTION`] between them.
    pub(crate) fn section(self, number: usize) -> Packed {
        Packed(part(self.0, SECTION, number))
    }
}

/// Packs a template at compile time.
#[macro_export]
macro_rules! pack {
    ($template:expr) => {{
        const TEMPLATE: &str = $template;
        const PACKED: ([u8; TEMPLATE.len()], usize) = $crate::packed::packed(TEMPLATE);
        const BYTES: [u8; PACKED.1] = *PACKED.0.first_chunk().unwrap();
        $crate::packed::Packed(&BYTES)
    }};
}
pub use pack;

/// The bytes of a packed template, and how many there are.
pub const fn packed<const LENGTH: usize>(template: &str) -> ([u8; LENGTH], usize) {
    let mut bytes = [0; LENGTH];
    let mut length = copy(template, &mut bytes, 0);
    let mut code = 0;
    while code < PAIRS.len() {
        length = replace(&mut bytes, length, PAIRS[code], 0x80 | code as u8);
        code += 1;
    }
    (bytes, length)
}

/// What the bytes from 0x80 on stand for.
pub(crate) static PAIRS: [[u8; 2]; 128] = {
    /// Room for the texts in which pairs are counted.
    const LENGTH: usize = 8192;

    let mut bytes = [0; LENGTH];
    let mut length = copy(options::HELP, &mut bytes, 0);
    length = copy(options::PROBLEMS, &mut bytes, length);
    let mut format = 0;
    while format < Format::TEXTS.len() {
        length = copy(Format::TEXTS[format], &mut bytes, length);
        format += 1;
    }
    let mut pairs = [[0; 2]; 128];
    let mut code = 0;
    while code < pairs.len() {
        pairs[code] = most_frequent(&bytes, length);
        length = replace(&mut bytes, length, pairs[code], 0x80 | code as u8);
        code += 1;
    }
    pairs
};

/// Copies a template behind so many bytes, with one byte for each of its places, and gives the new length.
pub(crate) const fn copy(template: &str, bytes: &mut [u8], mut length: usize) -> usize {
    let mut rest = template.as_bytes();
    while let [byte, behind @ ..] = rest {
        assert!(byte.is_ascii(), "a byte of another kind would stand for a pair");
        (bytes[length], rest) = match (rest, behind) {
            ([b'%', ..], [b'N', behind @ ..]) => (NUMBER, behind),
            ([b'%', ..], [letter @ (b'A'..=b'G' | b'a'..=b'g'), behind @ ..]) => {
                ((*letter & 7) | ((*letter & 0x20) / 2), behind)
            }
            _ => {
                assert!(*byte != b'%', "there is no such place");
                (*byte, behind)
            }
        };
        length += 1;
    }
    length
}

/// The pair that there is most often. None has what is between templates.
const fn most_frequent(bytes: &[u8], length: usize) -> [u8; 2] {
    let mut counts = [[0_u16; 256]; 256];
    let mut most = [0; 2];
    let mut place = 1;
    while place < length {
        let [a, b] = [bytes[place - 1], bytes[place]];
        if a != b'\t' && b != b'\t' && a != SECTION && b != SECTION {
            let count = &mut counts[a as usize][b as usize];
            *count += 1;
            if *count > counts[most[0] as usize][most[1] as usize] {
                most = [a, b];
            }
        }
        place += 1;
    }
    most
}

/// Puts a byte in the place of each such pair, and gives the new length.
const fn replace(bytes: &mut [u8], length: usize, pair: [u8; 2], code: u8) -> usize {
    let (mut from, mut to) = (0, 0);
    while from < length {
        let is_pair = from + 1 < length && bytes[from] == pair[0] && bytes[from + 1] == pair[1];
        bytes[to] = if is_pair { code } else { bytes[from] };
        from += if is_pair { 2 } else { 1 };
        to += 1;
    }
    to
}
