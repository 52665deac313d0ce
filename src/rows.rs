//! The bytes of a socket table, cut into sockets.
//!
//! The first line of a table is its header. Every other line is a socket, and begins as the kernel's
//! format strings have it since 2.6 (`get_tcp4_sock` in net/ipv4/tcp_ipv4.c and its like):
//!
//! ```text
//!   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
//!    0: 0100007F:0CEA 0100007F:D2A6 01 …      "%4d: %08X:%04X %08X:%04X %02X …" (%5d in UDP tables)
//! ```
//!
//! An IPv6 address is four times `%08X`. What follows `st` differs between kernels, and isn't read.

use core::cell::Cell;

use memchr::memchr;

use crate::counts::State;
use crate::table::Family;

/// Hexadecimal digits of a port, and of `st`.
const PORT_DIGITS: usize = 4;
const STATE_DIGITS: usize = 2;

/// Bytes of a line that tell whether it is a row and which: the widest there can be, with ten digits
/// of `sl` (an `int`) and IPv6 addresses, up to the blank behind `st`.
pub const HEAD: usize = {
    let address_and_port = Family::Inet6.address_digits() + ":".len() + PORT_DIGITS + " ".len();
    "2147483647: ".len() + 2 * address_and_port + STATE_DIGITS + " ".len()
};

/// What a row says of its socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Socket {
    pub state: State,
    /// Whether the remote address is all zeros, as of a listening or unconnected socket. (This needs
    /// no byte order; the kernel prints an address in that of the machine.)
    pub remote_is_zero: bool,
}

/// A line of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// Its number in the file, where the header is line 1.
    pub number: u32,
    /// Its first bytes, [`HEAD`] at most, without the newline.
    pub head: &'a [u8],
}

/// Cuts a table into lines, as they are read.
pub struct Lines<'a, const SIZE: usize> {
    buffer: &'a mut [u8; SIZE],
    /// INVARIANT: what is read and isn't handed out yet is the buffer's from `start` up to `end`.
    start: usize,
    end: usize,
    /// Lines handed out, the header too.
    number: u32,
}

impl<'a, const SIZE: usize> Lines<'a, SIZE> {
    pub fn new(buffer: &'a mut [u8; SIZE]) -> Self {
        const { assert!(SIZE > HEAD, "there must be room behind a head") };
        Lines { buffer, start: 0, end: 0, number: 0 }
    }

    /// The next line behind the header, unless the table is at its end.
    ///
    /// `read` puts the next bytes of the table into a slice, which is all of the buffer but [`HEAD`]
    /// bytes at most, and gives their number, 0 at the end. How it cuts the table makes no difference.
    /// The last line needs no newline.
    ///
    /// # Errors
    /// When `read` fails.
    pub fn next<E>(
        &mut self,
        mut read: impl FnMut(&mut [u8]) -> Result<usize, E>,
    ) -> Result<Option<Line<'_>>, E> {
        let (start, length) = loop {
            let unread = self.buffer.get(self.start..self.end).unwrap_or_default();
            let length = match memchr(b'\n', unread) {
                Some(newline) => newline,
                None => {
                    self.keep_head();
                    let room = self.buffer.get_mut(self.end..).unwrap_or_default();
                    let read = read(room)?;
                    self.end = self.end.saturating_add(read);
                    if read > 0 {
                        continue;
                    }
                    if self.end == 0 {
                        return Ok(None);
                    }
                    self.end
                }
            };
            let start = self.start;
            self.start = start.saturating_add(length).saturating_add(1);
            self.number = self.number.saturating_add(1);
            if self.number > 1 {
                break (start, length);
            }
        };
        let line = self.buffer.get(start..).unwrap_or_default();
        Ok(Some(Line { number: self.number, head: first(length.min(HEAD), line) }))
    }

    /// Moves the head of a line whose end isn't read yet to the front of the buffer, so that there is
    /// room behind it. (As a rule there is no such line, because the kernel hands out whole rows.)
    fn keep_head(&mut self) {
        let bytes = Cell::from_mut(&mut self.buffer[..]).as_slice_of_cells();
        let head = first(HEAD, bytes.get(self.start..self.end).unwrap_or_default());
        for (to, from) in bytes.iter().zip(head) {
            to.set(from.get());
        }
        self.start = 0;
        self.end = head.len();
    }
}

/// The socket of a row, given its first bytes; nothing if they aren't a row's.
pub fn socket(head: &[u8], family: Family) -> Option<Socket> {
    let rest = after_slot(head)?;
    let (_local_address, rest) = column(rest, b' ', family.address_digits())?;
    let (_local_port, rest) = column(rest, b':', PORT_DIGITS)?;
    let (remote_address, rest) = column(rest, b' ', family.address_digits())?;
    let (_remote_port, rest) = column(rest, b':', PORT_DIGITS)?;
    let &[b' ', high, low, ref rest @ ..] = rest else { return None };
    let [high, low] = [high, low].map(digit);
    let ends = match rest {
        [] => head.len() < HEAD,
        [next, ..] => *next == b' ',
    };
    if high | low >= NO_DIGIT || !ends {
        return None;
    }
    Some(Socket { state: State::from_number(high << 4 | low), remote_is_zero: remote_address == 0 })
}

/// What follows the `sl` column: blanks, then decimal digits.
fn after_slot(mut head: &[u8]) -> Option<&[u8]> {
    while let [b' ', rest @ ..] = head {
        head = rest;
    }
    let [b'0'..=b'9', rest @ ..] = head else { return None };
    head = rest;
    while let [b'0'..=b'9', rest @ ..] = head {
        head = rest;
    }
    let [b':', rest @ ..] = head else { return None };
    Some(rest)
}

/// A column of hexadecimal digits behind its separator: the bits that any of its digits has, and the
/// bytes behind it.
fn column(bytes: &[u8], separator: u8, digits: usize) -> Option<(u8, &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    let (column, rest) = rest.split_at_checked(digits)?;
    let bits = column.iter().fold(0, |bits, &byte| bits | digit(byte));
    (first == separator && bits < NO_DIGIT).then_some((bits, rest))
}

/// The first bytes of a slice, `most` at most.
fn first<T>(most: usize, bytes: &[T]) -> &[T] {
    bytes.get(..most).unwrap_or(bytes)
}

/// The value of a hexadecimal digit, else [`NO_DIGIT`].
fn digit(byte: u8) -> u8 {
    DIGITS.get(usize::from(byte)).copied().unwrap_or(NO_DIGIT)
}

/// A bit that no digit's value has.
const NO_DIGIT: u8 = 0x10;

/// The value of every byte as a digit. Computed for each byte instead, the program would be 176 bytes
/// smaller, and take 430 instructions more for a row with IPv4 addresses, 1,050 with IPv6 addresses.
static DIGITS: [u8; 256] = {
    let mut values = [NO_DIGIT; 256];
    let mut value = 0;
    while value < 0x10 {
        values[b"0123456789ABCDEF"[value as usize] as usize] = value;
        values[b"0123456789abcdef"[value as usize] as usize] = value;
        value += 1;
    }
    values
};
