//! What the program must make of a command line, written to be obviously right and nothing else.

use std::str;

use network_connections::cli::request::{Request, Source};
use network_connections::cli::usage_error::{Problem, UsageError};

use crate::oracles::check::{self as check_oracle, Asked, Numbers, shown};

/// The options: the short name, the long one, and whether there is a value.
const OPTIONS: [(&str, &str, bool); 13] = [
    ("a", "all", false),
    ("", "local-port", true),
    ("", "remote-port", true),
    ("", "source", true),
    ("", "conntrack", false),
    ("f", "format", true),
    ("q", "query", true),
    ("w", "warning", true),
    ("c", "critical", true),
    ("o", "output", true),
    ("i", "interval", true),
    ("h", "help", false),
    ("V", "version", false),
];

pub const FORMATS: [&str; 5] = ["json", "ndjson", "prometheus", "influx", "collectd"];

/// What a command line says.
#[derive(Default)]
pub struct Line<'a> {
    /// The help, the version and the problems, in the order in which they come up.
    requests: Vec<Result<Request, UsageError<'a>>>,
    pub path: Option<&'a [u8]>,
    pub conntrack: bool,
    pub all: bool,
    pub source: &'static str,
    pub ports: [Vec<u16>; 2],
    pub format: Option<&'static str>,
    pub query: bool,
    pub check: bool,
    pub asked: Vec<Asked<'a>>,
    unknown_keys: Vec<&'a [u8]>,
    pub output: Option<&'a [u8]>,
    pub interval: Option<&'a [u8]>,
}

impl<'a> Line<'a> {
    pub fn parse(words: &[&'a [u8]]) -> Line<'a> {
        let mut line = Line { source: "proc", ..Line::default() };
        line.read(words);
        // Which keys there are is known when all has been read.
        let mut again = Line { source: "proc", conntrack: line.conntrack, ..Line::default() };
        again.read(words);
        again.finish();
        again
    }

    fn read(&mut self, words: &[&'a [u8]]) {
        let line = self;
        let mut words = words.iter().copied();
        let mut options_ended = false;
        while let Some(word) = words.next() {
            if options_ended || word == b"-" || !word.starts_with(b"-") {
                line.argument(word);
            } else if word == b"--" {
                options_ended = true;
            } else if let Some(long) = word.strip_prefix(b"--") {
                line.long(long, &word[1..], &mut words);
            } else {
                line.cluster(&word[1..], &mut words);
            }
        }
    }

    /// What it is that the command line asks for.
    pub fn request(&self) -> Result<Request, UsageError<'a>> {
        *self.requests.first().unwrap_or(&Ok(Request::Count))
    }

    fn wrong(&mut self, problem: Problem, argument: &'a [u8]) {
        self.requests.push(Err(UsageError { problem, argument }));
    }

    fn argument(&mut self, word: &'a [u8]) {
        if word.is_empty() {
            self.wrong(Problem::EmptyPath, b"");
        } else if self.path.is_some() {
            self.wrong(Problem::SecondPath, word);
        } else {
            self.path = Some(word);
        }
    }

    /// An option by its long name, perhaps with a value behind it; and the same with one dash.
    fn long(
        &mut self,
        text: &'a [u8],
        dashed: &'a [u8],
        others: &mut impl Iterator<Item = &'a [u8]>,
    ) {
        let equals = text.iter().position(|&byte| byte == b'=');
        let length = equals.unwrap_or(text.len());
        let (name, given) = (&text[..length], equals.map(|place| &text[place + 1..]));
        let told = &dashed[..=length];
        let known = OPTIONS.iter().find(|(_, long, _)| long.as_bytes() == name);
        let Some((_, long, takes_value)) = known else {
            return self.wrong(Problem::UnknownOption, told);
        };
        self.note(long);
        match (takes_value, given) {
            (false, Some(_)) => self.wrong(Problem::UnwantedValue, told),
            (false, None) => self.set(long, told, b""),
            (true, given) => match given.or_else(|| others.next()) {
                Some(value) => self.set(long, told, value),
                None => self.wrong(Problem::MissingValue, told),
            },
        }
    }

    /// Options by their short names.
    fn cluster(&mut self, text: &'a [u8], others: &mut impl Iterator<Item = &'a [u8]>) {
        for place in 0..text.len() {
            // A dash begins a long name, even here: `-a-help` is `-a --help`.
            if text[place] == b'-' {
                return self.long(&text[place + 1..], &text[place..], others);
            }
            let (told, rest) = (&text[place..=place], &text[place + 1..]);
            let known = OPTIONS.iter().find(|(short, ..)| short.as_bytes() == told);
            let Some((_, long, takes_value)) = known else {
                return self.wrong(Problem::UnknownOption, told);
            };
            self.note(long);
            if *takes_value {
                let value = if rest.is_empty() { others.next() } else { Some(rest) };
                return match value {
                    Some(value) => self.set(long, told, value),
                    None => self.wrong(Problem::MissingValue, told),
                };
            }
            self.set(long, told, b"");
        }
    }

    /// A check is one whatever is wrong with it.
    fn note(&mut self, long: &str) {
        if long == "warning" || long == "critical" {
            self.check = true;
        }
    }

    fn set(&mut self, long: &str, told: &'a [u8], value: &'a [u8]) {
        match long {
            "all" => self.all = true,
            "conntrack" => self.conntrack = true,
            "help" => self.requests.push(Ok(Request::Help)),
            "version" => self.requests.push(Ok(Request::Version)),
            "local-port" => self.port(0, told, value),
            "remote-port" => self.port(1, told, value),
            "source" => {
                match ["proc", "netlink", "auto"].iter().find(|it| it.as_bytes() == value) {
                    Some(source) => self.source = source,
                    None => self.wrong(Problem::InvalidSource, value),
                }
            }
            "format" => {
                self.format = FORMATS.into_iter().find(|it| it.as_bytes() == value);
                if self.format.is_none() {
                    self.wrong(Problem::InvalidFormat, value);
                }
            }
            "output" if value.is_empty() => self.wrong(Problem::EmptyFile, b""),
            "output" => self.output = Some(value),
            "interval" => match natural(value) {
                Some(1..=86400) => self.interval = Some(value),
                _ => self.wrong(Problem::InvalidInterval, value),
            },
            "query" => {
                self.query = true;
                self.ask(told, value);
            }
            "warning" => self.threshold(0, told, value),
            "critical" => self.threshold(1, told, value),
            _ => panic!("{long}"),
        }
    }

    fn port(&mut self, side: usize, told: &'a [u8], value: &'a [u8]) {
        match natural(value) {
            Some(port @ 0..=65535) if self.ports[side].len() < 16 => {
                self.ports[side].push(port as u16);
            }
            Some(0..=65535) => self.wrong(Problem::TooMany, told),
            _ => self.wrong(Problem::InvalidPort, value),
        }
    }

    fn threshold(&mut self, kind: usize, told: &'a [u8], value: &'a [u8]) {
        let Some(equals) = value.iter().position(|&byte| byte == b'=') else {
            return self.wrong(Problem::InvalidThreshold, value);
        };
        let (key, range) = (&value[..equals], &value[equals + 1..]);
        if check_oracle::range(range).is_none() {
            return self.wrong(Problem::InvalidRange, range);
        }
        if !self.asked.iter().any(|(it, _)| *it == key) {
            self.ask(told, key);
        }
        if let Some((_, ranges)) = self.asked.iter_mut().find(|(it, _)| *it == key) {
            ranges[kind] = range;
        }
    }

    fn ask(&mut self, told: &'a [u8], key: &'a [u8]) {
        // What has no key takes no room.
        let numbers = Numbers { conntrack: self.conntrack, added: Vec::new(), table: [0; 4] };
        if numbers.number(key).is_none() {
            self.unknown_keys.push(key);
        } else if self.asked.len() == 7 * 13 {
            // As many as there are keys of sockets.
            self.wrong(Problem::TooMany, told);
        } else {
            self.asked.push((key, [b"", b""]));
        }
    }

    /// What is known when all has been read.
    fn finish(&mut self) {
        if let Some(key) = self.unknown_keys.first() {
            self.wrong(Problem::InvalidKey, key);
        }
        if self.source == "netlink" {
            match self.path {
                None | Some(b"/proc") => {}
                Some(path) => self.wrong(Problem::PathWithNetlink, path),
            }
            if self.conntrack {
                self.wrong(Problem::ConntrackWithNetlink, b"");
            }
        }
        if u8::from(self.format.is_some()) + u8::from(self.query) + u8::from(self.check) > 1 {
            self.wrong(Problem::Conflict, b"");
        }
    }

    pub fn source(&self) -> Source {
        match self.source {
            "netlink" => Source::Netlink,
            // By netlink there is neither a PATH nor a tracked connection.
            "auto" if self.path.is_none() && !self.conntrack => Source::Auto,
            _ => Source::Proc,
        }
    }
}

/// A number in digits.
pub fn natural(digits: &[u8]) -> Option<u128> {
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    is_number.then(|| str::from_utf8(digits).unwrap().parse().unwrap_or(u128::MAX))
}

/// What is said of a problem.
pub fn message(UsageError { problem, argument }: UsageError) -> String {
    let word = shown(argument);
    let what = match problem {
        Problem::UnknownOption => format!("unknown option '-{word}'"),
        Problem::UnwantedValue => format!("option '-{word}' takes no value"),
        Problem::MissingValue => format!("option '-{word}' needs a value"),
        Problem::TooMany => format!("too many of option '-{word}'"),
        Problem::SecondPath => format!("more than one PATH: '{word}'"),
        Problem::EmptyPath => "PATH is empty".to_string(),
        Problem::EmptyFile => "FILE is empty".to_string(),
        Problem::InvalidPort => {
            format!("invalid PORT '{word}' (expected a number from 0 to 65535)")
        }
        Problem::InvalidSource => {
            format!("invalid SOURCE '{word}' (expected proc, netlink or auto)")
        }
        Problem::InvalidFormat => {
            format!("invalid FORMAT '{word}' (expected one of {})", FORMATS.join(" "))
        }
        Problem::InvalidKey => format!("invalid KEY '{word}' (expected GROUP or GROUP.STATE)"),
        Problem::InvalidThreshold => format!("invalid threshold '{word}' (expected KEY=RANGE)"),
        Problem::InvalidRange => {
            format!("invalid RANGE '{word}' (expected [@][START:][END], whole numbers in order)")
        }
        Problem::InvalidInterval => {
            format!("invalid SECONDS '{word}' (expected a number from 1 to 86400)")
        }
        Problem::PathWithNetlink => format!("--source netlink can't count in PATH '{word}'"),
        Problem::ConntrackWithNetlink => {
            "--source netlink can't count with --conntrack".to_string()
        }
        Problem::Conflict => {
            "only one of --format, --query and --warning/--critical may be used".to_string()
        }
    };
    format!("{what}; see 'network-connections --help'\n")
}
