//! What can be wrong with a command line.

use super::audience::Audience;
use crate::output::formats;
use crate::text::buffer::TextBuffer;
use crate::text::template::{Placeholder, Template, Value, Values, template};

/// Why a command line makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsageError<'a> {
    /// What is wrong.
    pub problem: Problem,
    /// What it is wrong with: a value, or an option without its first dash.
    pub argument: &'a [u8],
}

/// What is wrong with an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// No option has this name.
    UnknownOption,
    /// An option that takes no value has one, such as `--all=yes`.
    UnwantedValue,
    /// An option that takes a value is the last word.
    MissingValue,
    /// There is no space for another value of this option.
    TooMany,
    /// A second word is no option.
    SecondPath,
    /// PATH is empty, as from an unset variable in a script. It would mean the root directory.
    EmptyPath,
    /// FILE is empty.
    EmptyFile,
    /// A PORT is no number, or too large.
    InvalidPort,
    /// A SOURCE does not exist.
    InvalidSource,
    /// A FORMAT does not exist.
    InvalidFormat,
    /// A KEY names no number of this subject.
    InvalidKey,
    /// A threshold has no equals sign.
    InvalidThreshold,
    /// A RANGE is malformed.
    InvalidRange,
    /// SECONDS are no number, zero, or longer than a day.
    InvalidInterval,
    /// Netlink tells only of the sockets in the program's own network namespace.
    PathWithNetlink,
    /// The program reads tracked connections only from procfs.
    ConntrackWithNetlink,
    /// The counts are to be shown in two ways.
    Conflict,
}

impl Problem {
    const fn template(self) -> Template {
        match self {
            Problem::UnknownOption => template!("unknown option '-<argument>'"),
            Problem::UnwantedValue => template!("option '-<argument>' takes no value"),
            Problem::MissingValue => template!("option '-<argument>' needs a value"),
            Problem::TooMany => template!("too many of option '-<argument>'"),
            Problem::SecondPath => template!("more than one PATH: '<argument>'"),
            Problem::EmptyPath => template!("PATH is empty"),
            Problem::EmptyFile => template!("FILE is empty"),
            Problem::InvalidPort => {
                template!("invalid PORT '<argument>' (expected a number from 0 to 65535)")
            }
            Problem::InvalidSource => {
                template!("invalid SOURCE '<argument>' (expected proc, netlink or auto)")
            }
            Problem::InvalidFormat => {
                template!("invalid FORMAT '<argument>' (expected one of <formats>)")
            }
            Problem::InvalidKey => {
                template!("invalid KEY '<argument>' (expected GROUP or GROUP.STATE)")
            }
            Problem::InvalidThreshold => {
                template!("invalid threshold '<argument>' (expected KEY=RANGE)")
            }
            Problem::InvalidRange => template!(
                "invalid RANGE '<argument>' (expected [@][START:][END], whole numbers in order)"
            ),
            Problem::InvalidInterval => {
                template!("invalid SECONDS '<argument>' (expected a number from 1 to 86400)")
            }
            Problem::PathWithNetlink => {
                template!("--source netlink can't count in PATH '<argument>'")
            }
            Problem::ConntrackWithNetlink => {
                template!("--source netlink can't count with --conntrack")
            }
            Problem::Conflict => {
                template!("only one of --format, --query and --warning/--critical may be used")
            }
        }
    }
}

impl UsageError<'_> {
    /// Composes the message, and returns the exit status.
    pub fn compose(&self, audience: Audience, text: &mut TextBuffer) -> u8 {
        audience.begin(text);
        text.fill(self.problem.template(), self);
        text.push(concat!("; see '", env!("CARGO_PKG_NAME"), " --help'\n").as_bytes());
        audience.exit_status(2)
    }
}

impl Values for UsageError<'_> {
    fn value(&self, placeholder: Placeholder) -> Value<'_> {
        match placeholder {
            Placeholder::Argument => Value::Text(self.argument),
            Placeholder::Formats => Value::Text(formats::NAMES.0.as_bytes()),
            _ => Value::Text(b""),
        }
    }
}
