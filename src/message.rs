//! What went wrong, as one line for a person.

use crate::options::{Problem, Usage};
use crate::rows::{HEAD, Line};
use crate::text::{Text, append};

/// The program's name, as its messages and its help have it.
pub const PROGRAM: &str = "network-connections";

/// Why a run failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error<'a> {
    /// The command line makes no sense.
    Usage(Usage<'a>),
    /// A system call on this file failed.
    File { file: File<'a>, reason: Reason },
    /// A line of this file isn't a socket row.
    Row { file: File<'a>, line: Line<'a> },
    /// The text for standard output is longer than the buffer made for it.
    TooLong,
    /// Whoever read standard output has closed it, and wants no message either.
    ReaderGone,
}

/// Why a system call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    Words(&'static str),
    /// An error number that nobody has put into words.
    Number(i32),
}

/// There has been an [`Error`], and the message is [told](Error::tell).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// The exit status that tells a script what kind of error it was.
    pub exit_status: u8,
}

/// What a message calls a file: a directory and a path under it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct File<'a> {
    pub directory: &'a [u8],
    pub path: &'static str,
}

impl File<'_> {
    pub const STANDARD_OUTPUT: File<'static> = File { directory: b"", path: "standard output" };
}

/// Bytes that a message shows of what it quotes, and puts three dots for the rest. More than nearly
/// every path has.
const SHOWN: usize = 1024;

/// Bytes that any message fits in: its words, a directory, and a line's head, all of them escaped.
pub(crate) const CAPACITY: usize = {
    const WORDS: usize = 256;
    WORDS + "\\xff".len() * (SHOWN + HEAD)
};

impl Error<'_> {
    /// Composes the message, in place of whatever the text was: one line that begins with the
    /// program's name, or nothing. An error is told where it happens, because what it is about may
    /// be in a buffer that is reused.
    pub fn tell(self, text: &mut Text) -> Told {
        text.clear();
        append!(text, "{}: ", PROGRAM);
        let mut exit_status = 1;
        match self {
            Error::Usage(usage) => {
                exit_status = 2;
                write_usage(usage, text);
                append!(text, "; see '{} --help'", PROGRAM);
            }
            Error::File { file, reason } => {
                write_file(file, text);
                match reason {
                    Reason::Words(words) => append!(text, ": {}", words),
                    Reason::Number(number) => append!(text, ": Unknown error {}", number),
                }
            }
            Error::Row { file, line } => {
                write_file(file, text);
                append!(text, ": line {} is not a socket row: '", line.number);
                quote(line.head, text);
                append!(text, "'");
            }
            Error::TooLong => append!(text, "the output does not fit its buffer"),
            Error::ReaderGone => {
                text.clear();
                return Told { exit_status };
            }
        }
        append!(text, "\n");
        Told { exit_status }
    }
}

fn write_usage(usage: Usage, text: &mut Text) {
    let (before, after) = match usage.problem {
        Problem::UnknownShort => ("unknown option '-", "'"),
        Problem::UnknownLong => ("unknown option '--", "'"),
        Problem::UnwantedValue => ("option '--", "' takes no value"),
        Problem::SecondPath => ("more than one PATH: '", "'"),
        Problem::EmptyPath => ("PATH is empty", ""),
    };
    append!(text, "{}", before);
    quote(usage.word, text);
    append!(text, "{}", after);
}

fn write_file(file: File, text: &mut Text) {
    quote(file.directory, text);
    append!(text, "{}", file.path);
}

/// Appends bytes from outside so that a terminal shows them and does nothing else: printable ASCII as
/// it is, all others (and the backslash) like `\x1b`.
fn quote(bytes: &[u8], text: &mut Text) {
    let (shown, rest) = bytes.split_at_checked(SHOWN).unwrap_or((bytes, b""));
    for &byte in shown {
        if matches!(byte, b' '..=b'~') && byte != b'\\' {
            text.push(&[byte]);
        } else {
            let [high, low] = [byte >> 4, byte & 0xf].map(hexadecimal_digit);
            text.push(&[b'\\', b'x', high, low]);
        }
    }
    if !rest.is_empty() {
        append!(text, "...");
    }
}

fn hexadecimal_digit(value: u8) -> u8 {
    b"0123456789abcdef".get(usize::from(value)).copied().unwrap_or(b'?')
}
