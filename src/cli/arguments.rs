//! The words of a command line as options and paths. This module does not know
//! the meaning of an option.

use super::options::OptionName;
use crate::bytes::split::split_once;

/// A part of a command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Argument<'a> {
    /// A word that is not an option.
    Path(&'a [u8]),
    /// An option, and its value if the command line has one.
    Option {
        /// The option.
        option: OptionName,
        /// The name in the command line, without the first dash.
        name: &'a [u8],
        /// The value, if the command line has one.
        value: Option<&'a [u8]>,
    },
    /// The name of an option that does not exist, without the first dash.
    Unknown(&'a [u8]),
}

impl Argument<'_> {
    /// Returns whether the argument is `option`.
    pub fn is_option(&self, option: OptionName) -> bool {
        matches!(self, Argument::Option { option: found, .. } if *found == option)
    }
}

/// The arguments of a command line, without the program's name.
///
/// Options and paths come in any order, and the word `--` ends the options. A
/// word of one dash and letters is a series of short options. The value of a
/// short option is the rest of the word, or the next word if the rest is empty.
/// The value of a long option is the text after the equals sign, or the next
/// word if the word has no equals sign.
///
/// A series goes on after an unknown letter, because a later letter may make
/// the program a monitor's plugin, and the plugin prints every error on
/// standard output.
#[derive(Clone, Debug)]
pub struct Arguments<'a, Words> {
    words: Words,
    /// The short options of the current word that the iterator has not returned
    /// yet, without a dash. Empty if no short option remains.
    letters: &'a [u8],
    have_options_ended: bool,
}

impl<'a, Words: Iterator<Item = &'a [u8]>> Arguments<'a, Words> {
    /// Starts at the first word of `words`.
    pub fn new(words: Words) -> Arguments<'a, Words> {
        Arguments { words, letters: b"", have_options_ended: false }
    }

    /// Splits an option into its name and its value. `option` lacks the first
    /// dash, so a long name begins with the second dash.
    fn split_option(&mut self, option: &'a [u8]) -> Argument<'a> {
        let is_long = option.first() == Some(&b'-');
        let (name, mut value) = if is_long {
            split_once(option, b'=')
        } else {
            let (name, rest) = option.split_at_checked(1).unwrap_or_default();
            (name, Some(rest).filter(|rest| !rest.is_empty()))
        };
        let option = OptionName::find(name);
        if option.is_some_and(OptionName::takes_value) {
            value = value.or_else(|| self.words.next());
        } else if !is_long {
            self.letters = value.take().unwrap_or_default();
        }
        match option {
            Some(option) => Argument::Option { option, name, value },
            None => Argument::Unknown(name),
        }
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
