//! A row of the table of tracked connections.
//!
//! It is as `ct_seq_show` (net/netfilter/nf_conntrack_standalone.c) has printed it since 2.6.20:
//!
//! ```text
//! ipv4     2 tcp      6 431999 ESTABLISHED src=… dst=… sport=… dport=… src=… … [ASSURED] mark=0 use=2
//! ```
//!
//! These are the names and numbers of both protocols ("%-8s %u %-8s %u "), the seconds that are left, what
//! the protocol has to say (which for TCP is the state), and the tuples of both directions. An offloaded
//! connection has neither seconds nor a state. The status stands behind a tuple. Words that aren't known are
//! skipped.

use core::num::NonZero;

use crate::counts::{LABELS, STATES, SUM, Subject};
use crate::decimal::natural;
use crate::packed::copy;
use crate::row::Port;
use crate::swar::{WORD, each, first, word};
use crate::words::split_once;

/// What a row says of its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tracked<'a> {
    /// The place of its group in the report.
    pub group: u8,
    /// The places of its state and of its status among the numbers of a group. What isn't TCP's has no state: then
    /// the first is [`SUM`], for which there is no counter.
    pub labels: [u8; 2],
    /// What was read, and where in it the row begins.
    pub bytes: &'a [u8],
    pub start: usize,
}

impl Tracked<'_> {
    /// The port that the original direction's tuple has behind this name. That tuple is the first of two.
    #[inline(never)]
    pub fn port(&self, name: &[u8]) -> Port {
        let (row, _) = split_once(self.bytes.get(self.start..).unwrap_or_default(), b'\n');
        let mut rest = Some(row);
        let mut tuples: u8 = 0;
        while let Some(row) = rest {
            let word;
            (word, rest) = split_once(row, b' ');
            tuples = tuples.wrapping_add(word.starts_with(b"src=").into());
            match word.strip_prefix(name).and_then(natural) {
                Some(number) if tuples == 1 => {
                    return Port::from_bytes((number as u16).to_be_bytes());
                }
                _ => {}
            }
        }
        Port::NONE
    }
}

/// The bit that small letters, digits, blanks and marks have, in eight bytes.
const SMALL: u64 = u64::from_ne_bytes([0x20; 8]);

/// The state of a row with none that is known.
const UNKNOWN: u8 = STATES as u8 - 1;

/// The status of a row without one.
const REPLIED: u8 = STATES as u8 + 1;

/// Reads the row that begins at this place, and gives the place of the newline behind it, and the group, the state
/// and the status; no place in `bytes` if no row begins there.
// (What it gives is in two registers.)
#[inline(never)]
pub fn read(bytes: &[u8], start: usize) -> (usize, u32) {
    find(bytes, start).unwrap_or((usize::MAX, 0))
}

#[inline(always)]
fn find(bytes: &[u8], start: usize) -> Option<(usize, u32)> {
    let (name, head) = bytes.get(start..)?.split_first_chunk()?;
    let version = four(name) ^ four(b"ipv4");
    let is_ipv6 = version == four(&[0, 0, 0, b'4' ^ b'6']);
    // Both names are in small letters, and there is no newline before their end.
    let (a, head) = head.split_first_chunk()?;
    let small = u64::from_ne_bytes(*a) & u64::from_ne_bytes(*head.first_chunk()?) & SMALL;
    if version != 0 && !is_ipv6 || small != SMALL {
        return None;
    }
    // The number, because for some protocols and kernels the name is "unknown".
    let mut place = start.wrapping_add("ipv4     2 unknown  ".len()).wrapping_add(is_ipv6.into());
    let protocol: u8 = match bytes.get(place.wrapping_sub(1)..)? {
        [b' ', b'6', b' ', ..] => 0,
        [b' ', b'1', b'7', b' ', ..] => 2,
        [b' ', number @ ..] => {
            natural(split_once(number, b' ').0)?;
            4
        }
        _ => return None,
    };
    let mut state = UNKNOWN;
    let mut status = REPLIED;
    // Where the tuples are looked for: behind the state, if there is one.
    let mut rest = place.wrapping_sub(1);
    loop {
        place = special(bytes, place)?;
        if bytes.get(place) == Some(&b'\n') {
            break;
        }
        let start = place;
        place = end_of_word(bytes, start.wrapping_add(1))?;
        let name = bytes.get(start..)?.first_chunk()?;
        let last = bytes.get(place.wrapping_sub(4)..)?.first_chunk()?;
        let digest = digest(name, last, place.wrapping_sub(start), FACTOR);
        let mut label = KNOWN.get(digest as usize % 32)? ^ digest & !31;
        if bytes.get(start.wrapping_sub(1)) != Some(&b' ') {
            label = NOTHING;
        }
        if label < STATES as u32 {
            state = label as u8;
            rest = place;
        } else if label < LABELS as u32 {
            status = label as u8;
        }
    }
    // (As a rule they are there. Where instructions are counted most, this is tried first.)
    let is_there = WORD == 8 && bytes.get(rest..)?.first_chunk() == Some(b" src=");
    if !is_there && !bytes.get(rest..place)?.windows(5).any(|bytes| bytes == b" src=") {
        return None;
    }
    if protocol != 0 {
        state = SUM as u8;
    }
    Some((place, u32::from_ne_bytes([protocol | u8::from(is_ipv6), state, status, 0])))
}

/// Four bytes, in the order of the machine.
const fn four(bytes: &[u8; 4]) -> u32 {
    u32::from_ne_bytes(*bytes)
}

/// The place of the next byte without the bit 0x20: of a row's bytes, a capital letter, a bracket, `_` or the newline.
#[inline(always)]
fn special(bytes: &[u8], mut place: usize) -> Option<usize> {
    let bit = each(0x20);
    // (Where a word is 4 bytes, this would be longer than it is worth.)
    while WORD == 8 {
        let bytes: &[u8; 4 * WORD] = bytes.get(place..)?.first_chunk()?;
        let (a, bytes) = bytes.split_first_chunk()?;
        let (b, bytes) = bytes.split_first_chunk()?;
        let (c, bytes) = bytes.split_first_chunk()?;
        let all = word(a) & word(b) & word(c) & word(bytes.first_chunk()?);
        if !all & bit != 0 {
            break;
        }
        place = place.wrapping_add(4 * WORD);
    }
    loop {
        if let Some(without) = NonZero::new(!word(bytes.get(place..)?.first_chunk()?) & bit) {
            return Some(place.wrapping_add(first(without)));
        }
        place = place.wrapping_add(WORD);
    }
}

/// The place of the next byte with neither the bit 0x40 nor the bit 0x10: of a row's bytes, the blank, the newline, and
/// marks such as `-` and `,`.
#[inline(always)]
fn end_of_word(bytes: &[u8], mut place: usize) -> Option<usize> {
    let bit = each(0x40);
    loop {
        let with = word(bytes.get(place..)?.first_chunk()?);
        if let Some(without) = NonZero::new(!(with | with << 2) & bit) {
            return Some(place.wrapping_add(first(without)));
        }
        place = place.wrapping_add(WORD);
    }
}

/// The words that are known, each at the place that the last five bits of its [digest] are, which no two have in
/// common: that digest, with the label in the place of these bits. (Another word may have the digest of one of them, as
/// `[ASSURED]NREPLIED]` has. Kernels print none that does.)
static KNOWN: [u32; 32] = known(FACTOR).unwrap();

/// No label.
const NOTHING: u32 = 31;

/// The first odd factor from that of Fibonacci hashing on for which there is such a table.
const FACTOR: u32 = {
    let mut factor = 0x9e37_79b1;
    while known(factor).is_none() {
        factor += 2;
    }
    factor
};

// What could panic here is run by the compiler, which then says so.
#[allow(clippy::arithmetic_side_effects, clippy::panic)]
const fn known(factor: u32) -> Option<[u32; 32]> {
    let mut known = [NOTHING; 32];
    let mut rest = Subject::CONNTRACK.numbers;
    let mut label = 0;
    while label < LABELS {
        let name;
        (name, rest) = rest.halves(1);
        let is_state = label < STATES;
        let (before, behind) = if is_state { ("", "") } else { ("[", "]") };
        let mut text = [0; 32];
        let mut length = copy(before, &mut text, 0);
        length = copy(name.0, &mut text, length);
        length = copy(behind, &mut text, length);
        // What the kernel puts behind a state, of which the shortest's digest takes some.
        copy(" src=", &mut text, length);
        let word = text.split_at(length).0;
        let (Some(first), Some(last)) = (text.first_chunk(), word.last_chunk()) else { panic!() };
        let is_in_rows = label != UNKNOWN as usize && label != REPLIED as usize;
        if is_in_rows {
            let digest = digest(first, last, length, factor);
            if known[digest as usize % 32] != NOTHING {
                return None;
            }
            known[digest as usize % 32] = digest & !31 | label as u32;
        }
        label += 1;
    }
    Some(known)
}

/// A number for a word of 4 to 12 bytes, by eight bytes from where it begins, its last four, and its length.
const fn digest(first: &[u8; 8], last: &[u8; 4], length: usize, factor: u32) -> u32 {
    let [a, b, c, d, e, f, g, h] = *first;
    let digest = four(&[a, b, c, d]).wrapping_mul(factor).wrapping_add(four(&[e, f, g, h]));
    let digest = digest.wrapping_mul(factor).wrapping_add(four(last)).wrapping_add(length as u32);
    digest ^ digest >> 16
}
