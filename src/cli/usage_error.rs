//! What can be wrong with a command line.

use super::audience::Audience;
use crate::bytes::split::nth_field;
use crate::output::formats;
use crate::text::buffer::TextBuffer;
use crate::text::template::{Placeholder, Template, Value, Values, template};

/// Why a command line makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsageError<'a> {
    /// The fault.
    pub problem: Problem,
    /// The faulty value, or the option without its first dash.
    pub argument: &'a [u8],
}

/// Declares what can be wrong with an argument, and the messages, in one table.
macro_rules! problems {
    ($($(#[$doc:meta])* $problem:ident $message:literal)*) => {
        /// A fault of an argument.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Problem {
            $($(#[$doc])* $problem,)*
        }

        /// The messages, each with a newline after it. One text takes less room
        /// than an array of texts.
        const MESSAGES: Template = template!(concat!($($message, "\n"),*));
    };
}

problems! {
    /// No option has this name.
    UnknownOption "unknown option '-<argument>'"
    /// An option that takes no value has one, such as `--all=yes`.
    UnwantedValue "option '-<argument>' takes no value"
    /// An option that takes a value is the last word.
    MissingValue "option '-<argument>' needs a value"
    /// There is no space for another value of this option.
    TooMany "too many of option '-<argument>'"
    /// A second word is no option.
    SecondPath "more than one PATH: '<argument>'"
    /// PATH is empty, as from an unset variable in a script. It would mean the
    /// root directory.
    EmptyPath "PATH is empty"
    /// FILE is empty.
    EmptyFile "FILE is empty"
    /// A PORT is no number, or too large.
    InvalidPort "invalid PORT '<argument>' (expected a number from 0 to 65535)"
    /// A SOURCE does not exist.
    InvalidSource "invalid SOURCE '<argument>' (expected proc, netlink or auto)"
    /// A FORMAT does not exist.
    InvalidFormat "invalid FORMAT '<argument>' (expected one of <formats>)"
    /// A KEY names no number of this subject.
    InvalidKey "invalid KEY '<argument>' (expected GROUP or GROUP.STATE)"
    /// A threshold has no equals sign.
    InvalidThreshold "invalid threshold '<argument>' (expected KEY=RANGE)"
    /// A RANGE is malformed.
    InvalidRange "invalid RANGE '<argument>' (expected [@][START:][END], whole numbers in order)"
    /// SECONDS are no number, zero, or longer than a day.
    InvalidInterval "invalid SECONDS '<argument>' (expected a number from 1 to 86400)"
    /// Netlink tells only of the sockets in the program's own network
    /// namespace.
    PathWithNetlink "--source netlink can't count in PATH '<argument>'"
    /// The program reads tracked connections only from procfs.
    ConntrackWithNetlink "--source netlink can't count with --conntrack"
    /// The counts are to be shown in two ways.
    Conflict "only one of --format, --query and --warning/--critical may be used"
}

impl Problem {
    fn template(self) -> Template {
        Template(nth_field(MESSAGES.0, b'\n', self as usize))
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
