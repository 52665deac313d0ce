//! What a command line asks for.

use heapless::Vec;

use super::arguments::{Argument, Arguments};
use super::audience::Audience;
use super::options::OptionName;
use super::usage_error::{Problem, UsageError};
use crate::bytes::decimal::parse_decimal;
use crate::bytes::name_list::named_enum;
use crate::bytes::split::split_once;
use crate::kernel::proc_file::PROCFS;
use crate::model::filter::Filter;
use crate::model::key::Key;
use crate::model::port::PortList;
use crate::model::schema::Subject;
use crate::model::threshold::{AlertRange, Query, Severity};
use crate::output::format::Format;
use crate::output::formats;

/// What a command line asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// To carry out the [`Plan`].
    Count,
    /// To print the help.
    Help,
    /// To print the version.
    Version,
}

/// The plan of a run: the subject, how the counts are shown, and where.
#[derive(Debug, PartialEq, Eq)]
pub struct Plan<'q, 'a> {
    /// The sockets or the tracked connections.
    pub subject: Subject,
    /// Which of these count.
    pub filter: Filter,
    /// Where the kernel is asked.
    pub source: Source,
    /// The procfs directory, never empty.
    pub procfs: &'a [u8],
    /// How the counts are shown.
    pub presentation: Presentation,
    /// The numbers that [`Presentation::Query`] and [`Presentation::Check`]
    /// show.
    pub queries: &'q mut Queries<'a>,
    /// The file to write instead of standard output, never empty.
    pub output: Option<&'a [u8]>,
    /// Seconds from one report to the next, 1 to [`LONGEST_INTERVAL`], in
    /// digits.
    pub interval: Option<&'a [u8]>,
}

/// The longest interval: a day.
pub const LONGEST_INTERVAL: i32 = 86400;

named_enum! {
    /// Where the kernel is asked.
    pub enum Source {
        /// The tables in procfs.
        Proc = "proc",
        /// Dumps of the program's own network namespace by netlink.
        Netlink = "netlink",
        /// Netlink, or procfs if netlink can't serve.
        Auto = "auto",
    }
}

/// How the counts are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presentation {
    /// All of them.
    Report(&'static Format),
    /// Single numbers.
    Query,
    /// Single numbers compared with ranges, as a monitoring plugin does.
    Check,
}

impl<'q, 'a> Plan<'q, 'a> {
    /// Returns the plan of an empty command line. `queries` is memory for the
    /// queries of the command line.
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
        }
    }

    /// Returns the seconds from one report to the next.
    pub fn seconds(&self) -> Option<i32> {
        self.interval.and_then(parse_decimal)
    }
}

/// A command line that was parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommandLine<'a> {
    /// Who reads what goes wrong.
    pub audience: Audience,
    /// What the command line asks for.
    pub request: Result<Request, UsageError<'a>>,
}

/// Memory for the queries of a command line: as many as there are keys of
/// sockets.
pub type Queries<'a> = Vec<Query<'a>, { Key::SOCKET_KEYS }>;

/// Parses a command line, without the program's name, into the plan of an empty
/// one.
///
/// The first of `--help`, `--version` and all errors is the result. The rest is
/// parsed all the same, because a check among it makes the audience a monitor.
pub fn parse<'a>(
    words: impl Iterator<Item = &'a [u8]> + Clone,
    plan: &mut Plan<'_, 'a>,
) -> CommandLine<'a> {
    let arguments = Arguments::new(words);
    // Which keys there are depends on the subject, whose option may follow
    // them.
    if arguments.clone().any(|argument| argument.is_option(OptionName::Conntrack)) {
        plan.subject = Subject::Connections;
    }
    let mut parser = Parser {
        plan,
        audience: Audience::Person,
        first_interruption: None,
        has_path: false,
        format: None,
        has_queries: false,
        unknown_key: None,
    };
    for argument in arguments {
        parser.take(argument);
    }
    if let Err(error) = parser.check() {
        parser.interrupt(Err(error));
    }
    CommandLine {
        audience: parser.audience,
        request: parser.first_interruption.unwrap_or(Ok(Request::Count)),
    }
}

/// A command line while it is parsed.
struct Parser<'p, 'q, 'a> {
    plan: &'p mut Plan<'q, 'a>,
    audience: Audience,
    /// What the command line asks for instead of a count, or why it makes no
    /// sense.
    first_interruption: Option<Result<Request, UsageError<'a>>>,
    has_path: bool,
    format: Option<&'static Format>,
    has_queries: bool,
    /// The first key that names no number. It is an error only if nothing else
    /// is.
    unknown_key: Option<&'a [u8]>,
}

impl<'a> Parser<'_, '_, 'a> {
    /// Keeps the first interruption.
    fn interrupt(&mut self, interruption: Result<Request, UsageError<'a>>) {
        if self.first_interruption.is_none() {
            self.first_interruption = Some(interruption);
        }
    }

    fn take(&mut self, argument: Argument<'a>) {
        let (result, name, value) = match argument {
            Argument::Path(path) => (self.set_path(path), path, path),
            Argument::Unknown(name) => (Err(Problem::UnknownOption), name, name),
            Argument::Option { option, name, value } => {
                (self.take_option(option, value), name, value.unwrap_or_default())
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
            self.interrupt(Err(UsageError { problem, argument }));
        }
    }

    fn take_option(&mut self, option: OptionName, value: Option<&'a [u8]>) -> Result<(), Problem> {
        if let OptionName::Warning | OptionName::Critical = option {
            self.audience = Audience::Monitor;
        }
        match value {
            None if option.takes_value() => Err(Problem::MissingValue),
            Some(_) if !option.takes_value() => Err(Problem::UnwantedValue),
            value => self.set(option, value.unwrap_or_default()),
        }
    }

    fn set(&mut self, option: OptionName, value: &'a [u8]) -> Result<(), Problem> {
        match option {
            OptionName::All => self.plan.filter.all = true,
            // `parse` has looked for it.
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
            OptionName::Warning => return self.add_threshold(Severity::Warning, value),
            OptionName::Critical => return self.add_threshold(Severity::Critical, value),
            OptionName::Output if value.is_empty() => return Err(Problem::EmptyFile),
            OptionName::Output => self.plan.output = Some(value),
            OptionName::Interval => match parse_decimal(value) {
                Some(1..=LONGEST_INTERVAL) => self.plan.interval = Some(value),
                _ => return Err(Problem::InvalidInterval),
            },
            OptionName::Help => self.interrupt(Ok(Request::Help)),
            OptionName::Version => self.interrupt(Ok(Request::Version)),
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

    /// Adds a query, unless its key names no number.
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

    /// Sets a range of the query for a key, which may have the other range
    /// already.
    fn add_threshold(&mut self, severity: Severity, value: &'a [u8]) -> Result<(), Problem> {
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

    /// Checks what only the whole command line tells.
    fn check(&mut self) -> Result<(), UsageError<'a>> {
        let error = |problem, argument| Err(UsageError { problem, argument });
        if let Some(key) = self.unknown_key {
            return error(Problem::InvalidKey, key);
        }
        let is_conntrack = self.plan.subject == Subject::Connections;
        match self.plan.source {
            Source::Netlink if self.plan.procfs != PROCFS => {
                return error(Problem::PathWithNetlink, self.plan.procfs);
            }
            Source::Netlink if is_conntrack => return error(Problem::ConntrackWithNetlink, b""),
            // Netlink serves neither of these.
            Source::Auto if self.has_path || is_conntrack => self.plan.source = Source::Proc,
            _ => {}
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

fn add_port(ports: &mut PortList, value: &[u8]) -> Result<(), Problem> {
    let port = parse_decimal(value).and_then(|port| u16::try_from(port).ok());
    ports.push(port.ok_or(Problem::InvalidPort)?).or(Err(Problem::TooMany))
}
