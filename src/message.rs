//! What went wrong, as one line for a person.

use core::slice::from_ref;

use crate::options::{Problem, Usage};
use crate::rows::{HEAD, Line};
use crate::text::{Text, append};

/// What is wrong with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason<'a> {
    /// A system call failed, for this reason.
    Words(&'static str),
    /// A system call failed with an error number that nobody has put into words.
    Number(u32),
    /// This line isn't a socket row.
    NotARow(Line<'a>),
}

/// A run has failed, and the text says why. That is told where it happens, because a message quotes
/// what doesn't outlive it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// Tells a script what kind of failure it was.
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

/// Composes the message for a command line that makes no sense, in place of whatever the text was.
pub fn usage(Usage { problem, word }: Usage, text: &mut Text) -> Told {
    let (before, behind) = words(problem);
    text.clear();
    append!(text, "{}{}", PREFIX, before);
    quote(word, text);
    append!(text, "{}{}", behind, HINT);
    Told { exit_status: 2 }
}

/// Composes the message for a file that can't be read, understood or written, in place of whatever the
/// text was.
pub fn failure(file: File, reason: Reason, text: &mut Text) -> Told {
    text.clear();
    append!(text, "{}", PREFIX);
    quote(file.directory, text);
    append!(text, "{}: ", file.path);
    match reason {
        Reason::Words(words) => append!(text, "{}", words),
        Reason::Number(number) => append!(text, "Unknown error {}", number),
        Reason::NotARow(line) => {
            append!(text, "line {} is not a socket row: '", line.number);
            quote(line.head, text);
            append!(text, "'");
        }
    }
    append!(text, "\n");
    Told { exit_status: 1 }
}

/// What every message begins with.
const PREFIX: &str = concat!(env!("CARGO_PKG_NAME"), ": ");

/// What every message about the command line ends with.
const HINT: &str = concat!("; see '", env!("CARGO_PKG_NAME"), " --help'\n");

/// What a message says before and behind the word that has the problem.
fn words(problem: Problem) -> (&'static str, &'static str) {
    match problem {
        Problem::UnknownShort => ("unknown option '-", "'"),
        Problem::UnknownLong => ("unknown option '--", "'"),
        Problem::UnwantedValue => ("option '--", "' takes no value"),
        Problem::SecondPath => ("more than one PATH: '", "'"),
        Problem::EmptyPath => ("PATH is empty", ""),
    }
}

/// Appends bytes from outside so that a terminal shows them and does nothing else: printable ASCII as
/// it is, all others (and the backslash) like `\x1b`.
fn quote(bytes: &[u8], text: &mut Text) {
    let (shown, rest) = bytes.split_at_checked(SHOWN).unwrap_or((bytes, b""));
    for byte in shown {
        let escaped = [b'\\', b'x', hexadecimal_digit(byte >> 4), hexadecimal_digit(byte & 0xf)];
        let is_plain = matches!(byte, b' '..=b'~') && *byte != b'\\';
        text.push(if is_plain { from_ref(byte) } else { &escaped });
    }
    if !rest.is_empty() {
        append!(text, "...");
    }
}

fn hexadecimal_digit(value: u8) -> u8 {
    b"0123456789abcdef".get(usize::from(value)).copied().unwrap_or(b'?')
}
