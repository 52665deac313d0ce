//! The bytes of a table, cut into rows.
//!
//! The first line of a table of sockets is its header; a table of tracked connections has none. Every other line
//! is a row: of a [socket](crate::row), or of a [tracked connection](crate::conntrack).

use core::cell::Cell;
use core::num::NonZero;

use crate::conntrack::{self, Tracked};
use crate::row::{self, HEAD, Socket, WINDOW};
use crate::swar::{WORD, Word, each, first, word, zeros};
use crate::table::{Family, Table};
use crate::words::split_once;

/// A line of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// Its number in the file, from 1 on, a header included.
    pub number: u32,
    /// Its first bytes, [`HEAD`] at most, without the newline.
    pub head: &'a [u8],
}

/// Where a table is read to: room for so many words, which are aligned as a word is.
#[repr(align(8))]
pub struct Buffer<const WORDS: usize>(pub [[u8; WORD]; WORDS]);

impl<const WORDS: usize> Buffer<WORDS> {
    pub const NEW: Self = Buffer([[0; WORD]; WORDS]);

    pub fn bytes(&mut self) -> &mut [u8] {
        self.0.as_flattened_mut()
    }
}

/// Cuts a table into rows, as it is read.
pub struct Rows<'a, const WORDS: usize> {
    buffer: &'a mut Buffer<WORDS>,
    family: Family,
    /// How much of the buffer is in use: the head of a row that isn't all there, and the newline before it.
    /// If 0, what is read next is the rest of a line that is done with (or of the header).
    end: usize,
    /// How many rows there were; of a table without a header, one less.
    number: u32,
}

impl<'a, const WORDS: usize> Rows<'a, WORDS> {
    /// The end of what is read to: up to it a row may begin.
    const END: usize = WORDS * WORD - WINDOW;

    /// A row of a tracked connection that is so long has no room for its newline.
    const LONGEST: usize = Self::END - 1;

    pub fn new(buffer: &'a mut Buffer<WORDS>, table: Table) -> Self {
        const { assert!(Self::END > 1 + HEAD, "there must be room behind a head") };
        // In a table without a header there is a row behind the newline that is before the first byte.
        let end = usize::from(table == Table::Conntrack);
        if let Some(byte) = buffer.bytes().first_mut() {
            *byte = b'\n';
        }
        // (A line's number is that of the rows before it, and 2: with the header, and the line itself.)
        let number = 0_u32.wrapping_sub(end as u32);
        Rows { buffer, family: table.family(), end, number }
    }

    /// Where to read the next bytes to.
    pub fn room(&mut self) -> &mut [u8] {
        self.buffer.bytes().get_mut(self.end..Self::END).unwrap_or_default()
    }

    /// Hands out the sockets of what was read into the [room](Rows::room): so many bytes, and none at the
    /// end of the table. How reads cut the table makes no difference. A socket counts as soon as the head of its row is
    /// there; the last row needs no newline.
    ///
    /// # Errors
    /// When a line isn't a row.
    // Within `main` it would have fewer registers.
    #[inline(never)]
    pub fn take(&mut self, read: usize, mut count: impl FnMut(Socket)) -> Result<(), Line<'_>> {
        let end = begin(self.buffer.bytes(), self.end, read);
        let words = &self.buffer.0;
        let mut number = self.number;
        let mut rest = 0;
        let kept = loop {
            let start = newline(words, rest).wrapping_add(1);
            if start > end {
                break end;
            }
            match row::read(words.as_flattened(), start, self.family) {
                // (At `end` isn't a byte of the table, but the newline from above.)
                Some(row) if row.rest < end => {
                    count(row.socket);
                    number = number.wrapping_add(1);
                    rest = row.rest;
                }
                _ => break start.wrapping_sub(1),
            }
        };
        self.number = number;
        self.end = keep(self.buffer.bytes(), kept, end, HEAD);
        check(self.buffer.bytes().get(1..self.end), HEAD, number)
    }

    /// The same of a table of tracked connections. A row counts when all of it is there.
    ///
    /// # Errors
    /// When a line isn't a row, or doesn't fit in the buffer.
    #[inline(never)]
    pub fn take_tracked(
        &mut self,
        read: usize,
        mut count: impl FnMut(Tracked),
    ) -> Result<(), Line<'_>> {
        let end = begin(self.buffer.bytes(), self.end, read);
        let bytes = self.buffer.0.as_flattened();
        let mut number = self.number;
        let mut newline: usize = 0;
        loop {
            let start = newline.wrapping_add(1);
            let (rest, labels) = conntrack::read(bytes, start);
            // (At `end` isn't a byte of the table, but the newline from above.)
            if rest >= end {
                break;
            }
            let [group, labels @ .., _] = labels.to_ne_bytes();
            count(Tracked { group, labels, bytes, start });
            number = number.wrapping_add(1);
            newline = rest;
        }
        self.number = number;
        self.end = keep(self.buffer.bytes(), newline, end, Self::LONGEST);
        check(self.buffer.bytes().get(1..self.end), Self::LONGEST, number)
    }
}

/// Puts a newline behind what was read, and gives the place behind all that there is.
#[inline(never)]
fn begin(bytes: &mut [u8], end: usize, read: usize) -> usize {
    let end = end.wrapping_add(read);
    // Every search ends here.
    if let Some(byte) = bytes.get_mut(end) {
        *byte = b'\n';
    }
    // At the end of the table it ends the row that is left, if there is one.
    let is_left = read == 0 && end > 1;
    end.wrapping_add(is_left.into())
}

/// Moves what is from this newline on to the start, for the next time, and gives how much it is. No more is kept of a
/// row than tells whether it is one.
// As a rule there is nothing to keep but a newline, because the kernel hands out whole rows.
#[inline(never)]
fn keep(bytes: &mut [u8], newline: usize, end: usize, longest: usize) -> usize {
    let bytes = Cell::from_mut(bytes).as_slice_of_cells();
    let kept = bytes.get(newline..end).unwrap_or_default();
    let kept = kept.get(..longest.wrapping_add(1)).unwrap_or(kept);
    for (to, from) in bytes.iter().zip(kept) {
        to.set(from.get());
    }
    kept.len()
}

/// Whether what was kept may still become a row: else it is the line behind a header and so many rows.
#[inline(never)]
fn check(kept: Option<&[u8]>, longest: usize, rows: u32) -> Result<(), Line<'_>> {
    let (head, behind) = split_once(kept.unwrap_or_default(), b'\n');
    if behind.is_some() || head.len() == longest {
        let head = head.get(..HEAD).unwrap_or(head);
        return Err(Line { number: rows.wrapping_add(2), head });
    }
    Ok(())
}

/// The place of the next newline. (The search begins with the word that this place is in. In that no newline is
/// before the place: a row is longer than a word.)
#[inline(always)]
fn newline(words: &[[u8; WORD]], start: usize) -> usize {
    // Of a row's bytes capital letters and the newline alone are without this bit.
    let bit = each(0x20);
    let mut next = start / WORD;
    loop {
        while let Some([a, b, c, d]) = words.get(next..next.wrapping_add(4)) {
            if !(word(a) & word(b) & word(c) & word(d)) & bit != 0 {
                break;
            }
            next = next.wrapping_add(4);
        }
        let mut without;
        loop {
            // (Never none: there is a newline at the end of what was read.)
            let Some(bytes) = words.get(next) else { return usize::MAX - 1 };
            without = !word(bytes) & bit;
            next = next.wrapping_add(1);
            if without != 0 {
                break;
            }
        }
        while let Some(some) = NonZero::new(without) {
            let place = next.wrapping_sub(1).wrapping_mul(WORD).wrapping_add(first(some));
            if words.as_flattened().get(place) == Some(&b'\n') {
                return place;
            }
            let is_big_endian = cfg!(target_endian = "big");
            let others =
                if is_big_endian { Word::MAX >> 1 >> zeros(some) } else { without.wrapping_sub(1) };
            without &= others;
        }
    }
}
