//! Functions that process all bytes of a machine word at once: SIMD within a
//! register.
//!
//! The first byte of a word is the first byte in memory. The first byte has the
//! lowest bits of the word on a little-endian machine, and the highest bits of
//! the word on a big-endian machine.

use core::num::NonZero;

/// The bytes that the machine processes at once.
pub type Word = usize;

/// The number of bytes in a [`Word`].
pub const WORD_SIZE: usize = size_of::<Word>();

const IS_BIG_ENDIAN: bool = cfg!(target_endian = "big");

/// Returns the word that contains these bytes.
pub const fn word(bytes: &[u8; WORD_SIZE]) -> Word {
    Word::from_ne_bytes(*bytes)
}

/// Returns the word in which every byte is this byte.
pub const fn splat(byte: u8) -> Word {
    Word::from_ne_bytes([byte; WORD_SIZE])
}

/// Returns the index of the first byte that is not zero.
pub fn first_nonzero_byte(word: NonZero<Word>) -> usize {
    let zero_bits = if IS_BIG_ENDIAN { word.leading_zeros() } else { word.trailing_zeros() };
    (zero_bits / 8) as usize
}

/// Clears the lowest set bit of a word on a little-endian machine, and the
/// highest set bit on a big-endian machine. If every byte has at most one set
/// bit, the function clears the first byte that is not zero.
pub fn clear_first_bit(word: NonZero<Word>) -> Word {
    if IS_BIG_ENDIAN {
        word.get() & (Word::MAX >> 1 >> word.leading_zeros())
    } else {
        word.get() & (word.get() - 1)
    }
}
