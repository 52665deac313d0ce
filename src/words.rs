//! Lists of words in one text each. (As arrays they would be larger, by a pointer and a length for each word.)

/// Words with blanks between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Words(pub &'static str);

impl Words {
    /// The word of this number, from 0 on; an empty one behind the last.
    pub fn get(self, number: usize) -> &'static [u8] {
        part(self.0.as_bytes(), b' ', number)
    }

    /// The words before the one of this number, and that with those behind it.
    #[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
    pub(crate) const fn halves(self, number: usize) -> (Words, Words) {
        let text = self.0.as_bytes();
        let mut place = 0;
        let mut separators = 0;
        while separators < number {
            if text[place] == b' ' {
                separators += 1;
            }
            place += 1;
        }
        let (words, others) = text.split_at(place);
        (Words(as_text(words.trim_ascii_end())), Words(as_text(others)))
    }

    /// The number of this word.
    pub fn position(self, word: &[u8], words: usize) -> Option<usize> {
        (0..words).find(|&number| self.get(number) == word)
    }
}

/// These bytes of a text.
#[allow(clippy::panic)]
const fn as_text(bytes: &'static [u8]) -> &'static str {
    match core::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(_) => panic!(),
    }
}

/// The part of this number, from 0 on, of a text with such bytes between its parts; an empty one behind the
/// last.
#[inline(never)]
pub(crate) fn part(text: &[u8], separator: u8, number: usize) -> &[u8] {
    let mut rest = text;
    for _ in 0..number {
        rest = split_once(rest, separator).1.unwrap_or_default();
    }
    split_once(rest, separator).0
}

/// What stands before the first such byte, and what behind it if there is one.
#[inline(never)]
pub fn split_once(text: &[u8], separator: u8) -> (&[u8], Option<&[u8]>) {
    let place = text.iter().position(|&byte| byte == separator);
    match place.and_then(|place| text.split_at_checked(place)) {
        Some((before, [_, behind @ ..])) => (before, Some(behind)),
        _ => (text, None),
    }
}
