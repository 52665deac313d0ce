//! A reader that cuts a table of procfs into rows.
//!
//! The first line of a socket table is the header, and a table without this
//! line is malformed. A table of tracked connections has no header. Every other
//! line is a row. A read may end at any byte, even inside a row, without an
//! effect on the result.

use core::cell::Cell;
use core::num::NonZero;

use crate::bytes::split::split_once;
use crate::bytes::swar::{WORD_SIZE, Word, clear_first_bit, first_nonzero_byte, splat};
use crate::kernel::conntrack_row::{self, ConntrackRow};
use crate::kernel::socket_row::{self, HEAD_LENGTH, WINDOW};
use crate::model::socket::{Family, Socket};

/// A line that is not a row of its table, or not the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MalformedLine {
    /// The number of the line in the file. The first line, which may be the
    /// header, is 1. An empty file lacks line 1.
    pub number: u32,
    /// The length of the [head](ReadBuffer::head) of the line, in bytes.
    pub head_length: u8,
}

/// Memory for reads, aligned for whole words, because the search for a newline
/// looks at a word at a time.
#[repr(align(8))]
pub struct ReadBuffer<const WORDS: usize>(pub [[u8; WORD_SIZE]; WORDS]);

impl<const WORDS: usize> ReadBuffer<WORDS> {
    /// A buffer of zeros.
    pub const ZERO: Self = ReadBuffer([[0; WORD_SIZE]; WORDS]);

    /// Returns all bytes.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        self.0.as_flattened_mut()
    }

    /// Returns the start of a malformed line. The next use of the buffer may
    /// overwrite these bytes.
    pub fn head(&self, line: MalformedLine) -> &[u8] {
        self.0.as_flattened().get(1..1 + usize::from(line.head_length)).unwrap_or_default()
    }
}

/// Cuts a table into rows.
///
/// The caller reads into [`spare_mut`](TableReader::spare_mut), and calls the
/// consume function of the table after every read, also after the empty read at
/// the end of the file.
pub struct TableReader<'a, const WORDS: usize> {
    buffer: &'a mut ReadBuffer<WORDS>,
    /// The number of bytes at the start of the buffer that the reader keeps for
    /// the next read: the newline before an incomplete line, and the start of
    /// the line. The number is 0 if the next read continues a line that `lines`
    /// already includes.
    retained: usize,
    /// The number of lines that the reader has accepted so far, including the
    /// header of a socket table.
    lines: u32,
}

impl<'a, const WORDS: usize> TableReader<'a, WORDS> {
    /// The index after the memory for reads. A row may begin at any index up to
    /// `END`, and the parser of sockets needs [`WINDOW`] bytes from the start
    /// of the row on.
    const END: usize = WORDS * WORD_SIZE - WINDOW;

    /// The length at which the row of a tracked connection, with the newline
    /// before the row, fills the memory for reads. The newline at the end of
    /// the row does not fit.
    const CONNTRACK_ROW_LIMIT: usize = Self::END - 1;

    /// Starts to read a table.
    pub fn new(buffer: &'a mut ReadBuffer<WORDS>) -> Self {
        const { assert!(Self::END > 1 + HEAD_LENGTH, "a retained head leaves no space") };
        const { assert!(HEAD_LENGTH <= u8::MAX as usize) };
        let mut reader = TableReader { buffer, retained: 1, lines: 0 };
        // Every line follows a newline, so the function writes a newline before
        // the first line.
        reader.set_first_byte(b'\n');
        reader
    }

    fn set_first_byte(&mut self, byte: u8) {
        if let Some(first) = self.buffer.bytes_mut().first_mut() {
            *first = byte;
        }
    }

    /// Returns the memory for the next read.
    pub fn spare_mut(&mut self) -> &mut [u8] {
        self.buffer.bytes_mut().get_mut(self.retained..Self::END).unwrap_or_default()
    }

    /// Passes each socket in the bytes of a read to `count`. A `read_length` of
    /// 0 means that the table has ended.
    ///
    /// The function passes a socket as soon as the row is complete up to `st`.
    /// The last row needs no newline.
    ///
    /// # Errors
    /// Returns the malformed line if the first line is not the header, or if
    /// another line is not a row.
    pub fn consume_sockets(
        &mut self,
        read_length: usize,
        family: Family,
        mut count: impl FnMut(Socket),
    ) -> Result<(), MalformedLine> {
        let end = self.terminate(read_length);
        if self.lines == 0 {
            let line = self.buffer.bytes_mut().get(1..end).unwrap_or_default();
            if !socket_row::begins_header(line) {
                self.retain(0, end, HEAD_LENGTH)?;
                if read_length > 0 {
                    return Ok(());
                }
                // The file is empty.
                return Err(MalformedLine { number: 1, head_length: 0 });
            }
            // The reader skips the rest of the header like the rest of an
            // accepted row. The search for the end of the header must not find
            // the newline before the header.
            self.lines = 1;
            self.set_first_byte(b' ');
        }
        let mut search_start = 0;
        let mut rows = 0;
        let retain_from = loop {
            let newline = find_newline(self.buffer, search_start);
            let start = newline + 1;
            if start > end {
                break end;
            }
            match socket_row::parse(self.buffer.0.as_flattened(), start, family) {
                // A row that reaches `end` is incomplete.
                Some(row) if row.rest < end => {
                    count(row.socket);
                    rows += 1;
                    search_start = row.rest;
                }
                _ => break newline,
            }
        };
        self.lines = self.lines.saturating_add(rows);
        self.retain(retain_from, end, HEAD_LENGTH)
    }

    /// Passes each tracked connection in the bytes of a read to `count` as soon
    /// as the row is complete. A `read_length` of 0 means that the table has
    /// ended. The last row needs no newline.
    ///
    /// # Errors
    /// Returns the malformed line if a line is not a row, or if a row does not
    /// fit in the buffer.
    pub fn consume_connections(
        &mut self,
        read_length: usize,
        mut count: impl FnMut(ConntrackRow),
    ) -> Result<(), MalformedLine> {
        let end = self.terminate(read_length);
        let bytes = self.buffer.0.as_flattened();
        let mut newline = 0;
        let mut rows = 0;
        while let Some((row, next)) = conntrack_row::parse(bytes, newline + 1) {
            // A row that reaches `end` is incomplete.
            if next >= end {
                break;
            }
            count(row);
            rows += 1;
            newline = next;
        }
        self.lines = self.lines.saturating_add(rows);
        self.retain(newline, end, Self::CONNTRACK_ROW_LIMIT)
    }

    /// Writes a newline after the bytes of a read, so that every search ends,
    /// and returns the index after the bytes of the table. At the end of the
    /// table, the newline completes an incomplete row, and the returned index
    /// is the index after the newline.
    fn terminate(&mut self, read_length: usize) -> usize {
        let end = self.retained + read_length;
        if let Some(byte) = self.buffer.bytes_mut().get_mut(end) {
            *byte = b'\n';
        }
        // The byte at index 0 is the newline before the row, so the row has a
        // byte only if `end` is above 1.
        let completes_row = read_length == 0 && end > 1;
        end + usize::from(completes_row)
    }

    /// Moves the newline before an incomplete line, and the bytes of the line,
    /// to the start of the buffer. The next read continues the line. If
    /// `newline` is `end`, the function moves nothing.
    ///
    /// # Errors
    /// Returns the malformed line if the bytes cannot become a row or the
    /// header: another newline follows, or `limit` bytes without a newline
    /// follow.
    fn retain(&mut self, newline: usize, end: usize, limit: usize) -> Result<(), MalformedLine> {
        // The loop copies byte by byte, because `copy_within` can panic. After
        // most reads only the newline remains, because a read returns whole
        // rows.
        let cells = Cell::from_mut(self.buffer.bytes_mut()).as_slice_of_cells();
        let retained = cells.get(newline..end).unwrap_or_default();
        let retained = retained.get(..1 + limit).unwrap_or(retained);
        for (to, from) in cells.iter().zip(retained) {
            to.set(from.get());
        }
        self.retained = retained.len();

        let line = self.buffer.bytes_mut().get(1..self.retained).unwrap_or_default();
        let (head, after) = split_once(line, b'\n');
        if after.is_none() && head.len() < limit {
            return Ok(());
        }
        let head_length = head.len().min(HEAD_LENGTH) as u8;
        let number = self.lines.saturating_add(1);
        Err(MalformedLine { number, head_length })
    }
}

/// Returns the index of the first newline from `start` on. The newline exists,
/// because `terminate` has written a newline after the bytes of the read.
///
/// The search starts at the word that contains `start`. The columns up to
/// `start` are longer than a word, so this word holds no earlier newline.
#[inline(always)]
#[expect(clippy::indexing_slicing, reason = "an index keeps the alignment, and `get` does not")]
fn find_newline<const WORDS: usize>(buffer: &ReadBuffer<WORDS>, start: usize) -> usize {
    // In a row, only uppercase letters and the newline lack this bit.
    let mask = splat(0x20);
    // The index keeps the alignment of the buffer, so every machine loads the
    // word with one instruction. A slice of the buffer has the alignment of a
    // byte.
    let word_at = |index: usize| Word::from_ne_bytes(buffer.0[index]);
    let mut word_index = start / WORD_SIZE;
    loop {
        while word_index < WORDS - 4 {
            let (a, b) = (word_at(word_index), word_at(word_index + 1));
            let (c, d) = (word_at(word_index + 2), word_at(word_index + 3));
            if !(a & b & c & d) & mask != 0 {
                break;
            }
            word_index += 4;
        }
        let mut candidates = loop {
            // The search ends at the newline of `terminate`, before the last
            // word. Without this check, the compiler adds a panic.
            if word_index >= WORDS {
                return usize::MAX - 1;
            }
            let candidates = !word_at(word_index) & mask;
            word_index += 1;
            if candidates != 0 {
                break candidates;
            }
        };
        while let Some(nonzero) = NonZero::new(candidates) {
            let index = (word_index - 1) * WORD_SIZE + first_nonzero_byte(nonzero);
            if buffer.0.as_flattened().get(index) == Some(&b'\n') {
                return index;
            }
            candidates = clear_first_bit(nonzero);
        }
    }
}
