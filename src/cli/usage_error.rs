//! The errors of a command line.

use super::audience::Audience;
use crate::bytes::split::nth_field;
use crate::output::formats;
use crate::text::buffer::TextBuffer;
use crate::text::template::{Placeholder, Template, Value, Values, template};

/// The error that makes a command line invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsageError<'a> {
    /// The fault.
    pub problem: Problem,
    /// The text for `<argument>` in the message: the faulty value, the option
    /// without its first dash, or nothing if the message lacks `<argument>`.
    pub argument: &'a [u8],
}

/// Declares the faults of a command line, and their messages, in one table.
macro_rules! problems {
    ($($(#[$doc:meta])* $problem:ident $message:literal)*) => {
        /// A fault of a command line.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Problem {
            $($(#[$doc])* $problem,)*
        }

        /// The messages of all faults, with a newline after each message. One
        /// text takes less memory than an array of texts.
        const MESSAGES: Template = template!(concat!($($message, "\n"),*));
    };
}

problems! {
    /// No option has this name.
    UnknownOption "unknown option '-<argument>'"
    /// The command line has `--verbose`, which monitoring systems may use.
    ReservedVerbose "'-<argument>' is not supported: the output has only one level of detail"
    /// The command line has `--hostname`, which monitoring systems may use.
    ReservedHostname "'-<argument>' is not supported: the program counts on this host only"
    /// An option that takes no value has a value, such as `--all=yes`.
    UnwantedValue "option '-<argument>' takes no value"
    /// An option that takes a value is the last word and has no value.
    MissingValue "option '-<argument>' needs a value"
    /// The command line has more values of this option than the program can
    /// store.
    TooMany "too many of option '-<argument>'"
    /// The command line has two paths.
    SecondPath "more than one PATH: '<argument>'"
    /// PATH is empty, for example because a variable in a script is unset. An
    /// empty PATH would mean the root directory, because the program appends
    /// names such as `/net/tcp`.
    EmptyPath "PATH is empty"
    /// FILE is empty.
    EmptyFile "FILE is empty"
    /// FILE has the name of a temporary file, which a run would remove.
    TemporaryFile "FILE has the name of a temporary file: '<argument>'"
    /// A PORT is not a number, or is above 65535.
    InvalidPort "invalid PORT '<argument>' (expected a number from 0 to 65535)"
    /// A SOURCE does not exist.
    InvalidSource "invalid SOURCE '<argument>' (expected proc, netlink or auto)"
    /// A FORMAT does not exist.
    InvalidFormat "invalid FORMAT '<argument>' (expected one of <formats>)"
    /// A KEY names no number in the report.
    InvalidKey "invalid KEY '<argument>' (expected GROUP or GROUP.STATE)"
    /// A KEY names the listening sockets, and the run does not count listening
    /// sockets.
    ListenWithoutAll "KEY '<argument>' needs --all"
    /// A KEY names the listening sockets, and no `--remote-port` is 0. The
    /// remote port of a listening socket is 0.
    ListenWithRemotePort "KEY '<argument>' is always 0 with --remote-port"
    /// A KEY names a state that UDP sockets never have.
    NoStateOfUdp "KEY '<argument>' is always 0 (UDP has only ESTABLISHED and CLOSE)"
    /// A KEY names a state of tracked connections that have no state.
    OnlyTcpHasStates "KEY '<argument>' is always 0 (only TCP has states)"
    /// The value of `--warning` or `--critical` has no equals sign.
    InvalidThreshold "invalid threshold '<argument>' (expected KEY=RANGE)"
    /// A RANGE is malformed, or its start is above its end.
    InvalidRange "invalid RANGE '<argument>' (expected [@]END or [@][START]:[END], whole numbers in order)"
    /// A SECONDS is not a number, is 0, or is longer than a day.
    InvalidSeconds "invalid SECONDS '<argument>' (expected a number from 1 to 86400)"
    /// The command line has `--source netlink` and a PATH other than `/proc`.
    /// sock_diag dumps only the sockets of the program's own network namespace.
    PathWithNetlink "--source netlink can't count in PATH '<argument>'"
    /// The command line has both `--conntrack` and `--source netlink`. The
    /// program reads tracked connections only from procfs.
    ConntrackWithNetlink "--source netlink can't count with --conntrack"
    /// The command line has both `--timeout` and `--interval`. A process has
    /// only one timer for both.
    TimeoutWithInterval "--timeout can't be used with --interval"
    /// The command line asks for two ways to show the counts.
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
