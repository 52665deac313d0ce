//! A table of procfs, cut into rows as it is read.
//!
//! The first line of a socket table is its header. A table of tracked
//! connections has none. Every other line is a row. How reads cut the table
//! makes no difference to the result.

use core::cell::Cell;
use core::num::NonZero;

use crate::bytes::split::split_once;
use crate::bytes::swar::{WORD_SIZE, clear_first_bit, first_nonzero_byte, splat, word};
use crate::kernel::conntrack_row::{self, ConntrackRow};
use crate::kernel::socket_row::{self, HEAD_LENGTH, WINDOW};
use crate::model::socket::{Family, Socket};

/// A line that is not a row of its table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MalformedLine {
    /// The line's number in the file, from 1 on, with the header.
    pub number: u32,
    /// The length of the [head](ReadBuffer::head) of the line, in bytes.
    pub head_length: u8,
}

/// Memory that tables are read into, in words, because the search for a newline
/// looks at whole words.
#[repr(align(8))]
pub struct ReadBuffer<const WORDS: usize>(pub [[u8; WORD_SIZE]; WORDS]);

impl<const WORDS: usize> ReadBuffer<WORDS> {
    /// A buffer of zeros.
    pub const ZERO: Self = ReadBuffer([[0; WORD_SIZE]; WORDS]);

    /// Returns all bytes.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        self.0.as_flattened_mut()
    }

    /// Returns the start of a malformed line, which stays in the buffer until
    /// the next use.
    pub fn head(&self, line: MalformedLine) -> &[u8] {
        self.0.as_flattened().get(1..1 + usize::from(line.head_length)).unwrap_or_default()
    }
}

/// Cuts a table into rows.
///
/// Its user reads into [`spare_mut`](TableReader::spare_mut), and lets the
/// reader consume the bytes that were read, until a read returns none.
pub struct TableReader<'a, const WORDS: usize> {
    buffer: &'a mut ReadBuffer<WORDS>,
    /// How many bytes at the start of the buffer are retained for the next
    /// read: the newline before a row that is not complete, and the start of
    /// that row. 0 while the next byte continues a line that needs no further
    /// look.
    retained: usize,
    /// How many lines were consumed, the header included.
    lines: u32,
}

impl<'a, const WORDS: usize> TableReader<'a, WORDS> {
    /// The end of the bytes that are read. A row may begin up to here, and its
    /// window must lie in the buffer.
    const END: usize = WORDS * WORD_SIZE - WINDOW;

    /// A row of a tracked connection that is this long leaves no space for its
    /// newline.
    const LONGEST_CONNTRACK_ROW: usize = Self::END - 1;

    /// Starts a socket table, which begins with its header.
    pub fn socket_table(buffer: &'a mut ReadBuffer<WORDS>) -> Self {
        const { assert!(Self::END > 1 + HEAD_LENGTH, "a retained head must leave space to read") };
        // The header counts as a line from the start, and is skipped like the
        // rest of a consumed line.
        TableReader { buffer, retained: 0, lines: 1 }
    }

    /// Starts a table of tracked connections, whose first line is a row.
    pub fn conntrack_table(buffer: &'a mut ReadBuffer<WORDS>) -> Self {
        // A newline before the first byte makes the first line a row like all
        // others.
        if let Some(byte) = buffer.bytes_mut().first_mut() {
            *byte = b'\n';
        }
        TableReader { buffer, retained: 1, lines: 0 }
    }

    /// Returns the memory for the next read.
    pub fn spare_mut(&mut self) -> &mut [u8] {
        self.buffer.bytes_mut().get_mut(self.retained..Self::END).unwrap_or_default()
    }

    /// Passes on the sockets among the bytes that were read, which are none at
    /// the end of the table.
    ///
    /// A socket counts as soon as its row is complete up to `st`. The last row
    /// needs no newline.
    ///
    /// # Errors
    /// If a line is not a row.
    pub fn consume_sockets(
        &mut self,
        read: usize,
        family: Family,
        mut count: impl FnMut(Socket),
    ) -> Result<(), MalformedLine> {
        let end = self.terminate(read);
        let words = &self.buffer.0;
        let mut rest = 0;
        let mut rows = 0;
        let retain_from = loop {
            let newline = find_newline(words, rest);
            let start = newline + 1;
            if start > end {
                break end;
            }
            match socket_row::parse(words.as_flattened(), start, family) {
                // The byte at `end` is not of the table, but the newline of
                // `terminate`.
                Some(row) if row.rest < end => {
                    count(row.socket);
                    rows += 1;
                    rest = row.rest;
                }
                _ => break newline,
            }
        };
        self.lines = self.lines.saturating_add(rows);
        self.retain(retain_from, end, HEAD_LENGTH)
    }

    /// Passes on the tracked connections among the bytes that were read, which
    /// are none at the end of the table. A connection counts when its row is
    /// complete. The last row needs no newline.
    ///
    /// # Errors
    /// If a line is not a row, or does not fit in the buffer.
    pub fn consume_connections(
        &mut self,
        read: usize,
        mut count: impl FnMut(ConntrackRow),
    ) -> Result<(), MalformedLine> {
        let end = self.terminate(read);
        let bytes = self.buffer.0.as_flattened();
        let mut newline = 0;
        let mut rows = 0;
        while let Some((row, next)) = conntrack_row::parse(bytes, newline + 1) {
            // The byte at `end` is not of the table, but the newline of
            // `terminate`.
            if next >= end {
                break;
            }
            count(row);
            rows += 1;
            newline = next;
        }
        self.lines = self.lines.saturating_add(rows);
        self.retain(newline, end, Self::LONGEST_CONNTRACK_ROW)
    }

    /// Puts a newline after the bytes that were read, where every search ends,
    /// and returns the index after all bytes of the table. At the end of the
    /// table the newline completes an incomplete row, and is one of them.
    fn terminate(&mut self, read: usize) -> usize {
        let end = self.retained + read;
        if let Some(byte) = self.buffer.bytes_mut().get_mut(end) {
            *byte = b'\n';
        }
        let completes_row = read == 0 && end > 1;
        end + usize::from(completes_row)
    }

    /// Moves the bytes from this newline on to the start of the buffer, for the
    /// next read.
    ///
    /// # Errors
    /// If they can't become a row: they hold another newline, or are as long as
    /// no row's start.
    fn retain(&mut self, newline: usize, end: usize, longest: usize) -> Result<(), MalformedLine> {
        // Mostly only a newline is retained, because the kernel hands out whole
        // rows.
        let cells = Cell::from_mut(self.buffer.bytes_mut()).as_slice_of_cells();
        let retained = cells.get(newline..end).unwrap_or_default();
        let retained = retained.get(..1 + longest).unwrap_or(retained);
        for (to, from) in cells.iter().zip(retained) {
            to.set(from.get());
        }
        self.retained = retained.len();

        let line = self.buffer.bytes_mut().get(1..self.retained).unwrap_or_default();
        let (head, after) = split_once(line, b'\n');
        if after.is_none() && head.len() < longest {
            return Ok(());
        }
        let head_length = head.len().min(HEAD_LENGTH) as u8;
        Err(MalformedLine { number: self.lines.saturating_add(1), head_length })
    }
}

/// Returns the index of the next newline. Every buffer holds one after the
/// bytes that were read.
///
/// The search begins at the word that contains `start`. A row is longer than a
/// word, so that this word holds no earlier newline.
#[inline(always)]
fn find_newline(words: &[[u8; WORD_SIZE]], start: usize) -> usize {
    // Of a row's bytes only uppercase letters and the newline lack this bit.
    let bit = splat(0x20);
    let mut next = start / WORD_SIZE;
    loop {
        while let Some([a, b, c, d]) = words.get(next..next + 4) {
            if !(word(a) & word(b) & word(c) & word(d)) & bit != 0 {
                break;
            }
            next += 4;
        }
        let mut candidates;
        loop {
            // Never the last word, because of the newline after the bytes that
            // were read.
            let Some(bytes) = words.get(next) else { return usize::MAX - 1 };
            candidates = !word(bytes) & bit;
            next += 1;
            if candidates != 0 {
                break;
            }
        }
        while let Some(nonzero) = NonZero::new(candidates) {
            let index = (next - 1) * WORD_SIZE + first_nonzero_byte(nonzero);
            if words.as_flattened().get(index) == Some(&b'\n') {
                return index;
            }
            candidates = clear_first_bit(nonzero);
        }
    }
}
