//! The command line: which options there are, what each does, and how they are explained.

use core::slice::from_ref;

use heapless::Vec;

use crate::check::{Asked, alerts};
use crate::conntrack::Tracked;
use crate::counts::{Key, LABELS, STATES, State, Subject};
use crate::decimal::natural;
use crate::message::Reader;
use crate::packed::{Packed, pack};
use crate::report::Format;
use crate::row::{Port, Socket};
use crate::text::Text;
use crate::words::{Words, split_once};

/// What a command line asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command<'a> {
    /// Count the connections and show the counts.
    Count,
    Help,
    Version,
    /// It makes no sense.
    Wrong(Usage<'a>),
}

/// What is counted, how it is shown, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options<'a> {
    pub command: Command<'a>,
    /// The procfs directory with the tables, never empty.
    pub path: Option<&'a [u8]>,
    /// Whether tracked connections are counted, and not sockets.
    pub conntrack: bool,
    /// Whether listening and unconnected sockets count.
    pub all: bool,
    pub source: Source,
    /// The local ports, and the remote ones.
    pub ports: [Ports; 2],
    pub format: Option<&'static Format>,
    /// Whether the numbers that are asked for are shown, and nothing else.
    pub query: bool,
    /// Whether they are held against thresholds.
    pub check: bool,
    pub asked: Vec<Asked<'a>, { Key::NUMBER }>,
    /// The file to write instead of standard output, never empty.
    pub output: Option<&'a [u8]>,
    /// The seconds from one report to the next, 1 to [`LONGEST_INTERVAL`], in digits.
    pub interval: Option<&'a [u8]>,
}

impl Default for Options<'_> {
    /// Those of an empty command line.
    fn default() -> Self {
        Options {
            command: Command::Count,
            path: None,
            conntrack: false,
            all: false,
            source: Source::Proc,
            ports: [Vec::new(), Vec::new()],
            format: None,
            query: false,
            check: false,
            asked: Vec::new(),
            output: None,
            interval: None,
        }
    }
}

/// Where procfs is, unless something else is said.
const PROCFS: &[u8] = b"/proc";

/// Where the sockets are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The tables in procfs.
    Proc,
    /// sock_diag(7).
    Netlink,
    /// That if it works, else procfs.
    Auto,
}

impl Source {
    /// Their names.
    pub const NAMES: Words = Words("proc netlink auto");
}

/// A day.
pub const LONGEST_INTERVAL: i32 = 86400;

/// The ports that a socket may have, which is any if there are none.
pub type Ports = Vec<u16, 16>;

/// Why a command line makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage<'a> {
    pub problem: Problem,
    /// What has the problem: an option's name without its first dash, an argument, or a value.
    pub word: &'a [u8],
}

/// Makes the enum of the problems and the templates of their messages of one table.
macro_rules! problems {
    ($($(#[$doc:meta])* $problem:ident $template:literal)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Problem {
            $($(#[$doc])* $problem,)*
        }

        /// What a message says of each, with tabs between them, and `%A` for the word that has the problem.
        pub(crate) const PROBLEMS: &str = concat!($($template, "\t"),*);

        impl Problem {
            pub(crate) const TEMPLATES: Packed = pack!(PROBLEMS);
        }
    };
}

problems! {
    UnknownOption "unknown option '-%A'"
    /// An option that takes no value has one, such as `--all=yes`.
    UnwantedValue "option '-%A' takes no value"
    /// An option that takes a value is the last argument.
    MissingValue "option '-%A' needs a value"
    /// There is no room for another value of this option.
    TooMany "too many of option '-%A'"
    /// A second argument that isn't an option.
    SecondPath "more than one PATH: '%A'"
    /// As from an unset variable in a script. As a PATH it would mean the root directory.
    Empty "%A is empty"
    NotAPort "PORT '%A' is not a number from 0 to 65535"
    NotASource "SOURCE '%A' is none of proc netlink auto"
    NotAFormat "FORMAT '%A' is none of %B"
    NotAKey "KEY '%A' is neither GROUP nor GROUP.STATE"
    NotAThreshold "'%A' is not KEY=RANGE"
    NotARange "RANGE '%A' is not [@][START:][END] of whole numbers in order"
    NotAnInterval "SECONDS '%A' is not a number from 1 to 86400"
    /// By netlink there are no sockets but those of the process's own network namespace.
    NetlinkPath "PATH '%A' is not for --source netlink"
    /// Nor are tracked connections to be had by it.
    NetlinkConntrack "--conntrack is not for --source netlink"
    /// Two ways to show the counts.
    Conflict "only one of --format, --query and --warning/--critical may be used"
}

/// What `--help` shows. The table of the options is made of it, which has them at these columns.
pub(crate) const HELP: &str = concat!(
    "Usage: ",
    env!("CARGO_PKG_NAME"),
    " [OPTIONS] [PATH]

Counts network connections by protocol and TCP state, as JSON by default.

  PATH                      procfs (default /proc); /proc/PID for its namespace
  -a, --all                 listening and unconnected sockets too
      --local-port PORT     only this local port (up to 16)
      --remote-port PORT    only this remote port (up to 16)
      --source SOURCE       proc (default), netlink (sock_diag), or auto
      --conntrack           tracked connections (what is forwarded), not sockets
  -f, --format FORMAT       %A
  -q, --query KEY           only this number, one a line (repeatable)
  -w, --warning KEY=RANGE   monitoring-plugin check (repeatable)
  -c, --critical KEY=RANGE  monitoring-plugin check (repeatable)
  -o, --output FILE         replace FILE atomically
  -i, --interval SECONDS    repeat until stopped
  -h, --help
  -V, --version

KEY is GROUP.STATE, or GROUP for all of it.
RANGE is [@][START:][END]: a number outside (with @ inside) raises an alert.
GROUP: tcp4 tcp6 udp4 udp6 tcp udp all
STATE: %B
       %C
With --conntrack:
GROUP: tcp4 tcp6 udp4 udp6 other4 other6 tcp udp other all table
STATE: %D
       %E
       %F
       %G (of the table)
"
);

/// An option, as the help has it.
struct Definition {
    /// Its short name, or the first letter of its long one as a capital.
    letter: u8,
    takes_value: bool,
}

/// The option of this name, which is short or has the second of its dashes.
fn find(name: &[u8]) -> Option<Definition> {
    let mut rest = Some(&OPTIONS[..]);
    while let Some(text) = rest {
        let option;
        (option, rest) = split_once(text, b'\n');
        let [dash, letter, long @ ..] = option else { break };
        let (long, value) = split_once(long, b' ');
        if name == long || name == from_ref(letter) && *dash == b'-' {
            return Some(Definition { letter: *letter, takes_value: value.is_some() });
        }
    }
    None
}

/// Every option as the help has it, a line each: a dash if it has a short name; the letter; the long name without
/// its first dash; and a blank if it takes a value.
const OPTIONS: [u8; COLUMNS.1] = *COLUMNS.0.first_chunk().unwrap();

/// These, with room behind them, and how many bytes they are.
const COLUMNS: ([u8; HELP.len()], usize) = {
    let mut options = [0; HELP.len()];
    let mut length = 0;
    let mut rest = HELP.as_bytes();
    while let [_, behind @ ..] = rest {
        if let [b'\n', b' ', b' ', dash, letter, _, _, b'-', long @ ..] = rest {
            options[length] = *dash;
            options[length + 1] =
                if *dash == b'-' { *letter } else { long[1].to_ascii_uppercase() };
            length += 2;
            let mut long = long;
            while let [byte @ (b'-' | b'a'..=b'z'), behind @ ..] = long {
                options[length] = *byte;
                length += 1;
                long = behind;
            }
            // Two blanks are before what is said of an option, and one is before its value.
            if let [b' ', b'A'..=b'Z', ..] = long {
                options[length] = b' ';
                length += 1;
            }
            options[length] = b'\n';
            length += 1;
        }
        rest = behind;
    }
    (options, length)
};

impl<'a> Options<'a> {
    /// Reads a command line, without the program's name. Options and PATH come in any order, and `--`
    /// ends the options. What comes first of the help, the version and a problem is the command. What
    /// stands behind it is read as well, because a check on the line makes it a monitoring plugin's.
    pub fn parse(&mut self, mut arguments: impl Iterator<Item = &'a [u8]>) {
        let options = self;
        let mut options_ended = false;
        while let Some(argument) = arguments.next() {
            match argument {
                b"--" if !options_ended => options_ended = true,
                [b'-', option @ ..] if !options_ended && !option.is_empty() => {
                    options.read(option, &mut arguments);
                }
                b"" => options.wrong(Problem::Empty, b"PATH"),
                _ if options.path.is_some() => options.wrong(Problem::SecondPath, argument),
                _ => options.path = Some(argument),
            }
        }
        // What is counted, and so which keys there are, may stand behind a key.
        let subject = Subject::of(options.conntrack);
        let mut wrong = None;
        for asked in &mut options.asked {
            match Key::parse(subject, asked.name) {
                Some(key) => asked.key = key,
                None => wrong = wrong.or(Some(asked.name)),
            }
        }
        if let Some(name) = wrong {
            options.wrong(Problem::NotAKey, name);
        }
        if options.source == Source::Netlink {
            if options.procfs() != PROCFS {
                options.wrong(Problem::NetlinkPath, options.procfs());
            }
            if options.conntrack {
                options.wrong(Problem::NetlinkConntrack, b"");
            }
        }
        let ways = [options.format.is_some(), options.query, options.check];
        if ways.into_iter().filter(|&way| way).count() > 1 {
            options.wrong(Problem::Conflict, b"");
        }
    }

    /// Has the command line ask for something else, if it hasn't yet.
    fn first(&mut self, command: Command<'a>) {
        if let Command::Count = self.command {
            self.command = command;
        }
    }

    #[inline(never)]
    fn wrong(&mut self, problem: Problem, word: &'a [u8]) {
        self.first(Command::Wrong(Usage { problem, word }));
    }

    /// Reads an option with a long name, or a cluster of those with a short one, without the first dash.
    /// A value that isn't in the same argument is the next one.
    fn read(&mut self, mut option: &'a [u8], others: &mut impl Iterator<Item = &'a [u8]>) {
        while !option.is_empty() {
            let is_long = option.first() == Some(&b'-');
            let (name, rest) = if is_long {
                split_once(option, b'=')
            } else {
                let (name, rest) = option.split_at_checked(1).unwrap_or_default();
                (name, Some(rest).filter(|rest| !rest.is_empty()))
            };
            let Some(definition) = find(name) else {
                return self.wrong(Problem::UnknownOption, name);
            };
            // A monitor's plugin it is even if the rest makes no sense.
            self.check |= matches!(definition.letter, b'w' | b'c');
            option = b"";
            let mut value = rest;
            if definition.takes_value {
                value = rest.or_else(|| others.next());
                if value.is_none() {
                    return self.wrong(Problem::MissingValue, name);
                }
            } else if let Some(rest) = rest {
                if is_long {
                    return self.wrong(Problem::UnwantedValue, name);
                }
                option = rest;
            }
            self.set(definition.letter, name, value.unwrap_or_default());
        }
    }

    /// Does what an option says.
    fn set(&mut self, letter: u8, name: &'a [u8], value: &'a [u8]) {
        match letter {
            b'a' => self.all = true,
            b'C' => self.conntrack = true,
            b'L' | b'R' => self.port(letter, name, value),
            b'S' => self.source(value),
            b'f' => self.format(value),
            b'q' | b'w' | b'c' => self.ask(letter, name, value),
            b'o' => self.output(value),
            b'i' => self.interval(value),
            b'h' => self.first(Command::Help),
            _ => self.first(Command::Version),
        }
    }

    /// Takes a port, of an option of this letter and name.
    fn port(&mut self, letter: u8, name: &'a [u8], value: &'a [u8]) {
        let port = natural(value).and_then(|port| u16::try_from(port).ok());
        let Some(port) = port else { return self.wrong(Problem::NotAPort, value) };
        let [local, remote] = &mut self.ports;
        let ports = if letter == b'L' { local } else { remote };
        if ports.push(port).is_err() {
            self.wrong(Problem::TooMany, name);
        }
    }

    fn source(&mut self, name: &'a [u8]) {
        self.source = match Source::NAMES.position(name, 3) {
            Some(0) => Source::Proc,
            Some(1) => Source::Netlink,
            Some(_) => Source::Auto,
            None => return self.wrong(Problem::NotASource, name),
        };
    }

    fn format(&mut self, name: &'a [u8]) {
        let place = Format::NAMES.position(name, Format::ALL.len());
        self.format = place.and_then(|place| Format::ALL.get(place));
        if self.format.is_none() {
            self.wrong(Problem::NotAFormat, name);
        }
    }

    fn output(&mut self, file: &'a [u8]) {
        self.output = Some(file);
        if file.is_empty() {
            self.wrong(Problem::Empty, b"FILE");
        }
    }

    fn interval(&mut self, seconds: &'a [u8]) {
        self.interval = Some(seconds);
        if !natural(seconds).is_some_and(|it| (1..=LONGEST_INTERVAL).contains(&it)) {
            self.wrong(Problem::NotAnInterval, seconds);
        }
    }

    /// Asks for a number, by an option of this letter and name.
    fn ask(&mut self, letter: u8, name: &'a [u8], value: &'a [u8]) {
        let mut key = value;
        let mut range: Option<&[u8]> = None;
        let mut place = self.asked.len();
        if letter == b'q' {
            self.query = true;
        } else {
            (key, range) = split_once(value, b'=');
            let Some(range) = range else { return self.wrong(Problem::NotAThreshold, value) };
            if alerts(range, 0).is_none() {
                return self.wrong(Problem::NotARange, range);
            }
            if let Some(known) = self.asked.iter().position(|asked| asked.name == key) {
                place = known;
            }
        }
        if place == self.asked.len()
            && self.asked.push(Asked { key: Key::NONE, name: key, ranges: [b""; 2] }).is_err()
        {
            return self.wrong(Problem::TooMany, name);
        }
        if let Some(asked) = self.asked.get_mut(place) {
            let [warning, critical] = &mut asked.ranges;
            *if letter == b'c' { critical } else { warning } = range.unwrap_or_default();
        }
    }

    /// The procfs directory with the tables.
    pub fn procfs(&self) -> &'a [u8] {
        self.path.unwrap_or(PROCFS)
    }

    /// Who reads what goes wrong.
    pub fn reader(&self) -> Reader {
        if self.check { Reader::Monitor } else { Reader::Person }
    }

    /// The seconds from one report to the next.
    pub fn seconds(&self) -> Option<i32> {
        self.interval.and_then(natural)
    }

    /// Whether this socket counts.
    // Each socket is asked for, and ports mostly are not: then nothing is called.
    #[inline(always)]
    pub fn select(&self, socket: &Socket) -> bool {
        let [local, remote] = &self.ports;
        (self.all || !socket.remote_is_zero)
            && (local.is_empty() || admits(local, socket.local_port))
            && (remote.is_empty() || admits(remote, socket.remote_port))
    }

    /// Whether this tracked connection counts.
    pub fn select_tracked(&self, tracked: &Tracked) -> bool {
        let [local, remote] = &self.ports;
        (local.is_empty() || admits(local, tracked.port(b"sport=")))
            && (remote.is_empty() || admits(remote, tracked.port(b"dport=")))
    }
}

// The loop in `contains` is unrolled, to 150 bytes.
#[allow(clippy::manual_contains)]
#[inline(never)]
fn admits(ports: &Ports, port: Port) -> bool {
    ports.iter().any(|&it| u32::from(it) == port.number())
}

/// Composes what `--help` shows.
pub fn help(text: &mut Text) {
    const SOCKETS: (Words, Words) = State::NAMES.halves(State::NUMBER / 2);
    const LABELED: (Words, Words) = Subject::CONNTRACK.numbers.halves(LABELS);
    const STATED: (Words, Words) = LABELED.0.halves(STATES);
    const TRACKED: (Words, Words) = STATED.0.halves(STATES - 4);
    const VALUES: &[&[u8]] = &[
        Format::NAMES.0.as_bytes(),
        SOCKETS.0.0.as_bytes(),
        SOCKETS.1.0.as_bytes(),
        TRACKED.0.0.as_bytes(),
        TRACKED.1.0.as_bytes(),
        STATED.1.0.as_bytes(),
        LABELED.1.0.as_bytes(),
    ];
    text.fill(pack!(HELP), VALUES, 0);
}

/// Composes what `--version` shows.
pub fn version(text: &mut Text) {
    text.fill(pack!(concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION"), "\n")), &[], 0);
}
