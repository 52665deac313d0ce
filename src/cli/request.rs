//! What a command line asks for.

use heapless::Vec;

use super::arguments::{Argument, Arguments};
use super::audience::Audience;
use super::options::OptionName;
use super::usage_error::{Problem, UsageError};
use crate::bytes::decimal::parse_decimal;
use crate::bytes::name_list::named_enum;
use crate::bytes::split::{split_once, split_path};
use crate::kernel::proc_file::PROCFS;
use crate::model::filter::Filter;
use crate::model::key::{AlwaysZero, Key};
use crate::model::port::PortList;
use crate::model::schema::Subject;
use crate::model::threshold::{AlertRange, Query, Severity};
use crate::output::format::Format;
use crate::output::formats;
use crate::output::temporary_name::TemporaryName;

/// What a command line asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// Carry out the [`Plan`].
    Count,
    /// Print the help.
    Help,
    /// Print the version.
    Version,
}

/// All settings of a run that counts.
#[derive(Debug, PartialEq, Eq)]
pub struct Plan<'q, 'a> {
    /// Whether the run counts sockets or tracked connections.
    pub subject: Subject,
    /// The filter that selects the sockets or connections to count.
    pub filter: Filter,
    /// The kernel interface that the program reads.
    pub source: Source,
    /// The path of the procfs directory. The path is never empty.
    pub procfs: &'a [u8],
    /// The way to show the counts.
    pub presentation: Presentation,
    /// The queries that [`Presentation::Query`] and [`Presentation::Check`]
    /// show. Empty for [`Presentation::Report`].
    pub queries: &'q mut Queries<'a>,
    /// The path of the file to write instead of standard output. The path is
    /// never empty.
    pub output: Option<&'a [u8]>,
    /// The seconds from one report to the next, 1 to [`LONGEST_INTERVAL`], in
    /// digits. Without an interval, the run ends after one report.
    pub interval: Option<&'a [u8]>,
    /// The seconds after which a run that has not ended fails, 1 to
    /// [`LONGEST_INTERVAL`]. Without a timeout, the time has no limit.
    pub timeout: Option<i32>,
}

/// The longest interval and the longest timeout, in seconds: a day.
pub const LONGEST_INTERVAL: i32 = 86400;

named_enum! {
    /// The kernel interface that the program reads.
    pub enum Source {
        /// The tables in procfs.
        Proc = "proc",
        /// Netlink dumps of the program's own network namespace.
        Netlink = "netlink",
        /// Netlink, or procfs if netlink fails.
        Auto = "auto",
    }
}

/// The way to show the counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presentation {
    /// All counts in a format.
    Report(&'static Format),
    /// Single numbers.
    Query,
    /// Single numbers, compared with alert ranges, in the line of a monitoring
    /// plugin.
    Check,
}

impl<'q, 'a> Plan<'q, 'a> {
    /// Returns the plan of an empty command line. `queries` is memory for the
    /// queries to add.
    pub fn new(queries: &'q mut Queries<'a>) -> Plan<'q, 'a> {
        queries.clear();
        Plan {
            subject: Subject::default(),
            filter: Filter::default(),
            source: Source::Proc,
            procfs: PROCFS,
            presentation: Presentation::Report(formats::DEFAULT),
            queries,
            output: None,
            interval: None,
            timeout: None,
        }
    }

    /// Returns the seconds from one report to the next, or nothing if the run
    /// ends after one report.
    pub fn seconds(&self) -> Option<i32> {
        self.interval.and_then(parse_seconds)
    }
}

/// The result of parsing a command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommandLine<'a> {
    /// The reader of errors.
    pub audience: Audience,
    /// The request, or the first error.
    pub request: Result<Request, UsageError<'a>>,
}

/// The queries of a command line. The capacity is the number of socket keys, so
/// a command line can query every socket key once.
pub type Queries<'a> = Vec<Query<'a>, { Key::SOCKET_KEYS }>;

/// Parses a command line, without the name of the program, into a new plan.
///
/// The first `--help`, `--version` or error decides the result. The function
/// still parses all later arguments, because a later `--warning` or
/// `--critical` makes the audience a monitor.
pub fn parse<'a>(
    words: impl Iterator<Item = &'a [u8]> + Clone,
    plan: &mut Plan<'_, 'a>,
) -> CommandLine<'a> {
    let arguments = Arguments::new(words);
    // The subject decides which keys exist. `--conntrack` may come after a key,
    // so the function looks for `--conntrack` first.
    if arguments.clone().any(|argument| argument.is_option(OptionName::Conntrack)) {
        plan.subject = Subject::Connections;
    }
    let mut parser = Parser {
        plan,
        audience: Audience::Person,
        outcome: None,
        has_path: false,
        format: None,
        has_queries: false,
        unknown_key: None,
    };
    for argument in arguments {
        parser.parse_argument(argument);
    }
    if let Err(error) = parser.finish() {
        parser.set_outcome(Err(error));
    }
    CommandLine { audience: parser.audience, request: parser.outcome.unwrap_or(Ok(Request::Count)) }
}

/// A command line while it is parsed.
struct Parser<'p, 'q, 'a> {
    plan: &'p mut Plan<'q, 'a>,
    audience: Audience,
    /// The result of the first `--help`, `--version` or error.
    outcome: Option<Result<Request, UsageError<'a>>>,
    has_path: bool,
    format: Option<&'static Format>,
    has_queries: bool,
    /// The first key that names no number. The parser reports this key only if
    /// no argument has another error.
    unknown_key: Option<&'a [u8]>,
}

impl<'a> Parser<'_, '_, 'a> {
    /// Sets the outcome unless an earlier argument did.
    fn set_outcome(&mut self, outcome: Result<Request, UsageError<'a>>) {
        if self.outcome.is_none() {
            self.outcome = Some(outcome);
        }
    }

    fn parse_argument(&mut self, argument: Argument<'a>) {
        let (result, name, value) = match argument {
            Argument::Path(path) => (self.set_path(path), path, path),
            Argument::Unknown(name) => {
                // The Monitoring Plugins Development Guidelines reserve these
                // names for features that the program lacks.
                let problem = match name {
                    b"v" | b"-verbose" => Problem::ReservedVerbose,
                    b"H" | b"-hostname" => Problem::ReservedHostname,
                    _ => Problem::UnknownOption,
                };
                (Err(problem), name, name)
            }
            Argument::Option { option, name, value } => {
                (self.parse_option(option, value), name, value.unwrap_or_default())
            }
        };
        if let Err(problem) = result {
            let argument = match problem {
                Problem::UnknownOption
                | Problem::UnwantedValue
                | Problem::MissingValue
                | Problem::TooMany => name,
                Problem::InvalidRange => split_once(value, b'=').1.unwrap_or_default(),
                _ => value,
            };
            self.set_outcome(Err(UsageError { problem, argument }));
        }
    }

    fn parse_option(&mut self, option: OptionName, value: Option<&'a [u8]>) -> Result<(), Problem> {
        if let OptionName::Warning | OptionName::Critical = option {
            self.audience = Audience::Monitor;
        }
        match value {
            None if option.takes_value() => Err(Problem::MissingValue),
            Some(_) if !option.takes_value() => Err(Problem::UnwantedValue),
            value => self.apply(option, value.unwrap_or_default()),
        }
    }

    fn apply(&mut self, option: OptionName, value: &'a [u8]) -> Result<(), Problem> {
        match option {
            OptionName::All => self.plan.filter.all = true,
            // `parse` has set the subject.
            OptionName::Conntrack => {}
            OptionName::LocalPort => return add_port(&mut self.plan.filter.local_ports, value),
            OptionName::RemotePort => return add_port(&mut self.plan.filter.remote_ports, value),
            OptionName::Source => {
                self.plan.source = Source::from_name(value).ok_or(Problem::InvalidSource)?;
            }
            OptionName::Format => {
                self.format = Some(formats::from_name(value).ok_or(Problem::InvalidFormat)?);
            }
            OptionName::Query => {
                self.has_queries = true;
                return self.add_query(value, None, None);
            }
            OptionName::Warning => return self.set_range(Severity::Warning, value),
            OptionName::Critical => return self.set_range(Severity::Critical, value),
            OptionName::Output if value.is_empty() => return Err(Problem::EmptyFile),
            OptionName::Output if TemporaryName::parse(split_path(value).1).is_some() => {
                return Err(Problem::TemporaryFile);
            }
            OptionName::Output => self.plan.output = Some(value),
            OptionName::Interval => {
                parse_seconds(value).ok_or(Problem::InvalidSeconds)?;
                self.plan.interval = Some(value);
            }
            OptionName::Timeout => {
                self.plan.timeout = Some(parse_seconds(value).ok_or(Problem::InvalidSeconds)?);
            }
            OptionName::Help => self.set_outcome(Ok(Request::Help)),
            OptionName::Version => self.set_outcome(Ok(Request::Version)),
        }
        Ok(())
    }

    fn set_path(&mut self, path: &'a [u8]) -> Result<(), Problem> {
        if path.is_empty() {
            return Err(Problem::EmptyPath);
        }
        if self.has_path {
            return Err(Problem::SecondPath);
        }
        self.has_path = true;
        self.plan.procfs = path;
        Ok(())
    }

    /// Adds a query. If `name` is no key of the subject, the function adds no
    /// query, and stores the first such name as the unknown key.
    fn add_query(
        &mut self,
        name: &'a [u8],
        warning: Option<AlertRange<'a>>,
        critical: Option<AlertRange<'a>>,
    ) -> Result<(), Problem> {
        let Some(key) = Key::parse(self.plan.subject, name) else {
            self.unknown_key = self.unknown_key.or(Some(name));
            return Ok(());
        };
        let query = Query { key, name, warning, critical };
        self.plan.queries.push(query).or(Err(Problem::TooMany))
    }

    /// Parses `KEY=RANGE`, and sets the range of this severity in the query for
    /// KEY. If no query for KEY exists, the function adds the query. A second
    /// range of the same severity replaces the first.
    fn set_range(&mut self, severity: Severity, value: &'a [u8]) -> Result<(), Problem> {
        let (name, Some(text)) = split_once(value, b'=') else {
            return Err(Problem::InvalidThreshold);
        };
        let range = Some(AlertRange::parse(text).ok_or(Problem::InvalidRange)?);
        let known = self.plan.queries.iter_mut().find(|query| query.name == name);
        match (severity, known) {
            (Severity::Critical, Some(query)) => query.critical = range,
            (Severity::Critical, None) => return self.add_query(name, None, range),
            (_, Some(query)) => query.warning = range,
            (_, None) => return self.add_query(name, range, None),
        }
        Ok(())
    }

    /// Checks how the arguments fit together, and completes the plan.
    fn finish(&mut self) -> Result<(), UsageError<'a>> {
        let error = |problem, argument| Err(UsageError { problem, argument });
        if let Some(key) = self.unknown_key {
            return error(Problem::InvalidKey, key);
        }
        for query in self.plan.queries.iter() {
            if let Some(reason) = query.key.always_zero(self.plan.subject, &self.plan.filter) {
                return error(reason.into(), query.name);
            }
        }
        let is_conntrack = self.plan.subject == Subject::Connections;
        match self.plan.source {
            Source::Netlink if self.plan.procfs != PROCFS => {
                return error(Problem::PathWithNetlink, self.plan.procfs);
            }
            Source::Netlink if is_conntrack => return error(Problem::ConntrackWithNetlink, b""),
            // With a PATH, or for tracked connections, auto reads procfs.
            Source::Auto if self.has_path || is_conntrack => self.plan.source = Source::Proc,
            _ => {}
        }
        if self.plan.timeout.is_some() && self.plan.interval.is_some() {
            return error(Problem::TimeoutWithInterval, b"");
        }
        let has_checks = self.audience == Audience::Monitor;
        self.plan.presentation = match (self.format, self.has_queries, has_checks) {
            (format, false, false) => Presentation::Report(format.unwrap_or(formats::DEFAULT)),
            (None, true, false) => Presentation::Query,
            (None, false, true) => Presentation::Check,
            _ => return error(Problem::Conflict, b""),
        };
        Ok(())
    }
}

impl From<AlwaysZero> for Problem {
    fn from(reason: AlwaysZero) -> Problem {
        match reason {
            AlwaysZero::ListenWithoutAll => Problem::ListenWithoutAll,
            AlwaysZero::ListenWithRemotePort => Problem::ListenWithRemotePort,
            AlwaysZero::NoStateOfUdp => Problem::NoStateOfUdp,
            AlwaysZero::OnlyTcpHasStates => Problem::OnlyTcpHasStates,
        }
    }
}

/// Parses a number of seconds from 1 to [`LONGEST_INTERVAL`].
fn parse_seconds(digits: &[u8]) -> Option<i32> {
    let seconds = i32::try_from(parse_decimal(digits)?).ok()?;
    (1..=LONGEST_INTERVAL).contains(&seconds).then_some(seconds)
}

fn add_port(ports: &mut PortList, value: &[u8]) -> Result<(), Problem> {
    let port = parse_decimal(value).and_then(|port| u16::try_from(port).ok());
    ports.push(port.ok_or(Problem::InvalidPort)?).or(Err(Problem::TooMany))
}
