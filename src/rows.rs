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

use heapless::Vec;
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

/// A line that isn't a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotARow {
    /// Its number in the file, where the header is line 1.
    pub line: u32,
    /// Its first bytes, [`HEAD`] at most, without the newline.
    pub start: Vec<u8, HEAD>,
}

/// Why a table could not be read to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure<E> {
    /// `read` failed.
    Read(E),
    /// There is a line that isn't a row.
    NotARow(NotARow),
}

/// Reads a table and hands over its sockets, in the order of their rows.
///
/// `read` puts the next bytes of the table into a slice (which is all of `page`) and gives their
/// number, 0 at the end. How it cuts the table makes no difference. A last line without a newline is
/// a row if it is complete up to `st`. A table without any line has no sockets.
///
/// # Errors
/// When `read` fails, or at the first line that isn't a row. Some sockets may have been handed over
/// by then.
pub fn each<E>(
    family: Family,
    page: &mut [u8],
    mut read: impl FnMut(&mut [u8]) -> Result<usize, E>,
    mut found: impl FnMut(Socket),
) -> Result<(), Failure<E>> {
    let mut rows = Rows { family, place: Place::FirstLine, line: 1, head: Vec::new() };
    loop {
        let length = read(page).map_err(Failure::Read)?;
        if length == 0 {
            return rows.finish(&mut found).map_err(Failure::NotARow);
        }
        rows.feed(first(length, page), &mut found).map_err(Failure::NotARow)?;
    }
}

/// Cuts a table into rows. Its state between any two bytes is all here.
struct Rows {
    family: Family,
    /// Where the next byte is.
    place: Place,
    /// The line that the next byte is in.
    line: u32,
    /// INVARIANT: the line's bytes so far if `place` is `Head`, else empty.
    head: Vec<u8, HEAD>,
}

enum Place {
    /// In the header of the table.
    FirstLine,
    /// Among those bytes of a line that tell what it is.
    Head,
    /// Behind them.
    Rest,
}

impl Rows {
    fn feed(&mut self, mut bytes: &[u8], found: &mut impl FnMut(Socket)) -> Result<(), NotARow> {
        while let Some(newline) = memchr(b'\n', bytes) {
            let (line, rest) = bytes.split_at_checked(newline).unwrap_or((bytes, &[]));
            if let Place::Head = self.place {
                found(self.end_of_head(line)?);
            }
            self.place = Place::Head;
            self.line = self.line.saturating_add(1);
            bytes = rest.get(1..).unwrap_or(&[]);
        }
        if let Place::Head = self.place {
            self.carry(bytes);
            if self.head.is_full() {
                found(self.end_of_head(&[])?);
                self.place = Place::Rest;
            }
        }
        Ok(())
    }

    fn finish(&mut self, found: &mut impl FnMut(Socket)) -> Result<(), NotARow> {
        if !self.head.is_empty() {
            found(self.end_of_head(&[])?);
        }
        Ok(())
    }

    /// The row whose first bytes are in `self.head`, and the others in `rest`. Nearly always all are
    /// in `rest`, because the kernel hands out whole rows to a buffer as large as its own.
    fn end_of_head(&mut self, rest: &[u8]) -> Result<Socket, NotARow> {
        if self.head.is_empty() {
            if let Some(socket) = row(first(HEAD, rest), self.family) {
                return Ok(socket);
            }
        }
        self.carry(rest);
        let socket = row(&self.head, self.family);
        let start = core::mem::take(&mut self.head);
        socket.ok_or(NotARow { line: self.line, start })
    }

    /// Keeps bytes of a head, those that still belong to it.
    fn carry(&mut self, bytes: &[u8]) {
        let room = HEAD.saturating_sub(self.head.len());
        // It fits: `first` sees to that.
        let _ = self.head.extend_from_slice(first(room, bytes));
    }
}

/// The socket of a row, given its first bytes; nothing if they aren't a row's.
fn row(head: &[u8], family: Family) -> Option<Socket> {
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
fn first(most: usize, bytes: &[u8]) -> &[u8] {
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
