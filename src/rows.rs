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
use core::mem::replace;

use memchr::memchr;

use crate::counts::State;
use crate::table::Family;

/// The columns of a row from the colon of `sl` to `st`, with an x for each hexadecimal digit. All this,
/// either half, and the remote address (which begins the second half) are whole words of any machine.
const fn layout(family: Family) -> &'static [u8] {
    match family {
        Family::Inet => b": xxxxxxxx:xxxx xxxxxxxx:xxxx xx",
        Family::Inet6 => {
            b": xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx:xxxx xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx:xxxx xx"
        }
    }
}

/// Bytes of a line that tell whether it is a row and which: the widest there can be, with ten digits
/// of `sl` (an `int`) and IPv6 addresses, up to the blank behind `st`.
pub const HEAD: usize = "2147483647".len() + layout(Family::Inet6).len() + " ".len();

/// What a row says of its socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Socket {
    pub state: State,
    /// Whether the remote address is all zeros, as of a listening or unconnected socket. (This needs
    /// no byte order; the kernel prints an address in that of the machine.)
    pub remote_is_zero: bool,
    pub local_port: Port,
    pub remote_port: Port,
}

/// A port, as its hexadecimal digits or their values: mostly nobody wants to know the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Port([u8; 4]);

impl Port {
    /// A port in network byte order.
    pub fn from_bytes([high, low]: [u8; 2]) -> Port {
        Port([high >> 4, high & 0xf, low >> 4, low & 0xf])
    }

    pub fn number(self) -> u16 {
        self.0.iter().fold(0, |number, &byte| number << 4 | u16::from(digit(byte)))
    }
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
    /// Whether it begins with the rest of a line that is handed out already, or with the header.
    is_rest: bool,
    /// The line that was handed out last; the header is the first.
    number: u32,
}

impl<'a, const SIZE: usize> Lines<'a, SIZE> {
    pub fn new(buffer: &'a mut [u8; SIZE]) -> Self {
        const { assert!(SIZE > HEAD, "there must be room behind a head") };
        Lines { buffer, start: 0, end: 0, is_rest: true, number: 1 }
    }

    /// The next line behind the header, unless the table is at its end.
    ///
    /// `read` puts the next bytes of the table into a slice, which is all of the buffer but [`HEAD`]
    /// bytes at most, and gives their number, 0 at the end. How it cuts the table makes no difference. A
    /// line is handed out as soon as its head is there; the last one needs no newline.
    ///
    /// # Errors
    /// When `read` fails.
    pub fn next<E>(
        &mut self,
        mut read: impl FnMut(&mut [u8]) -> Result<usize, E>,
    ) -> Result<Option<Line<'_>>, E> {
        let (start, end) = loop {
            let unread = self.buffer.get(self.start..self.end).unwrap_or_default();
            let newline = memchr(b'\n', unread);
            if newline.is_none() && (self.is_rest || unread.len() < HEAD) {
                if self.is_rest {
                    self.start = self.end;
                }
                self.keep_head();
                let read = read(self.buffer.get_mut(self.end..).unwrap_or_default())?;
                self.end = self.end.wrapping_add(read);
                if read > 0 {
                    continue;
                }
                if self.end == 0 {
                    return Ok(None);
                }
            }
            let start = self.start;
            let mut end = self.end;
            if let Some(newline) = newline {
                end = start.wrapping_add(newline);
                self.start = end.wrapping_add(1);
            }
            if !replace(&mut self.is_rest, newline.is_none()) {
                break (start, end);
            }
        };
        self.number = self.number.saturating_add(1);
        let line = self.buffer.get(start..end).unwrap_or_default();
        Ok(Some(Line { number: self.number, head: first(HEAD, line) }))
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
    let columns = behind_slot(head)?;
    let whole = layout(family);
    let (mut rest, mut layout) = (columns, whole);
    let mut wrong = 0;
    while let Some((like, others)) = layout.split_first_chunk() {
        let (word, behind) = rest.split_first_chunk()?;
        wrong |= difference(usize::from_ne_bytes(*word), usize::from_ne_bytes(*like));
        (rest, layout) = (behind, others);
    }
    let ends = match rest {
        [] => head.len() < HEAD,
        [next, ..] => *next == b' ',
    };
    if wrong != 0 || !ends {
        return None;
    }
    let (local, remote) = columns.get(..whole.len())?.split_at_checked(whole.len() / 2)?;
    let (_, [a, b, c, d, _]) = local.split_last_chunk::<{ "xxxx ".len() }>()?;
    let (mut address, [_, e, f, g, h, _, high, low]) =
        remote.split_last_chunk::<{ ":xxxx xx".len() }>()?;
    let mut nonzero = 0;
    while let Some((word, others)) = address.split_first_chunk() {
        nonzero |= usize::from_ne_bytes(*word) ^ each(b'0');
        address = others;
    }
    let state = State::from_number(digit(*high) << 4 | digit(*low));
    let (local_port, remote_port) = (Port([*a, *b, *c, *d]), Port([*e, *f, *g, *h]));
    Some(Socket { state, remote_is_zero: nonzero == 0, local_port, remote_port })
}

/// What follows the number in the `sl` column, and the blanks before it.
fn behind_slot(mut head: &[u8]) -> Option<&[u8]> {
    let mut has_digit = false;
    loop {
        head = match head {
            [b' ', rest @ ..] if !has_digit => rest,
            [b'0'..=b'9', rest @ ..] => {
                has_digit = true;
                rest
            }
            _ => return has_digit.then_some(head),
        }
    }
}

/// Zero if a word has hexadecimal digits where the layout's has x, and else the same bytes. (Several bytes
/// at once, as in "Bit Twiddling Hacks": a table of 256 values is larger and not as fast.)
fn difference(word: usize, like: usize) -> usize {
    // The highest bit of each byte that is `byte` or above. (Where a byte has that bit itself, the next
    // one's may be wrong; but such a word is different anyway.)
    let from = |word: usize, byte: u8| word.wrapping_add(each(0x80_u8.wrapping_sub(byte)));
    let lower_case = word | each(b'a' - b'A');
    let digits = from(word, b'0') ^ from(word, b'9' + 1);
    let letters = from(lower_case, b'a') ^ from(lower_case, b'f' + 1);

    // Of the bytes of a layout x alone has this bit.
    let x = like & each(0x40);
    let highest_bit = x << 1;
    let other_bits = highest_bit.wrapping_sub(x >> 6);
    (word ^ like) & !other_bits | !(digits | letters) & highest_bit
}

/// A word that has this byte everywhere.
const fn each(byte: u8) -> usize {
    usize::from_ne_bytes([byte; size_of::<usize>()])
}

/// The value of a hexadecimal digit.
fn digit(byte: u8) -> u8 {
    let before = if byte < b'A' { 0 } else { 9 };
    (byte & 0xf).wrapping_add(before)
}

/// The first bytes of a slice, `most` at most.
fn first<T>(most: usize, bytes: &[T]) -> &[T] {
    bytes.get(..most).unwrap_or(bytes)
}
