//! The words of a command line as options and paths, whatever these mean.

use super::options::OptionName;
use crate::bytes::split::split_once;

/// A part of a command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Argument<'a> {
    /// A word that is no option.
    Path(&'a [u8]),
    /// An option, and its value if there is one.
    Option {
        /// Which option.
        option: OptionName,
        /// Its name as the command line has it, without the first dash.
        name: &'a [u8],
        /// Its value.
        value: Option<&'a [u8]>,
    },
    /// An option that does not exist, without the first dash.
    Unknown(&'a [u8]),
}

impl Argument<'_> {
    /// Returns whether it is this option.
    pub fn is_option(&self, option: OptionName) -> bool {
        matches!(self, Argument::Option { option: found, .. } if *found == option)
    }
}

/// Splits a command line, without the program's name.
///
/// Options and paths come in any order, and the word `--` ends the options. A
/// word of one dash and letters is a series of short options. An option that
/// takes a value takes the rest of its word, or else the next word.
#[derive(Clone, Debug)]
pub struct Arguments<'a, Words> {
    words: Words,
    /// What follows the last short option in the same word.
    letters: &'a [u8],
    have_options_ended: bool,
}

impl<'a, Words: Iterator<Item = &'a [u8]>> Arguments<'a, Words> {
    /// Starts at the first of these words.
    pub fn new(words: Words) -> Arguments<'a, Words> {
        Arguments { words, letters: b"", have_options_ended: false }
    }

    /// Splits an option without the first dash. A second dash begins a long
    /// name.
    fn split_option(&mut self, option: &'a [u8]) -> Argument<'a> {
        let is_long = option.first() == Some(&b'-');
        let (name, mut value) = if is_long {
            split_once(option, b'=')
        } else {
            let (name, rest) = option.split_at_checked(1).unwrap_or_default();
            (name, Some(rest).filter(|rest| !rest.is_empty()))
        };
        let Some(option) = OptionName::find(name) else { return Argument::Unknown(name) };
        if option.takes_value() {
            value = value.or_else(|| self.words.next());
        } else if !is_long {
            self.letters = value.take().unwrap_or_default();
        }
        Argument::Option { option, name, value }
    }
}

impl<'a, Words: Iterator<Item = &'a [u8]>> Iterator for Arguments<'a, Words> {
    type Item = Argument<'a>;

    fn next(&mut self) -> Option<Argument<'a>> {
        if !self.letters.is_empty() {
            let letters = core::mem::take(&mut self.letters);
            return Some(self.split_option(letters));
        }
        let mut word = self.words.next()?;
        if word == b"--" && !self.have_options_ended {
            self.have_options_ended = true;
            word = self.words.next()?;
        }
        Some(match word {
            [b'-', option @ ..] if !self.have_options_ended && !option.is_empty() => {
                self.split_option(option)
            }
            path => Argument::Path(path),
        })
    }
}
