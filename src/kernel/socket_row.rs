//! The header and the rows of a socket table.
//!
//! Since Linux 2.6, a row begins in the following format. For TCP over IPv4,
//! `get_tcp4_sock` in net/ipv4/tcp_ipv4.c prints the row:
//!
//! ```text
//!   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
//!    0: 0100007F:0CEA 0100007F:D2A6 01 …      "%4d: %08X:%04X %08X:%04X %02X …" (UDP tables: %5d)
//! ```
//!
//! The kernel prints an IPv6 address as four `%08X`. The columns after `st`
//! differ between kernels, and the parser takes no values from these columns.

use crate::bytes::swar::{WORD_SIZE, Word, splat, word};
use crate::model::port::Port;
use crate::model::socket::{Family, Socket, State};

/// The columns from the colon of `sl` to `st`, with an x for each hexadecimal
/// digit. The remote address begins the second half. On every machine, the
/// lengths of the layout, of each half and of the remote address are multiples
/// of the word size.
const INET: &[u8] = b": xxxxxxxx:xxxx xxxxxxxx:xxxx xx";
const INET6: &[u8] =
    b": xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx:xxxx xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx:xxxx xx";

/// The length of the longest `sl`. The kernel prints `sl` as an `int`.
const LONGEST_SLOT: usize = "2147483647".len();

/// The largest number of bytes that the parser needs to decide whether a line
/// is a row. The bytes end with the space after `st`.
pub const HEAD_LENGTH: usize = LONGEST_SLOT + INET6.len() + " ".len();

/// The number of bytes that [`parse`] needs from the start of a row on. Some of
/// the bytes may belong to later rows.
pub const WINDOW: usize = LONGEST_SLOT + LONGEST_COLUMNS;

/// The greatest length of the columns from the colon of `sl` to `st`, plus one
/// machine word after `st`.
const LONGEST_COLUMNS: usize = INET6.len() + WORD_SIZE;

/// Returns whether the first [`HEAD_LENGTH`] bytes of a line have the word `sl`
/// after spaces, as the header of every socket table has.
pub fn begins_header(line: &[u8]) -> bool {
    let head = line.get(..HEAD_LENGTH).unwrap_or(line);
    let word = head.iter().position(|&byte| byte != b' ').and_then(|index| head.get(index..));
    matches!(word, Some([b's', b'l', b' ' | b'\n', ..]))
}

/// The parsed part of a row.
pub struct SocketRow {
    /// The socket of the row.
    pub socket: Socket,
    /// An index after the parsed columns. The search for the row's newline may
    /// begin at this index. If the table reader has read the byte after `st`,
    /// the table reader has also read the byte at this index. So this index
    /// shows whether the row is complete up to `st`.
    pub rest: usize,
}

/// Parses the row that begins at `start`. Returns nothing if no row begins at
/// `start`, or if `bytes` has fewer than [`WINDOW`] bytes from `start` on.
///
/// The byte after `st` may be a newline, because the table reader writes a
/// newline after the bytes that were read.
#[inline(always)]
pub fn parse(bytes: &[u8], start: usize, family: Family) -> Option<SocketRow> {
    let window: &[u8; WINDOW] = bytes.get(start..)?.first_chunk()?;
    let slot_width = slot_width(window)?;
    let columns: &[u8; LONGEST_COLUMNS] = window.get(slot_width..)?.first_chunk()?;
    let (length, layout): (usize, &[Pattern]) = match family {
        Family::Inet => (INET.len(), const { &patterns::<{ INET.len() / WORD_SIZE }>(INET) }),
        Family::Inet6 => (INET6.len(), const { &patterns::<{ INET6.len() / WORD_SIZE }>(INET6) }),
    };
    if !matches_layout(columns, layout) {
        return None;
    }

    let (local, rest) = columns.split_at_checked(length / 2)?;
    let (remote, after) = rest.split_at_checked(length / 2)?;
    let (_, [a, b, c, d, _]) = local.split_last_chunk::<{ "xxxx ".len() }>()?;
    let (mut address, [_, e, f, g, h, _, st_high, st_low]) =
        remote.split_last_chunk::<{ ":xxxx xx".len() }>()?;
    let mut nonzero_digits = 0;
    while let Some((bytes, rest)) = address.split_first_chunk() {
        nonzero_digits |= word(bytes) ^ splat(b'0');
        address = rest;
    }
    let socket = Socket {
        state: if *st_high == b'0' { state_of_digit(*st_low) } else { State::Unknown },
        has_no_remote: nonzero_digits == 0,
        local_port: Port::from_digits([*a, *b, *c, *d]),
        remote_port: Port::from_digits([*e, *f, *g, *h]),
    };

    let mut rest = start + slot_width + length;
    // In most rows `tx_queue` is zero. The search for the newline skips a word
    // of these zeros, because zeros contain no newline.
    let (empty_queue, _) = b" 0000000".split_first_chunk()?;
    if word(after.first_chunk()?) == word(empty_queue) {
        rest += WORD_SIZE - 1;
    } else {
        let [b' ' | b'\n', ..] = after else { return None };
    }
    Some(SocketRow { socket, rest })
}

/// Returns the number of bytes in the `sl` column: the leading spaces and the
/// digits.
#[inline(always)]
fn slot_width(window: &[u8; WINDOW]) -> Option<usize> {
    // In a long table nearly every number has at least four digits. The code
    // checks the first four bytes at once.
    let values = u32::from_ne_bytes(*window.first_chunk()?) ^ u32::from_ne_bytes([b'0'; 4]);
    let above_9 = values.wrapping_add(u32::from_ne_bytes([0x80 - ABOVE_9; 4]));
    let mut has_digits = (values | above_9) & u32::from_ne_bytes([0x80; 4]) == 0;
    let mut width: usize = if has_digits { 4 } else { 0 };
    loop {
        match window.get(width)? {
            b'0'..=b'9' => has_digits = true,
            b' ' if !has_digits => {}
            _ => return has_digits.then_some(width),
        }
        width += 1;
    }
}

/// Returns whether columns match a layout. The function compares one word at a
/// time.
///
/// The method to compare several bytes at once comes from "Bit Twiddling Hacks"
/// by Sean Eron Anderson. A table of 256 values is larger and slower.
#[inline(always)]
fn matches_layout(columns: &[u8; LONGEST_COLUMNS], layout: &[Pattern]) -> bool {
    let mut mismatches = 0;
    for (bytes, pattern) in columns.chunks_exact(WORD_SIZE).zip(layout) {
        // The value of a byte is the byte XOR the layout's byte. The value is 0
        // if both bytes are equal. For an x, the layout's byte is the digit 0:
        // a digit has a value from 0 to 9, and a letter has a value from A on
        // and below ABOVE_F.
        let value = bytes.first_chunk().map_or(0, word) ^ pattern.zeros;
        // A sum has the highest bit set in each byte whose value is at least:
        //             above_all   above_low   high
        //   for x     ABOVE_F     ABOVE_9     A
        //   else      1 + GAP     1           A      (1 + GAP is less than A)
        // A is above the limit of `above_low`, so `high` implies `above_low`.
        // The two sums differ for values from this limit on and below A. A byte
        // carries into the next byte only if its value has the highest bit set.
        // Columns with such a byte never match.
        let above_all = value.wrapping_add(pattern.offset);
        let above_low = above_all.wrapping_add(splat(GAP));
        let high = value.wrapping_add(splat(0x80 - A));
        mismatches |= value | above_all | (above_low ^ high);
    }
    mismatches & splat(0x80) == 0
}

/// Returns the state with the number of this hexadecimal digit.
fn state_of_digit(digit: u8) -> State {
    /// The states. The index of a state is the low five bits of its digit. No
    /// two digits have the same low five bits.
    const BY_DIGIT: [State; 32] = {
        let mut states = [State::Unknown; 32];
        let mut digits: &[u8] = b"0123456789ABCDEF";
        let mut numbers: &[State] = &State::BY_NUMBER;
        while let ([digit, other_digits @ ..], [state, other_states @ ..]) = (digits, numbers) {
            states[(*digit % 32) as usize] = *state;
            (digits, numbers) = (other_digits, other_states);
        }
        states
    };
    BY_DIGIT.get(usize::from(digit % 32)).copied().unwrap_or(State::Unknown)
}

/// A word of a layout.
#[derive(Clone, Copy)]
struct Pattern {
    /// The bytes of the layout, with the digit 0 for each x.
    zeros: Word,
    /// The word that [`matches_layout`] adds to the values. The sum has the
    /// highest bit set in each byte whose value is at least ABOVE_F for an x,
    /// or at least 1 + GAP for any other byte.
    offset: Word,
}

/// The first value above the digits. The value of a digit is at most 9.
const ABOVE_9: u8 = 10;
/// The value of the letter A, the lowest letter.
const A: u8 = b'A' ^ b'0';
/// The first value above the letter F, the highest letter.
const ABOVE_F: u8 = (b'F' ^ b'0') + 1;
/// The distance from [`ABOVE_9`] to [`ABOVE_F`].
const GAP: u8 = ABOVE_F - ABOVE_9;

/// Returns the words of a layout.
const fn patterns<const COUNT: usize>(mut layout: &[u8]) -> [Pattern; COUNT] {
    let mut patterns = [Pattern { zeros: 0, offset: 0 }; COUNT];
    let mut unset: &mut [Pattern] = &mut patterns;
    while let (Some((bytes, other_bytes)), [pattern, others @ ..]) =
        (layout.split_first_chunk(), unset)
    {
        *pattern = Pattern::new(*bytes);
        (layout, unset) = (other_bytes, others);
    }
    patterns
}

impl Pattern {
    const fn new(mut bytes: [u8; WORD_SIZE]) -> Pattern {
        let mut offsets = [0x80 - (1 + GAP); WORD_SIZE];
        let (mut zeros, mut unset): (&mut [u8], &mut [u8]) = (&mut bytes, &mut offsets);
        while let ([byte, other_zeros @ ..], [offset, others @ ..]) = (zeros, unset) {
            if *byte == b'x' {
                (*byte, *offset) = (b'0', 0x80 - ABOVE_F);
            }
            (zeros, unset) = (other_zeros, others);
        }
        Pattern { zeros: word(&bytes), offset: word(&offsets) }
    }
}
