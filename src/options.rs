//! The command line: which options there are, what each does, and how they are explained.

use getargs::Opt;

use crate::message::PROGRAM;
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
pub enum Usage<'a> {
    UnknownOption(Opt<Word<'a>>),
    /// An option that takes no value has one, such as `--all=yes`.
    Value(getargs::Error<Word<'a>>),
    /// A second argument that isn't an option.
    SecondPath(&'a [u8]),
    /// As from an unset variable in a script. It would mean the root directory.
    EmptyPath,
}

/// An option. Adding one is adding a row to [`DEFINITIONS`].
struct Definition {
    short: u8,
    long: &'static str,
    help: &'static str,
    effect: Effect,
}

enum Effect {
    Set(fn(&mut Options)),
    /// Do this, and nothing else that the command line may ask for.
    Instead(Command<'static>),
}

/// Every option, in the order of the help.
const DEFINITIONS: &[Definition] = &[
    Definition {
        short: b'a',
        long: "all",
        help: "count listening and unconnected sockets too",
        effect: Effect::Set(|options| options.all = true),
    },
    Definition {
        short: b'h',
        long: "help",
        help: "show this help",
        effect: Effect::Instead(Command::Help),
    },
    Definition {
        short: b'V',
        long: "version",
        help: "show the version",
        effect: Effect::Instead(Command::Version),
    },
];

/// Reads a command line, without the program's name. Options and PATH come in any order, and `--`
/// ends the options. The help and the version are shown at once, whatever follows.
///
/// # Errors
/// At the first argument that makes no sense.
pub fn parse<'a>(mut arguments: impl Iterator<Item = &'a [u8]>) -> Result<Command<'a>, Usage<'a>> {
    let mut options = Options::default();
    let mut path = None;
    let mut words = getargs::Options::new(arguments.by_ref().map(Word));
    // getargs' `next_arg` would do much of this. But the compiler doesn't see that it can't panic, nor
    // that its `next_positional` can't once `--` is behind it.
    loop {
        if let Some(option) = words.next_opt().map_err(Usage::Value)? {
            match definition(option).ok_or(Usage::UnknownOption(option))?.effect {
                Effect::Set(set) => set(&mut options),
                Effect::Instead(command) => {
                    // `--help=me`, which getargs would tell when asked for the next option.
                    if let (Opt::Long(_), Some(_)) = (option, words.value_opt()) {
                        return Err(Usage::Value(getargs::Error::DoesNotRequireValue(option)));
                    }
                    return Ok(command);
                }
            }
        } else if words.opts_ended() {
            break;
        } else if let Some(Word(word)) = words.next_positional() {
            set_path(&mut path, word)?;
        } else {
            break;
        }
    }
    for word in arguments {
        set_path(&mut path, word)?;
    }
    options.path = path.unwrap_or(options.path);
    Ok(Command::Count(options))
}

fn definition(option: Opt<Word>) -> Option<&'static Definition> {
    DEFINITIONS.iter().find(|definition| match option {
        Opt::Short(name) => name == definition.short,
        Opt::Long(Word(name)) => name == definition.long.as_bytes(),
    })
}

fn set_path<'a>(path: &mut Option<&'a [u8]>, word: &'a [u8]) -> Result<(), Usage<'a>> {
    if word.is_empty() {
        return Err(Usage::EmptyPath);
    }
    match path.replace(word) {
        None => Ok(()),
        Some(_) => Err(Usage::SecondPath(word)),
    }
}

/// An argument, for getargs. (Its own implementation, for byte slices, panics on an empty cluster of
/// short options, which there never is; but the compiler can't know.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word<'a>(pub &'a [u8]);

impl getargs::Argument for Word<'_> {
    type ShortOpt = u8;

    fn ends_opts(self) -> bool {
        self.0 == b"--"
    }

    fn parse_long_opt(self) -> Option<(Self, Option<Self>)> {
        let option = self.0.strip_prefix(b"--")?;
        let equals = option.iter().position(|&byte| byte == b'=').unwrap_or(option.len());
        let (name, value) = option.split_at_checked(equals)?;
        Some((Word(name), value.get(1..).map(Word)))
    }

    fn parse_short_cluster(self) -> Option<Self> {
        self.0.strip_prefix(b"-").filter(|cluster| !cluster.is_empty()).map(Word)
    }

    fn consume_short_opt(self) -> (u8, Option<Self>) {
        match self.0 {
            [] => (b'-', None),
            [option] => (*option, None),
            [option, rest @ ..] => (*option, Some(Word(rest))),
        }
    }

    fn consume_short_val(self) -> Self {
        self
    }
}

/// Composes what `--help` shows.
pub fn help(text: &mut Text) {
    append!(
        text,
        "\
Usage: {} [OPTIONS] [PATH]

Counts the network connections of this system by protocol and TCP state, and
prints the counts as JSON.

  PATH           a procfs directory (default /proc); /proc/PID counts the
                 sockets in the network namespace of that process

",
        PROGRAM
    );
    for Definition { short, long, help, .. } in DEFINITIONS {
        text.push(&[b' ', b' ', b'-', *short]);
        append!(text, ", --{}", *long);
        for _ in long.len()..LONGEST_NAME {
            append!(text, " ");
        }
        append!(text, "  {}\n", *help);
    }
}

/// Bytes of the longest option's name.
const LONGEST_NAME: usize = {
    let mut longest = 0;
    let mut i = 0;
    while i < DEFINITIONS.len() {
        if DEFINITIONS[i].long.len() > longest {
            longest = DEFINITIONS[i].long.len();
        }
        i += 1;
    }
    longest
};

/// Composes what `--version` shows.
pub fn version(text: &mut Text) {
    append!(text, "{} {}\n", PROGRAM, env!("CARGO_PKG_VERSION"));
}
