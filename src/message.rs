//! What went wrong, as one line for a person or for a monitor.

use crate::check;
use crate::options::{Problem, Usage};
use crate::packed::{Packed, pack};
use crate::report::Format;
use crate::row::HEAD;
use crate::rows::Line;
use crate::text::{SHOWN, Text};

/// What is wrong with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reason<'a> {
    /// For the word and the number.
    template: Packed,
    word: &'a [u8],
    number: u32,
}

impl<'a> Reason<'a> {
    /// A system call failed, for this reason.
    pub const fn words(words: Packed) -> Reason<'static> {
        Reason { template: words, word: b"", number: 0 }
    }

    /// A system call failed with an error number that nobody has put into words.
    pub const fn number(number: u32) -> Reason<'static> {
        Reason { template: pack!("Unknown error %N"), word: b"", number }
    }

    /// This line isn't a row.
    pub const fn not_a_row(line: Line<'a>) -> Reason<'a> {
        Reason {
            template: pack!("line %N is not a row of this table: '%A'"),
            word: line.head,
            number: line.number,
        }
    }
}

/// A run has failed, and the text says why. That is told where it happens, because a message quotes
/// what doesn't outlive it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// Tells a script what kind of failure it was.
    pub exit_status: u8,
}

/// What a message calls a file: a directory and a path under it, or a name and what is behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct File<'a> {
    pub directory: &'a [u8],
    pub path: &'static [u8],
}

impl File<'_> {
    pub const NETLINK: File<'static> = File {
        directory: b"",
        path: b"sock_diag (needs tcp_diag and udp_diag; --source proc works without)",
    };
    pub const STANDARD_OUTPUT: File<'static> = File { directory: b"", path: b"standard output" };
}

/// Bytes that any message fits in: its words, a directory, and a line's head, all of them escaped.
pub(crate) const CAPACITY: usize = {
    const WORDS: usize = 256;
    WORDS + "\\xff".len() * (SHOWN + HEAD)
};

/// Who reads the messages, and takes the exit status for what it means to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    Person,
    /// A monitoring system that runs the program as its plugin.
    Monitor,
}

impl Reader {
    /// The exit status where nothing was measured, which is this one to a person.
    pub fn exit_status(self, person: u8) -> u8 {
        match self {
            Reader::Person => person,
            Reader::Monitor => check::UNKNOWN,
        }
    }

    /// Begins a message, in place of whatever the text was.
    fn begin(self, text: &mut Text) {
        text.clear();
        match self {
            Reader::Person => text.push(concat!(env!("CARGO_PKG_NAME"), ": ").as_bytes()),
            Reader::Monitor => check::begin(check::UNKNOWN, text),
        }
    }
}

/// Composes the message for a command line that makes no sense.
pub fn usage(Usage { problem, word }: Usage, reader: Reader, text: &mut Text) -> Told {
    reader.begin(text);
    let values: &[&[u8]] = &[word, Format::NAMES.0.as_bytes()];
    text.fill_part(Problem::TEMPLATES, problem as usize, values, 0);
    text.fill(pack!(concat!("; see '", env!("CARGO_PKG_NAME"), " --help'\n")), &[], 0);
    Told { exit_status: reader.exit_status(2) }
}

/// Composes the message for a file that can't be read, understood or written.
pub fn failure(file: &File, reason: &Reason, reader: Reader, text: &mut Text) -> Told {
    reader.begin(text);
    text.fill(pack!("%A%B: "), &[file.directory, file.path], 0);
    text.fill(reason.template, &[reason.word], reason.number);
    text.push(b"\n");
    Told { exit_status: reader.exit_status(1) }
}
