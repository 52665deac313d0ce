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
    pub(crate) const fn halves(self, number: usize) -> (&'static [u8], &'static [u8]) {
        let mut rest = self.0.as_bytes();
        let mut separators = 0;
        while let (true, [byte, behind @ ..]) = (separators < number, rest) {
            if *byte == b' ' {
                separators = separators.wrapping_add(1);
            }
            rest = behind;
        }
        let (words, _) = self.0.as_bytes().split_at(self.0.len().wrapping_sub(rest.len()));
        (words.trim_ascii_end(), rest)
    }

    /// The number of this word.
    pub fn position(self, word: &[u8], words: usize) -> Option<usize> {
        (0..words).find(|&number| self.get(number) == word)
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
