//! The command line: which options there are, what each does, and how they are explained.

use core::slice::from_ref;

use crate::text::{Text, append};

/// What a command line asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command<'a> {
    /// Count the sockets and report the counts.
    Count(Options<'a>),
    Help,
    Version,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options<'a> {
    /// The procfs directory with the socket tables, never empty.
    pub path: &'a [u8],
    /// Whether listening and unconnected sockets count.
    pub all: bool,
}

impl Default for Options<'_> {
    fn default() -> Self {
        Options { path: b"/proc", all: false }
    }
}

/// Why a command line makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage<'a> {
    pub problem: Problem,
    /// What has the problem: an option's name without its dashes, or an argument.
    pub word: &'a [u8],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    UnknownShort,
    UnknownLong,
    /// An option that takes no value has one, such as `--all=yes`.
    UnwantedValue,
    /// A second argument that isn't an option.
    SecondPath,
    /// As from an unset variable in a script. It would mean the root directory.
    EmptyPath,
}

/// An option. Adding one is adding a row to [`DEFINITIONS`], and what it does to [`Options::set`].
struct Definition {
    short: u8,
    long: &'static str,
    help: &'static str,
    effect: Effect,
}

#[derive(Clone, Copy)]
enum Effect {
    All,
    Help,
    Version,
}

/// Every option, in the order of the help.
static DEFINITIONS: [Definition; 3] = [
    Definition {
        short: b'a',
        long: "all",
        help: "count listening and unconnected sockets too",
        effect: Effect::All,
    },
    Definition { short: b'h', long: "help", help: "show this help", effect: Effect::Help },
    Definition { short: b'V', long: "version", help: "show the version", effect: Effect::Version },
];

/// Reads a command line, without the program's name. Options and PATH come in any order, and `--`
/// ends the options. The help and the version are shown at once, whatever follows.
///
/// # Errors
/// At the first argument that makes no sense.
pub fn parse<'a>(arguments: impl Iterator<Item = &'a [u8]>) -> Result<Command<'a>, Usage<'a>> {
    let mut options = Options::default();
    let mut has_path = false;
    let mut options_ended = false;
    for argument in arguments {
        let usage = |problem, word| Err(Usage { problem, word });
        let option = argument.strip_prefix(b"-").filter(|it| !it.is_empty() && !options_ended);
        match option {
            Some(b"-") => options_ended = true,
            Some([b'-', long @ ..]) => {
                let equals = long.iter().position(|&byte| byte == b'=');
                let name = equals.and_then(|length| long.get(..length)).unwrap_or(long);
                let Some(effect) = effect(|definition| definition.long.as_bytes() == name) else {
                    return usage(Problem::UnknownLong, name);
                };
                if equals.is_some() {
                    return usage(Problem::UnwantedValue, name);
                }
                if let Some(command) = options.set(effect) {
                    return Ok(command);
                }
            }
            Some(cluster) => {
                for short in cluster {
                    let Some(effect) = effect(|definition| definition.short == *short) else {
                        return usage(Problem::UnknownShort, from_ref(short));
                    };
                    if let Some(command) = options.set(effect) {
                        return Ok(command);
                    }
                }
            }
            None if argument.is_empty() => return usage(Problem::EmptyPath, argument),
            None if has_path => return usage(Problem::SecondPath, argument),
            None => {
                options.path = argument;
                has_path = true;
            }
        }
    }
    Ok(Command::Count(options))
}

/// What the option does that this is true of.
fn effect(is_it: impl Fn(&Definition) -> bool) -> Option<Effect> {
    DEFINITIONS.iter().find(|&definition| is_it(definition)).map(|definition| definition.effect)
}

impl Options<'_> {
    /// Does what an option says. Some say to do something else, and that at once.
    fn set(&mut self, effect: Effect) -> Option<Command<'static>> {
        match effect {
            Effect::All => self.all = true,
            Effect::Help => return Some(Command::Help),
            Effect::Version => return Some(Command::Version),
        }
        None
    }
}

/// Composes what `--help` shows.
pub fn help(text: &mut Text) {
    append!(text, "{}", ABOUT);
    for Definition { short, long, help, .. } in &DEFINITIONS {
        text.push(&[b'\n', b' ', b' ', b'-', *short, b',', b' ', b'-', b'-']);
        append!(text, "{}{}{}", *long, COLUMN.get(long.len()..).unwrap_or_default(), *help);
    }
    append!(text, "\n");
}

/// What `--help` shows above the options.
const ABOUT: &str = concat!(
    "Usage: ",
    env!("CARGO_PKG_NAME"),
    " [OPTIONS] [PATH]

Counts the network connections of this system by protocol and TCP state, and
prints the counts as JSON.

  PATH           a procfs directory (default /proc); /proc/PID counts the
                 sockets in the network namespace of that process
"
);

/// The column that the names of options stand in.
const COLUMN: &str = "         ";

const _: () = {
    let mut i = 0;
    while i < DEFINITIONS.len() {
        assert!(DEFINITIONS[i].long.len() < COLUMN.len(), "the column is too narrow for a name");
        i += 1;
    }
};

/// Composes what `--version` shows.
pub fn version(text: &mut Text) {
    append!(text, "{}", concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION"), "\n"));
}
