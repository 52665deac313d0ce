//! One row of the table of tracked connections.
//!
//! `ct_seq_show` (net/netfilter/nf_conntrack_standalone.c) has printed it in
//! this way since 2.6.20:
//!
//! ```text
//! ipv4     2 tcp      6 431999 ESTABLISHED src=… dst=… sport=… dport=… src=… … [ASSURED] mark=0 use=2
//! ```
//!
//! These are the names and numbers of both protocols ("%-8s %u %-8s %u "), the
//! seconds that are left, what the protocol adds, which for TCP is the state,
//! and the tuples of both directions. An offloaded connection has neither
//! seconds nor a state. The status stands after a tuple. Unknown words are
//! skipped.

use core::num::NonZero;

use crate::bytes::decimal::parse_decimal;
use crate::bytes::split::split_once;
use crate::bytes::swar::{WORD_SIZE, first_nonzero_byte, splat, word};
use crate::model::connection::{
    Connection, ConnectionGroup, ConnectionState, ConnectionStatus, Protocol,
};
use crate::model::port::Port;
use crate::model::socket::Family;

/// A row and its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConntrackRow<'a> {
    /// The connection of the row.
    pub connection: Connection,
    /// The bytes that hold the row.
    bytes: &'a [u8],
    /// The index of the row in these bytes.
    start: usize,
}

impl ConntrackRow<'_> {
    /// Returns the source and the destination port of the original direction.
    pub fn original_ports(&self) -> [Port; 2] {
        let (row, _) = split_once(self.bytes.get(self.start..).unwrap_or_default(), b'\n');
        [original_port(row, b"sport="), original_port(row, b"dport=")]
    }
}

/// Returns the port that follows this name in the tuple of the original
/// direction, which is the first of two.
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

/// Parses the row that begins at `start`, and returns the index of its newline
/// with it. Returns nothing if no row begins there, or if `bytes` end before
/// the newline.
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
    // The protocol's name has no uppercase letter, and no newline comes before
    // its end.
    let (a, head) = head.split_first_chunk()?;
    let common_bits = u64::from_ne_bytes(*a) & u64::from_ne_bytes(*head.first_chunk()?);
    if common_bits & LOWERCASE != LOWERCASE {
        return None;
    }
    // The number tells the protocol, because the name of some is "unknown".
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
    // The tuples begin after the state if there is one.
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
    // Mostly a tuple follows the state at once.
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

/// The bit 0x20 in eight bytes. Lowercase letters, digits, spaces and marks
/// have it, uppercase letters and the newline do not.
const LOWERCASE: u64 = u64::from_ne_bytes([0x20; 8]);

/// Returns the index of the next byte without the bit 0x20. Of a row's bytes
/// these are uppercase letters, brackets, `_` and the newline.
#[inline(always)]
fn find_uppercase_or_delimiter(bytes: &[u8], start: usize) -> Option<usize> {
    let bit = splat(0x20);
    let mut index = start;
    // Four words at a time, because most of a row is addresses and numbers.
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
/// 0x10. Of a row's bytes these are the space, the newline, and marks such as
/// `-` and `,`.
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

/// What a known word says of its connection.
#[derive(Clone, Copy)]
enum Label {
    State(ConnectionState),
    Status(ConnectionStatus),
}

/// The letters of a word with 4 to 12 bytes, in a form that compares quickly:
/// its first eight and last four bytes overlap or meet. A word with fewer than
/// eight bytes is compared with what follows it.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Spelling {
    first: [u8; 8],
    last: [u8; 4],
    length: u8,
}

/// A word of the kernel's and its meaning.
#[derive(Clone, Copy)]
#[repr(align(16))]
struct KnownWord {
    spelling: Spelling,
    label: Label,
}

impl KnownWord {
    /// A word that no row has.
    const NONE: KnownWord = KnownWord {
        spelling: Spelling { first: [0; 8], last: [0; 4], length: 0 },
        label: Label::Status(ConnectionStatus::Replied),
    };
}

impl Spelling {
    /// Reads the word between two indexes, and what follows it if it is short.
    #[inline(always)]
    const fn read(bytes: &[u8], start: usize, end: usize) -> Option<Spelling> {
        let (Some((_, from_start)), Some((to_end, _))) =
            (bytes.split_at_checked(start), bytes.split_at_checked(end))
        else {
            return None;
        };
        match (from_start.first_chunk(), to_end.last_chunk()) {
            (Some(first), Some(last)) => {
                Some(Spelling { first: *first, last: *last, length: (end - start) as u8 })
            }
            _ => None,
        }
    }

    /// Returns what the word says, if it is a known word.
    #[inline(always)]
    fn label(&self) -> Option<Label> {
        let known = KNOWN_WORDS.get(self.slot(FACTOR))?;
        (known.spelling == *self).then_some(known.label)
    }

    /// Returns the index of the one known word that this can be: a hash of the
    /// first and the last four bytes, which no two known words have in common.
    const fn slot(&self, factor: u32) -> usize {
        let [a, b, c, d, ..] = self.first;
        let first = u32::from_ne_bytes([a, b, c, d]);
        let hash = (first ^ u32::from_ne_bytes(self.last)).wrapping_mul(factor);
        (hash >> (u32::BITS - SLOTS.ilog2())) as usize
    }
}

const SLOTS: usize = 32;

/// The known words by their [slot](Spelling::slot).
static KNOWN_WORDS: [KnownWord; SLOTS] = match known_words(FACTOR) {
    Some(words) => words,
    None => panic!("FACTOR gives two words the same slot"),
};

/// The first odd factor that leaves every known word a slot of its own. The
/// search starts at the factor of Fibonacci hashing.
const FACTOR: u32 = {
    let mut factor = 0x9e37_79b1;
    while known_words(factor).is_none() {
        factor += 2;
    }
    factor
};

/// Places the known words by this factor, or returns nothing if two words have
/// the same slot.
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
        // The kernel prints neither. They are the report's names for a row
        // without a known word.
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
    /// Returns how the kernel prints the label: a state before a tuple, and a
    /// status in brackets.
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

/// Copies bytes to an index of a text, and returns the index after them.
const fn append(text: &mut [u8], index: usize, mut bytes: &[u8]) -> usize {
    let mut end = index;
    while let [byte, rest @ ..] = bytes {
        text[end] = *byte;
        end += 1;
        bytes = rest;
    }
    end
}
