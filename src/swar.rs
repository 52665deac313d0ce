//! Several bytes at once, as the bytes of a machine's word ("SIMD within a register").

use core::num::NonZero;

/// As many bytes as the machine computes with at once.
#[cfg(not(target_arch = "mips64"))]
pub type Word = usize;
/// A constant of 64 bits takes six instructions, and one of 32 bits two: 110 bytes.
#[cfg(target_arch = "mips64")]
pub type Word = u32;

/// How many that are.
pub const WORD: usize = size_of::<Word>();

/// These bytes, in the order of the machine.
pub const fn word(bytes: &[u8; WORD]) -> Word {
    Word::from_ne_bytes(*bytes)
}

/// A word that has this byte everywhere.
pub const fn each(byte: u8) -> Word {
    Word::from_ne_bytes([byte; WORD])
}

/// How many bits, from the first byte on, are zero before one that isn't.
pub fn zeros(word: NonZero<Word>) -> u32 {
    if cfg!(target_endian = "big") { word.leading_zeros() } else { word.trailing_zeros() }
}

/// The place of the first byte that isn't zero.
pub fn first(word: NonZero<Word>) -> usize {
    (zeros(word) / 8) as usize
}
