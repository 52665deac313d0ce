//! An obviously right parser of command lines.

use std::str;

use network_connections::cli::request::{Request, Source};
use network_connections::cli::usage_error::{Problem, UsageError};

use crate::oracles::check::{self as check_oracle, Numbers, Query, shown};

/// The options: the short name, the long name, and whether the option takes a
/// value.
const OPTIONS: [(&str, &str, bool); 14] = [
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
    ("t", "timeout", true),
    ("h", "help", false),
    ("V", "version", false),
];

/// Returns the error for an option that does not exist, such as "v" or
/// "-verbose".
fn unknown(name: &[u8]) -> Problem {
    match str::from_utf8(name) {
        Ok("v" | "-verbose") => Problem::ReservedVerbose,
        Ok("H" | "-hostname") => Problem::ReservedHostname,
        _ => Problem::UnknownOption,
    }
}

pub const FORMATS: [&str; 5] = ["json", "ndjson", "prometheus", "influx", "collectd"];

/// The settings of a command line.
#[derive(Default)]
pub struct Line<'a> {
    /// The requests for help or the version and the errors, in the order of the
    /// command line.
    requests: Vec<Result<Request, UsageError<'a>>>,
    pub path: Option<&'a [u8]>,
    pub conntrack: bool,
    pub all: bool,
    pub source: &'static str,
    pub ports: [Vec<u16>; 2],
    pub format: Option<&'static str>,
    pub query: bool,
    pub check: bool,
    pub asked: Vec<Query<'a>>,
    unknown_keys: Vec<&'a [u8]>,
    pub output: Option<&'a [u8]>,
    pub interval: Option<&'a [u8]>,
    pub timeout: Option<u128>,
}

impl<'a> Line<'a> {
    pub fn parse(words: &[&'a [u8]]) -> Line<'a> {
        let mut first_pass = Line { source: "proc", ..Line::default() };
        first_pass.parse_words(words);
        // `--conntrack` decides which keys exist, even if the option comes
        // after a key. So the second pass starts with the option set.
        let mut line = Line { source: "proc", conntrack: first_pass.conntrack, ..Line::default() };
        line.parse_words(words);
        line.check_combinations();
        line
    }

    fn parse_words(&mut self, words: &[&'a [u8]]) {
        let mut words = words.iter().copied();
        let mut options_ended = false;
        while let Some(word) = words.next() {
            if options_ended || word == b"-" || !word.starts_with(b"-") {
                self.parse_path(word);
            } else if word == b"--" {
                options_ended = true;
            } else if let Some(long) = word.strip_prefix(b"--") {
                self.parse_long(long, &word[1..], &mut words);
            } else {
                self.parse_cluster(&word[1..], &mut words);
            }
        }
    }

    /// Returns the first request or error.
    pub fn request(&self) -> Result<Request, UsageError<'a>> {
        *self.requests.first().unwrap_or(&Ok(Request::Count))
    }

    fn add_error(&mut self, problem: Problem, argument: &'a [u8]) {
        self.requests.push(Err(UsageError { problem, argument }));
    }

    fn parse_path(&mut self, word: &'a [u8]) {
        if word.is_empty() {
            self.add_error(Problem::EmptyPath, b"");
        } else if self.path.is_some() {
            self.add_error(Problem::SecondPath, word);
        } else {
            self.path = Some(word);
        }
    }

    /// Parses an option by its long name: `text` is the argument after two
    /// dashes, and `dashed` is the argument after the first dash. A value after
    /// an equals sign may follow the name.
    fn parse_long(
        &mut self,
        text: &'a [u8],
        dashed: &'a [u8],
        others: &mut impl Iterator<Item = &'a [u8]>,
    ) {
        let equals = text.iter().position(|&byte| byte == b'=');
        let length = equals.unwrap_or(text.len());
        let (name, value) = (&text[..length], equals.map(|index| &text[index + 1..]));
        let argument = &dashed[..=length];
        let known = OPTIONS.iter().find(|(_, long, _)| long.as_bytes() == name);
        let Some((_, long, takes_value)) = known else {
            return self.add_error(unknown(argument), argument);
        };
        self.note_check(long);
        match (takes_value, value) {
            (false, Some(_)) => self.add_error(Problem::UnwantedValue, argument),
            (false, None) => self.apply(long, argument, b""),
            (true, value) => match value.or_else(|| others.next()) {
                Some(value) => self.apply(long, argument, value),
                None => self.add_error(Problem::MissingValue, argument),
            },
        }
    }

    /// Parses options by their short names: `text` is the argument after the
    /// dash.
    fn parse_cluster(&mut self, text: &'a [u8], others: &mut impl Iterator<Item = &'a [u8]>) {
        for index in 0..text.len() {
            // A dash begins a long name, even after a short name: `-a-help` is
            // `-a --help`.
            if text[index] == b'-' {
                return self.parse_long(&text[index + 1..], &text[index..], others);
            }
            let (argument, rest) = (&text[index..=index], &text[index + 1..]);
            let known = OPTIONS.iter().find(|(short, ..)| short.as_bytes() == argument);
            let Some((_, long, takes_value)) = known else {
                self.add_error(unknown(argument), argument);
                continue;
            };
            self.note_check(long);
            if *takes_value {
                let value = if rest.is_empty() { others.next() } else { Some(rest) };
                return match value {
                    Some(value) => self.apply(long, argument, value),
                    None => self.add_error(Problem::MissingValue, argument),
                };
            }
            self.apply(long, argument, b"");
        }
    }

    /// Sets `check` if the option is a threshold, even if the value is invalid.
    fn note_check(&mut self, long: &str) {
        if long == "warning" || long == "critical" {
            self.check = true;
        }
    }

    fn apply(&mut self, long: &str, argument: &'a [u8], value: &'a [u8]) {
        match long {
            "all" => self.all = true,
            "conntrack" => self.conntrack = true,
            "help" => self.requests.push(Ok(Request::Help)),
            "version" => self.requests.push(Ok(Request::Version)),
            "local-port" => self.add_port(0, argument, value),
            "remote-port" => self.add_port(1, argument, value),
            "source" => {
                match ["proc", "netlink", "auto"].iter().find(|name| name.as_bytes() == value) {
                    Some(source) => self.source = source,
                    None => self.add_error(Problem::InvalidSource, value),
                }
            }
            "format" => {
                self.format = FORMATS.into_iter().find(|name| name.as_bytes() == value);
                if self.format.is_none() {
                    self.add_error(Problem::InvalidFormat, value);
                }
            }
            "output" if value.is_empty() => self.add_error(Problem::EmptyFile, b""),
            "output" => self.output = Some(value),
            "interval" => match natural(value) {
                Some(1..=86400) => self.interval = Some(value),
                _ => self.add_error(Problem::InvalidSeconds, value),
            },
            "timeout" => match natural(value) {
                Some(seconds @ 1..=86400) => self.timeout = Some(seconds),
                _ => self.add_error(Problem::InvalidSeconds, value),
            },
            "query" => {
                self.query = true;
                self.add_query(argument, value);
            }
            "warning" => self.add_threshold(0, argument, value),
            "critical" => self.add_threshold(1, argument, value),
            _ => panic!("{long}"),
        }
    }

    fn add_port(&mut self, side: usize, argument: &'a [u8], value: &'a [u8]) {
        match natural(value) {
            Some(port @ 0..=65535) if self.ports[side].len() < 16 => {
                self.ports[side].push(port as u16);
            }
            Some(0..=65535) => self.add_error(Problem::TooMany, argument),
            _ => self.add_error(Problem::InvalidPort, value),
        }
    }

    fn add_threshold(&mut self, kind: usize, argument: &'a [u8], value: &'a [u8]) {
        let Some(equals) = value.iter().position(|&byte| byte == b'=') else {
            return self.add_error(Problem::InvalidThreshold, value);
        };
        let (key, range) = (&value[..equals], &value[equals + 1..]);
        if check_oracle::range(range).is_none() {
            return self.add_error(Problem::InvalidRange, range);
        }
        if !self.asked.iter().any(|(name, _)| *name == key) {
            self.add_query(argument, key);
        }
        if let Some((_, ranges)) = self.asked.iter_mut().find(|(name, _)| *name == key) {
            ranges[kind] = range;
        }
    }

    fn add_query(&mut self, argument: &'a [u8], key: &'a [u8]) {
        // An unknown key takes no memory, so the number of unknown keys has no
        // limit.
        let numbers = Numbers { conntrack: self.conntrack, added: Vec::new(), table: [0; 4] };
        if numbers.number(key).is_none() {
            self.unknown_keys.push(key);
        } else if self.asked.len() == 7 * 13 {
            // The program has memory for as many queries as sockets have keys.
            self.add_error(Problem::TooMany, argument);
        } else {
            self.asked.push((key, [b"", b""]));
        }
    }

    /// Adds the errors that only the whole command line shows: unknown keys,
    /// and options that conflict.
    fn check_combinations(&mut self) {
        if let Some(key) = self.unknown_keys.first() {
            self.add_error(Problem::InvalidKey, key);
        }
        for (key, _) in self.asked.clone() {
            let key_text = str::from_utf8(key).unwrap();
            if let Some(problem) = always_zero(self.conntrack, self.all, &self.ports[1], key_text) {
                self.add_error(problem, key);
            }
        }
        if self.source == "netlink" {
            match self.path {
                None | Some(b"/proc") => {}
                Some(path) => self.add_error(Problem::PathWithNetlink, path),
            }
            if self.conntrack {
                self.add_error(Problem::ConntrackWithNetlink, b"");
            }
        }
        if self.timeout.is_some() && self.interval.is_some() {
            self.add_error(Problem::TimeoutWithInterval, b"");
        }
        if u8::from(self.format.is_some()) + u8::from(self.query) + u8::from(self.check) > 1 {
            self.add_error(Problem::Conflict, b"");
        }
    }

    /// Returns the source that the program uses.
    pub fn source(&self) -> Source {
        match self.source {
            "netlink" => Source::Netlink,
            // With a PATH, or for tracked connections, auto reads procfs.
            "auto" if self.path.is_none() && !self.conntrack => Source::Auto,
            _ => Source::Proc,
        }
    }
}

/// Returns the reason why the number of a key is 0 in every report with these
/// settings.
pub fn always_zero(conntrack: bool, all: bool, remote_ports: &[u16], key: &str) -> Option<Problem> {
    let (group, column) = key.split_once('.')?;
    let is_status = ["UNREPLIED", "REPLIED", "ASSURED", "OFFLOAD", "HW_OFFLOAD"].contains(&column);
    let protocol = group.trim_end_matches(['4', '6']);
    match (conntrack, protocol, column) {
        (true, "udp" | "other", _) if !is_status => Some(Problem::OnlyTcpHasStates),
        (true, ..) => None,
        (false, "udp", "ESTABLISHED" | "CLOSE" | "UNKNOWN") => None,
        (false, "udp", _) => Some(Problem::NoStateOfUdp),
        (false, _, "LISTEN") if !all => Some(Problem::ListenWithoutAll),
        (false, _, "LISTEN") if remote_ports.is_empty() || remote_ports.contains(&0) => None,
        (false, _, "LISTEN") => Some(Problem::ListenWithRemotePort),
        (false, ..) => None,
    }
}

/// Parses a number in digits. Returns nothing if `digits` is empty or has
/// another byte.
pub fn natural(digits: &[u8]) -> Option<u128> {
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    is_number.then(|| str::from_utf8(digits).unwrap().parse().unwrap_or(u128::MAX))
}

/// Returns the message for a usage error, without the name of the program.
pub fn message(UsageError { problem, argument }: UsageError) -> String {
    let word = shown(argument);
    let text = match problem {
        Problem::UnknownOption => format!("unknown option '-{word}'"),
        Problem::ReservedVerbose => {
            format!("'-{word}' is not supported: the output has only one level of detail")
        }
        Problem::ReservedHostname => {
            format!("'-{word}' is not supported: the program counts on this host only")
        }
        Problem::UnwantedValue => format!("option '-{word}' takes no value"),
        Problem::MissingValue => format!("option '-{word}' needs a value"),
        Problem::TooMany => format!("too many of option '-{word}'"),
        Problem::SecondPath => format!("more than one PATH: '{word}'"),
        Problem::EmptyPath => "PATH is empty".to_string(),
        Problem::EmptyFile => "FILE is empty".to_string(),
        Problem::TemporaryFile => format!("FILE has the name of a temporary file: '{word}'"),
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
            format!(
                "invalid RANGE '{word}' (expected [@]END or [@][START]:[END], whole numbers in order)"
            )
        }
        Problem::InvalidSeconds => {
            format!("invalid SECONDS '{word}' (expected a number from 1 to 86400)")
        }
        Problem::ListenWithoutAll => format!("KEY '{word}' needs --all"),
        Problem::ListenWithRemotePort => format!("KEY '{word}' is always 0 with --remote-port"),
        Problem::NoStateOfUdp => {
            format!("KEY '{word}' is always 0 (UDP has only ESTABLISHED and CLOSE)")
        }
        Problem::OnlyTcpHasStates => format!("KEY '{word}' is always 0 (only TCP has states)"),
        Problem::TimeoutWithInterval => "--timeout can't be used with --interval".to_string(),
        Problem::PathWithNetlink => format!("--source netlink can't count in PATH '{word}'"),
        Problem::ConntrackWithNetlink => {
            "--source netlink can't count with --conntrack".to_string()
        }
        Problem::Conflict => {
            "only one of --format, --query and --warning/--critical may be used".to_string()
        }
    };
    format!("{text}; see 'network-connections --help'\n")
}
