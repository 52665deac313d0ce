//! The options, and the help that explains the options.

use crate::bytes::name_list::{NameList, is_same};
use crate::bytes::split::{nth_field, split_once};
use crate::model::connection::{ConnectionState, ConnectionStatus, TableFigure};
use crate::model::socket::State;
use crate::output::formats;
use crate::text::buffer::TextBuffer;
use crate::text::template::{Placeholder, Template, Value, Values, template};

/// Declares the options, and their lines of the help, in one table.
///
/// A line also defines the syntax of the option. The parts of a line are, in
/// this order:
///
/// - the short name, a comma and a space, or four spaces if the option has no
///   short name,
/// - the long name,
/// - one space and the name of the value, if the option takes a value,
/// - at least two spaces and the explanation, if the line has one.
///
/// `Parser::apply` in the module `request` carries out the option.
macro_rules! options {
    ($($option:ident $line:literal)*) => {
        /// The name of an option.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum OptionName {
            $(#[doc = concat!("`", $line, "`")] $option,)*
        }

        /// All options.
        const OPTIONS: &[OptionName] = &[$(OptionName::$option),*];

        /// The lines of all options in the help. A newline ends each line.
        const LINES: Template = template!(concat!($("  ", $line, "\n"),*));
    };
}

options! {
    All         "-a, --all                 listening and unconnected sockets too"
    LocalPort   "    --local-port PORT     only this local port (up to 16)"
    RemotePort  "    --remote-port PORT    only this remote port (up to 16)"
    Source      "    --source SOURCE       proc (default), netlink (sock_diag), or auto"
    Conntrack   "    --conntrack           tracked connections (what is forwarded), not sockets"
    Format      "-f, --format FORMAT       <formats>"
    Query       "-q, --query KEY           only this number, one a line (repeatable)"
    Warning     "-w, --warning KEY=RANGE   monitoring-plugin check (repeatable)"
    Critical    "-c, --critical KEY=RANGE  monitoring-plugin check (repeatable)"
    Output      "-o, --output FILE         replace FILE atomically"
    Interval    "-i, --interval SECONDS    repeat until stopped"
    Timeout     "-t, --timeout SECONDS     fail after so many seconds"
    Help        "-h, --help"
    Version     "-V, --version"
}

/// The syntax of an option in a command line.
struct Syntax {
    /// The letter of the short name, or a space if the option has none.
    letter: u8,
    /// The long name without its first dash.
    long: &'static [u8],
    /// The text of the help line after the long name and one space, or nothing
    /// if the line ends after the long name.
    after: Option<&'static [u8]>,
}

impl OptionName {
    /// Returns the option with this name, or nothing if no option has the name.
    /// `name` is a letter, or a long name without its first dash.
    pub fn find(name: &[u8]) -> Option<OptionName> {
        OPTIONS.iter().copied().find(|option| {
            let Syntax { letter, long, .. } = option.syntax();
            long == name || (name == [letter] && letter != b' ')
        })
    }

    /// Returns whether the option takes a value.
    pub fn takes_value(self) -> bool {
        matches!(self.syntax().after, Some([b'A'..=b'Z', ..]))
    }

    /// Parses the option's line of the help.
    const fn syntax(self) -> Syntax {
        let line = nth_field(LINES.0, b'\n', self as usize);
        let [_, _, _, letter, _, _, b'-', names @ ..] = line else {
            return Syntax { letter: b' ', long: b"", after: None };
        };
        let (long, after) = split_once(names, b' ');
        Syntax { letter: *letter, long, after }
    }
}

// The compiler rejects a malformed line, and two options with the same name.
const _: () = {
    let mut options = OPTIONS;
    while let [option, others @ ..] = options {
        let Syntax { letter, long, after } = option.syntax();
        assert!(matches!(long, [b'-', ..]), "every option has a long name");
        assert!(
            matches!(after, None | Some([b' ', ..] | [b'A'..=b'Z', ..])),
            "one space and a value, or two spaces, follow the long name"
        );
        let mut rest = others;
        while let [other, others @ ..] = rest {
            let other = other.syntax();
            assert!(!is_same(long, other.long), "two options have the same long name");
            assert!(letter == b' ' || letter != other.letter, "two options have the same letter");
            rest = others;
        }
        options = others;
    }
};

/// Composes the text that `--help` prints.
pub fn compose_help(text: &mut TextBuffer) {
    let usage = template!(concat!(
        "Usage: ",
        env!("CARGO_PKG_NAME"),
        " [OPTIONS] [PATH]

Counts network connections by protocol and TCP state, as JSON by default.

  PATH                      procfs (default /proc); /proc/PID for its namespace
"
    ));
    let keys = template!(
        "
KEY is GROUP.STATE, or GROUP for all of it.
RANGE is [@]END or [@][START]:[END]: outside (with @ inside) raises an alert.
GROUP: tcp4 tcp6 udp4 udp6 tcp udp all
STATE: <socket-states>
       <more-socket-states>
With --conntrack:
GROUP: tcp4 tcp6 udp4 udp6 other4 other6 tcp udp other all table
STATE: <conntrack-states>
       <more-conntrack-states>
       <conntrack-statuses>
       <table-figures> (of the table)
"
    );
    text.fill(usage, &Lists);
    text.fill(LINES, &Lists);
    text.fill(keys, &Lists);
}

/// The lists of names in the help.
struct Lists;

impl Values for Lists {
    fn value(&self, placeholder: Placeholder) -> Value<'_> {
        // Each part of a list fits a line of 80 columns.
        const SOCKET_STATES: (NameList, NameList) = State::NAMES.split_before(State::COUNT / 2);
        const CONNTRACK_STATES: (NameList, NameList) =
            ConnectionState::NAMES.split_before(ConnectionState::COUNT - 4);
        let list = match placeholder {
            Placeholder::Formats => formats::NAMES,
            Placeholder::SocketStates => SOCKET_STATES.0,
            Placeholder::MoreSocketStates => SOCKET_STATES.1,
            Placeholder::ConntrackStates => CONNTRACK_STATES.0,
            Placeholder::MoreConntrackStates => CONNTRACK_STATES.1,
            Placeholder::ConntrackStatuses => ConnectionStatus::NAMES,
            Placeholder::TableFigures => TableFigure::NAMES,
            _ => NameList(""),
        };
        Value::Text(list.0.as_bytes())
    }
}

/// Composes the text that `--version` prints.
pub fn compose_version(text: &mut TextBuffer) {
    text.push(concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION"), "\n").as_bytes());
}
