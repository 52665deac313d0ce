//! A row of a socket table.
//!
//! It begins as the kernel's format strings have it since 2.6 (`get_tcp4_sock` in net/ipv4/tcp_ipv4.c and
//! its like):
//!
//! ```text
//!   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
//!    0: 0100007F:0CEA 0100007F:D2A6 01 …      "%4d: %08X:%04X %08X:%04X %02X …" (%5d in UDP tables)
//! ```
//!
//! An IPv6 address is four times `%08X`. What follows `st` differs between kernels, and isn't read.

use crate::counts::State;
use crate::swar::{WORD, Word, each, word};
use crate::table::Family;

/// The columns of a row from the colon of `sl` to `st`, with an x for each hexadecimal digit. All this,
/// either half, and the remote address (which begins the second half) are whole words of any machine.
const INET: &[u8] = b": xxxxxxxx:xxxx xxxxxxxx:xxxx xx";
const INET6: &[u8] =
    b": xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx:xxxx xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx:xxxx xx";

/// The widest that `sl` can be, which is an `int`.
const SLOT: usize = "2147483647".len();

/// The widest that a row can be up to the blank behind `st`: so much of a line tells what it is.
pub const HEAD: usize = SLOT + INET6.len() + " ".len();

/// Bytes from the beginning of a row that are looked at, some of which may not be the row's.
pub const WINDOW: usize = SLOT + COLUMNS;

/// Those from the colon of `sl` on, and a word behind `st`.
const COLUMNS: usize = INET6.len() + WORD;

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
    /// That of a protocol without ports: its number is none of a port.
    pub const NONE: Port = Port([0xff; 4]);

    /// A port in network byte order.
    pub fn from_bytes([high, low]: [u8; 2]) -> Port {
        Port([high >> 4, high & 0xf, low >> 4, low & 0xf])
    }

    pub fn number(self) -> u32 {
        self.0.iter().fold(0, |number, &byte| {
            number << 4 | u32::from((byte & 0xf).wrapping_add((byte >> 6).wrapping_mul(9)))
        })
    }
}

/// What is known of a row.
pub struct Row {
    pub socket: Socket,
    /// Where to look for the newline, from there on. It is behind what was read only if the byte behind `st`
    /// isn't there yet.
    pub rest: usize,
}

/// Reads the row that begins at this place; nothing if none does. (The byte behind `st` may be the newline that
/// stands at the end of what was read, in place of one that isn't there yet.)
#[inline(always)]
pub fn read(bytes: &[u8], start: usize, family: Family) -> Option<Row> {
    let window: &[u8; WINDOW] = bytes.get(start..)?.first_chunk()?;
    let slot = slot(window)?;
    let columns: &[u8; COLUMNS] = window.get(slot..)?.first_chunk()?;
    let (length, layout): (usize, &[Pattern]) = match family {
        Family::Inet => (INET.len(), const { &patterns::<{ INET.len() / WORD }>(INET) }),
        Family::Inet6 => (INET6.len(), const { &patterns::<{ INET6.len() / WORD }>(INET6) }),
    };
    if !is_like(columns, layout) {
        return None;
    }

    let (local, others) = columns.split_at_checked(length / 2)?;
    let (remote, behind) = others.split_at_checked(length / 2)?;
    let (_, [a, b, c, d, _]) = local.split_last_chunk::<{ "xxxx ".len() }>()?;
    let (mut address, [_, e, f, g, h, _, high, low]) =
        remote.split_last_chunk::<{ ":xxxx xx".len() }>()?;
    let mut nonzero = 0;
    while let Some((bytes, others)) = address.split_first_chunk() {
        nonzero |= word(bytes) ^ each(b'0');
        address = others;
    }
    let socket = Socket {
        state: if *high == b'0' { state(*low) } else { State::Unknown },
        remote_is_zero: nonzero == 0,
        local_port: Port([*a, *b, *c, *d]),
        remote_port: Port([*e, *f, *g, *h]),
    };

    let mut rest = start.wrapping_add(slot).wrapping_add(length);
    // As a rule nothing is queued, and the newline isn't within these zeros.
    let (empty, _) = b" 0000000".split_first_chunk()?;
    if word(behind.first_chunk()?) == word(empty) {
        rest = rest.wrapping_add(WORD - 1);
    } else {
        let [b' ' | b'\n', ..] = behind else { return None };
    }
    Some(Row { socket, rest })
}

/// How wide the number in the `sl` column is, with the blanks before it.
#[inline(always)]
fn slot(window: &[u8; WINDOW]) -> Option<usize> {
    // In a long table it mostly has four digits.
    let four = u32::from_ne_bytes(*window.first_chunk()?) ^ u32::from_ne_bytes([b'0'; 4]);
    let above_9 = four.wrapping_add(u32::from_ne_bytes([0x80 - ABOVE_9; 4]));
    let mut has_digits = (four | above_9) & u32::from_ne_bytes([0x80; 4]) == 0;
    let mut width: usize = if has_digits { 4 } else { 0 };
    loop {
        match window.get(width)? {
            b'0'..=b'9' => has_digits = true,
            b' ' if !has_digits => {}
            _ => return has_digits.then_some(width),
        }
        width = width.wrapping_add(1);
    }
}

/// Whether columns are as these words of a layout are. Several bytes at once are compared, as in "Bit
/// Twiddling Hacks". (A table of 256 values is larger and not as fast.)
#[inline(always)]
fn is_like(columns: &[u8; COLUMNS], patterns: &[Pattern]) -> bool {
    let mut wrong = 0;
    for (bytes, pattern) in columns.chunks_exact(WORD).zip(patterns) {
        // 0 where the byte is the layout's. Else, where that has an x: 0 to 9, or A to F as differences to
        // the digit 0.
        let value = bytes.first_chunk().map_or(0, word) ^ pattern.zeros;
        // Each has the highest bit of a byte whose value is at least:
        //             above_all   above_low   high
        //   for x     ABOVE_F     ABOVE_9     A
        //   else      1 + GAP     1           A      (1 + GAP is less than A)
        // `high` implies `above_low`: they differ between ABOVE_9 and A. A byte carries into the next one only
        // if it has the highest bit itself, and then it is wrong.
        let above_all = value.wrapping_add(pattern.offset);
        let above_low = above_all.wrapping_add(each(GAP));
        let high = value.wrapping_add(each(0x80 - A));
        wrong |= value | above_all | (above_low ^ high);
    }
    wrong & each(0x80) == 0
}

/// The state whose number is this hexadecimal digit.
fn state(digit: u8) -> State {
    /// By the low bits, which no two digits have in common.
    const STATES: [State; 32] = {
        let mut states = [State::Unknown; 32];
        let mut digits: &[u8] = b"0123456789AB";
        let mut numbers: &[State] = &State::BY_NUMBER;
        while let ([digit, other_digits @ ..], [state, other_states @ ..]) = (digits, numbers) {
            states[(*digit % 32) as usize] = *state;
            (digits, numbers) = (other_digits, other_states);
        }
        states
    };
    STATES.get(usize::from(digit % 32)).copied().unwrap_or(State::Unknown)
}

/// A word of a layout.
#[derive(Clone, Copy)]
struct Pattern {
    /// Its bytes, with the digit 0 for x.
    zeros: Word,
    /// What to add to the value of each byte, so that the highest bit tells that it is more than the highest
    /// one that may be right.
    offset: Word,
}

/// What stands for an x has a value of 9 at most, or one from that of A to that of F.
const ABOVE_9: u8 = 10;
const A: u8 = b'A' ^ b'0';
const ABOVE_F: u8 = (b'F' ^ b'0') + 1;
/// From the first wrong value above 9 to the first above F.
const GAP: u8 = ABOVE_F - ABOVE_9;

/// The words of a layout.
const fn patterns<const NUMBER: usize>(mut layout: &[u8]) -> [Pattern; NUMBER] {
    let mut patterns = [Pattern { zeros: 0, offset: 0 }; NUMBER];
    let mut rest: &mut [Pattern] = &mut patterns;
    while let (Some((bytes, other_bytes)), [pattern, others @ ..]) =
        (layout.split_first_chunk(), rest)
    {
        *pattern = Pattern::new(*bytes);
        (layout, rest) = (other_bytes, others);
    }
    patterns
}

impl Pattern {
    const fn new(mut bytes: [u8; WORD]) -> Pattern {
        let mut offsets = [0x80 - (1 + GAP); WORD];
        let (mut zeros, mut rest): (&mut [u8], &mut [u8]) = (&mut bytes, &mut offsets);
        while let ([byte, other_zeros @ ..], [offset, others @ ..]) = (zeros, rest) {
            if *byte == b'x' {
                (*byte, *offset) = (b'0', 0x80 - ABOVE_F);
            }
            (zeros, rest) = (other_zeros, others);
        }
        Pattern { zeros: word(&bytes), offset: word(&offsets) }
    }
}
