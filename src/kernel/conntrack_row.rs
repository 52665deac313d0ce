//! One row of the table of tracked connections.
//!
//! Since Linux 2.6.20, `ct_seq_show` in net/netfilter/nf_conntrack_standalone.c
//! prints a row in this format:
//!
//! ```text
//! ipv4     2 tcp      6 431999 ESTABLISHED src=… dst=… sport=… dport=… src=… … [ASSURED] mark=0 use=2
//! ```
//!
//! A row begins with the name and number of the address family and the name and
//! number of the protocol, printed as "%-8s %u %-8s %u ". The next words are
//! the seconds until the connection expires, the protocol's own text, and a
//! tuple of addresses and ports for each direction. For TCP, the protocol's own
//! text is the state. The row of an offloaded connection has neither seconds
//! nor a state. A status comes after a tuple. The parser skips unknown words.

use core::num::NonZero;

use crate::bytes::decimal::parse_decimal;
use crate::bytes::split::split_once;
use crate::bytes::swar::{WORD_SIZE, first_nonzero_byte, splat, word};
use crate::model::connection::{
    Connection, ConnectionGroup, ConnectionState, ConnectionStatus, Protocol,
};
use crate::model::port::Port;
use crate::model::socket::Family;

/// A row, and the connection that the row describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConntrackRow<'a> {
    /// The connection of the row.
    pub connection: Connection,
    /// The bytes that contain the row.
    bytes: &'a [u8],
    /// The index of the row's first byte in `bytes`.
    start: usize,
}

impl ConntrackRow<'_> {
    /// Returns the source port and the destination port of the original
    /// direction.
    pub fn original_ports(&self) -> [Port; 2] {
        let (row, _) = split_once(self.bytes.get(self.start..).unwrap_or_default(), b'\n');
        [original_port(row, b"sport="), original_port(row, b"dport=")]
    }
}

/// Returns the port with this name in the first of the row's two tuples, which
/// is the tuple of the original direction. Returns [`Port::NONE`] if this tuple
/// has no such port, or if the port is above 65535.
fn original_port(row: &[u8], name: &[u8]) -> Port {
    let mut tuples = 0;
    let mut rest = Some(row);
    while let Some(text) = rest {
        let word;
        (word, rest) = split_once(text, b' ');
        tuples += u32::from(word.starts_with(b"src="));
        let number = word.strip_prefix(name).and_then(parse_decimal);
        if let (1, Some(number)) = (tuples, number) {
            let port = u16::try_from(number);
            return port.map_or(Port::NONE, |port| Port::from_network_order(port.to_be_bytes()));
        }
    }
    Port::NONE
}

/// Parses the row that begins at `start`. Returns the row and the index of the
/// newline that ends the row. Returns nothing if no row begins at `start`.
///
/// `bytes` must contain the newline and at least four machine words from the
/// newline on. Otherwise the function may return nothing.
#[inline(always)]
pub fn parse(bytes: &[u8], start: usize) -> Option<(ConntrackRow<'_>, usize)> {
    let (family_name, head) = bytes.get(start..)?.split_first_chunk()?;
    let family = if family_name == b"ipv4" {
        Family::Inet
    } else if family_name == b"ipv6" {
        Family::Inet6
    } else {
        return None;
    };
    // The sixteen bytes after the family's name reach the end of the protocol's
    // name. A row has no uppercase letter and no newline in these bytes.
    let (a, head) = head.split_first_chunk()?;
    let common_bits = u64::from_ne_bytes(*a) & u64::from_ne_bytes(*head.first_chunk()?);
    if common_bits & LOWERCASE != LOWERCASE {
        return None;
    }
    // The parser compares the number of the protocol, because the kernel prints
    // the name "unknown" for several protocols.
    let prefix = match family {
        Family::Inet => "ipv4     2 unknown ",
        Family::Inet6 => "ipv6     10 unknown ",
    };
    let mut index = start + prefix.len();
    let protocol = match bytes.get(index..)? {
        [b' ', b'6', b' ', ..] => Protocol::Tcp,
        [b' ', b'1', b'7', b' ', ..] => Protocol::Udp,
        [b' ', number @ ..] => {
            parse_decimal(split_once(number, b' ').0)?;
            Protocol::Other
        }
        _ => return None,
    };

    let group = ConnectionGroup::of(protocol, family);

    let mut state = ConnectionState::Unknown;
    let mut status = ConnectionStatus::Replied;
    // The first tuple begins at `tuples` or later. If the row has a state, the
    // loop sets `tuples` to the index after the state.
    let mut tuples = index;
    index += 1;
    loop {
        index = find_uppercase_or_delimiter(bytes, index)?;
        if bytes.get(index) == Some(&b'\n') {
            break;
        }
        let word_start = index;
        index = find_word_end(bytes, word_start + 1)?;
        if bytes.get(word_start - 1) != Some(&b' ') {
            continue;
        }
        match Spelling::read(bytes, word_start, index)?.label() {
            Some(Label::State(named)) => {
                state = named;
                tuples = index;
            }
            Some(Label::Status(named)) => status = named,
            None => {}
        }
    }
    // In most rows, the first tuple directly follows the state.
    let has_tuple = bytes.get(tuples..)?.first_chunk() == Some(b" src=")
        || bytes.get(tuples..index)?.windows(5).any(|bytes| bytes == b" src=");
    if !has_tuple {
        return None;
    }
    let connection = Connection {
        group,
        state: matches!(group, ConnectionGroup::Tcp4 | ConnectionGroup::Tcp6).then_some(state),
        status,
    };
    Some((ConntrackRow { connection, bytes, start }, index))
}

/// The bit 0x20 in eight bytes. Lowercase letters, digits and spaces have this
/// bit. Uppercase letters and the newline lack this bit.
const LOWERCASE: u64 = u64::from_ne_bytes([0x20; 8]);

/// Returns the index of the next byte without the bit 0x20. In a row, uppercase
/// letters, brackets, `_` and the newline lack this bit.
#[inline(always)]
fn find_uppercase_or_delimiter(bytes: &[u8], start: usize) -> Option<usize> {
    let bit = splat(0x20);
    let mut index = start;
    // The first loop skips four machine words at a time, because most bytes of
    // a row belong to addresses and numbers.
    loop {
        let block: &[u8; 4 * WORD_SIZE] = bytes.get(index..)?.first_chunk()?;
        let (a, block) = block.split_first_chunk()?;
        let (b, block) = block.split_first_chunk()?;
        let (c, block) = block.split_first_chunk()?;
        let common_bits = word(a) & word(b) & word(c) & word(block.first_chunk()?);
        if !common_bits & bit != 0 {
            break;
        }
        index += 4 * WORD_SIZE;
    }
    loop {
        let word = word(bytes.get(index..)?.first_chunk()?);
        if let Some(found) = NonZero::new(!word & bit) {
            return Some(index + first_nonzero_byte(found));
        }
        index += WORD_SIZE;
    }
}

/// Returns the index of the next byte with neither the bit 0x40 nor the bit
/// 0x10. In a row, the space, the newline, and marks such as `-` and `,` lack
/// both bits.
#[inline(always)]
fn find_word_end(bytes: &[u8], start: usize) -> Option<usize> {
    let bit = splat(0x40);
    let mut index = start;
    loop {
        let word = word(bytes.get(index..)?.first_chunk()?);
        if let Some(found) = NonZero::new(!(word | word << 2) & bit) {
            return Some(index + first_nonzero_byte(found));
        }
        index += WORD_SIZE;
    }
}

/// The state or the status that a known word names.
#[derive(Clone, Copy)]
enum Label {
    State(ConnectionState),
    Status(ConnectionStatus),
}

/// A word of 4 to 12 bytes, in a form that the program compares quickly. The
/// first eight and the last four bytes overlap or meet, so both fields together
/// contain every byte of the word. If the word has fewer than eight bytes,
/// `first` also contains bytes after the word.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Spelling {
    first: [u8; 8],
    last: [u8; 4],
    /// The length modulo 65536. The program's buffer is shorter than 65536
    /// bytes, so no two lengths have the same value here.
    length: u16,
}

/// A word that the kernel prints, and the meaning of the word.
#[derive(Clone, Copy)]
#[repr(align(16))]
struct KnownWord {
    spelling: Spelling,
    label: Label,
}

impl KnownWord {
    /// The value of an unused slot: a word that no row contains.
    const NONE: KnownWord = KnownWord {
        spelling: Spelling { first: [0; 8], last: [0; 4], length: 0 },
        label: Label::Status(ConnectionStatus::Replied),
    };
}

impl Spelling {
    /// Reads the word from `start` up to `end`. If the word has fewer than
    /// eight bytes, the function also reads bytes after the word.
    #[inline(always)]
    const fn read(bytes: &[u8], start: usize, end: usize) -> Option<Spelling> {
        let (Some((_, from_start)), Some((to_end, _))) =
            (bytes.split_at_checked(start), bytes.split_at_checked(end))
        else {
            return None;
        };
        match (from_start.first_chunk(), to_end.last_chunk()) {
            (Some(first), Some(last)) => {
                Some(Spelling { first: *first, last: *last, length: (end - start) as u16 })
            }
            _ => None,
        }
    }

    /// Returns the label of the word, or nothing if the word is not known.
    #[inline(always)]
    fn label(&self) -> Option<Label> {
        let known = KNOWN_WORDS.get(self.slot(FACTOR))?;
        (known.spelling == *self).then_some(known.label)
    }

    /// Returns a hash of the first four and the last four bytes. No two known
    /// words have the same hash, so the hash is the index of the only known
    /// word that can be equal to this word.
    const fn slot(&self, factor: u32) -> usize {
        let [a, b, c, d, ..] = self.first;
        let first = u32::from_ne_bytes([a, b, c, d]);
        let hash = (first ^ u32::from_ne_bytes(self.last)).wrapping_mul(factor);
        (hash >> (u32::BITS - SLOTS.ilog2())) as usize
    }
}

const SLOTS: usize = 32;

/// The known words. The index of each word is its [slot](Spelling::slot).
static KNOWN_WORDS: [KnownWord; SLOTS] = match known_words(FACTOR) {
    Some(words) => words,
    None => panic!("FACTOR gives two words the same slot"),
};

/// The first odd factor for which no two known words have the same slot. The
/// search starts at the factor of Fibonacci hashing.
const FACTOR: u32 = {
    let mut factor = 0x9e37_79b1;
    while known_words(factor).is_none() {
        factor += 2;
    }
    factor
};

/// Returns the table of the known words for this factor, or nothing if two
/// words have the same slot.
const fn known_words(factor: u32) -> Option<[KnownWord; SLOTS]> {
    let mut words = [KnownWord::NONE; SLOTS];
    let mut index = 0;
    while index < ConnectionState::COUNT + ConnectionStatus::COUNT {
        let label = if index < ConnectionState::COUNT {
            Label::State(ConnectionState::ALL[index])
        } else {
            Label::Status(ConnectionStatus::ALL[index - ConnectionState::COUNT])
        };
        index += 1;
        // The kernel prints neither UNKNOWN nor REPLIED. A TCP row without a
        // known state counts as UNKNOWN, and a row without a known status
        // counts as REPLIED.
        if let Label::State(ConnectionState::Unknown) | Label::Status(ConnectionStatus::Replied) =
            label
        {
            continue;
        }
        let spelling = label.spelling();
        let slot = spelling.slot(factor);
        if words[slot].spelling.length != 0 {
            return None;
        }
        words[slot] = KnownWord { spelling, label };
    }
    Some(words)
}

impl Label {
    /// Returns the word that the kernel prints for the label. The kernel prints
    /// ` src=` after a state, and the spelling of a short state contains the
    /// start of this text. The kernel prints a status in brackets.
    #[expect(clippy::panic, reason = "only the compiler runs it")]
    const fn spelling(self) -> Spelling {
        let mut text = [0; 32];
        let length = match self {
            Label::State(state) => {
                let end = append(&mut text, 0, ConnectionState::NAMES.get(state as usize));
                append(&mut text, end, b" src=");
                end
            }
            Label::Status(status) => {
                let end = append(&mut text, 0, b"[");
                let end = append(&mut text, end, ConnectionStatus::NAMES.get(status as usize));
                append(&mut text, end, b"]")
            }
        };
        match Spelling::read(&text, 0, length) {
            Some(spelling) => spelling,
            None => panic!("the name is too short"),
        }
    }
}

/// Copies `bytes` into a text from `index` on, and returns the index after the
/// copied bytes.
const fn append(text: &mut [u8], index: usize, mut bytes: &[u8]) -> usize {
    let mut end = index;
    while let [byte, rest @ ..] = bytes {
        text[end] = *byte;
        end += 1;
        bytes = rest;
    }
    end
}
