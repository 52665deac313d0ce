//! Several bytes at once in one word of the machine ("SIMD within a register").
//!
//! A word's first byte is the first in memory. On a little-endian machine these
//! are its lowest bits, on a big-endian machine its highest.

use core::num::NonZero;

/// As many bytes as the machine computes with at once.
pub type Word = usize;

/// The number of bytes in a [`Word`].
pub const WORD_SIZE: usize = size_of::<Word>();

const IS_BIG_ENDIAN: bool = cfg!(target_endian = "big");

/// Returns the word that holds these bytes.
pub const fn word(bytes: &[u8; WORD_SIZE]) -> Word {
    Word::from_ne_bytes(*bytes)
}

/// Returns the word that has this byte at every index.
pub const fn splat(byte: u8) -> Word {
    Word::from_ne_bytes([byte; WORD_SIZE])
}

/// Returns the index of the first byte that is not zero.
pub fn first_nonzero_byte(word: NonZero<Word>) -> usize {
    let zero_bits = if IS_BIG_ENDIAN { word.leading_zeros() } else { word.trailing_zeros() };
    (zero_bits / 8) as usize
}

/// Clears the first bit that is not zero, counted from the first byte on. If
/// every byte has at most one bit, it clears the first byte that is not zero.
pub fn clear_first_bit(word: NonZero<Word>) -> Word {
    if IS_BIG_ENDIAN {
        word.get() & (Word::MAX >> 1 >> word.leading_zeros())
    } else {
        word.get() & (word.get() - 1)
    }
}
