//! The options, and the help that explains them.

use crate::bytes::name_list::NameList;
use crate::bytes::split::split_once;
use crate::model::connection::{ConnectionState, ConnectionStatus, TableFigure};
use crate::model::socket::State;
use crate::output::formats;
use crate::text::buffer::TextBuffer;
use crate::text::template::{Placeholder, Template, Value, Values, template};

/// An option, and how a command line names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Definition {
    /// Which option.
    pub option: OptionName,
    /// The letter of its short name, if it has one.
    short: Option<u8>,
    /// Its long name, with the dashes.
    long: &'static [u8],
    /// Whether it takes a value.
    pub takes_value: bool,
    /// Its line of the help.
    help: Template,
}

/// Declares the options, and their lines of the help, in one table.
macro_rules! options {
    ($($option:ident $line:literal)*) => {
        /// The name of an option.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum OptionName {
            $(#[doc = concat!("`", $line, "`")] $option,)*
        }

        /// All options.
        const DEFINITIONS: &[Definition] =
            &[$(Definition::new(OptionName::$option, $line, template!($line))),*];
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
    Help        "-h, --help"
    Version     "-V, --version"
}

impl Definition {
    /// Parses a line of the help. One space is before the value, and at least two are before the explanation.
    #[expect(clippy::panic, reason = "only the compiler runs it")]
    const fn new(option: OptionName, line: &'static str, help: Template) -> Definition {
        let (short, rest) = match line.as_bytes() {
            [b'-', letter, b',', b' ', rest @ ..] => (Some(*letter), rest),
            [b' ', b' ', b' ', b' ', rest @ ..] => (None, rest),
            _ => panic!("a line begins with a short name or four spaces"),
        };
        let (long, after) = split_once(rest, b' ');
        let [b'-', b'-', ..] = long else { panic!("every option has a long name") };
        Definition {
            option,
            short,
            long,
            help,
            takes_value: matches!(after, Some([b'A'..=b'Z', ..])),
        }
    }

    /// Returns the option with this name: a letter, or a long name without the first of its dashes.
    pub fn find(name: &[u8]) -> Option<&'static Definition> {
        DEFINITIONS.iter().find(|definition| match name {
            [b'-', ..] => definition.long.strip_prefix(b"-") == Some(name),
            _ => definition.short.is_some_and(|letter| name == [letter]),
        })
    }
}

// Two options with the same letter do not compile.
const _: () = {
    let mut is_taken = [false; 128];
    let mut rest = DEFINITIONS;
    while let [definition, others @ ..] = rest {
        if let Some(letter) = definition.short {
            assert!(!is_taken[letter as usize], "two options have the same letter");
            is_taken[letter as usize] = true;
        }
        rest = others;
    }
};

/// Composes what `--help` prints.
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
RANGE is [@][START:][END]: a number outside (with @ inside) raises an alert.
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
    for definition in DEFINITIONS {
        text.push(b"  ");
        text.fill(definition.help, &Lists);
        text.push(b"\n");
    }
    text.fill(keys, &Lists);
}

/// The lists in the help.
struct Lists;

impl Values for Lists {
    fn value(&self, placeholder: Placeholder) -> Value<'_> {
        // Each half of a list fits a line of 80 columns.
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

/// Composes what `--version` prints.
pub fn compose_version(text: &mut TextBuffer) {
    text.push(concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION"), "\n").as_bytes());
}
