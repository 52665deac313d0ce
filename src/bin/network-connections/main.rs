//! Prints how many network connections this system has, by protocol and TCP
//! state.
//!
//! This crate makes the system calls of the program. The library of the same
//! name makes no system call.

#![no_std]
#![no_main]
#![deny(unsafe_code)]

mod atomic_file;
mod interval;
mod netlink;
mod procfs;
#[allow(unsafe_code)]
mod system;

use network_connections::bytes::swar::WORD_SIZE;
use network_connections::cli::audience::Audience;
use network_connections::cli::failure::{Failure, LONGEST_MESSAGE, Reason, Resource};
use network_connections::cli::options;
use network_connections::cli::request::{
    self, CommandLine, Plan, Presentation, Queries, Request, Source,
};
use network_connections::kernel::errno::Errno;
use network_connections::kernel::table_reader::ReadBuffer;
use network_connections::model::counts::Counts;
use network_connections::model::key::Key;
use network_connections::model::schema::Subject;
use network_connections::output::format::{LONGEST_REPORT, Origin};
use network_connections::output::formats::collectd::{is_host, is_positive_decimal};
use network_connections::output::{check, query};
use network_connections::text::buffer::TextBuffer;

use interval::{Event, IntervalTimer};
use procfs::Procfs;
use system::{CStrArray, Utsname};

/// Memory of 16 KiB, into which the program reads tables and datagrams.
///
/// One page would be enough for a table, because a read returns at most one
/// page: see fs/seq_file.c. The first datagram of a dump is at most 8 KiB long.
/// The limit for a later datagram is 8 KiB or the length of the longest buffer
/// of the earlier `recv` calls, whichever is larger: see `netlink_dump` in
/// net/netlink/af_netlink.c. So every datagram fits. A buffer of 32 KiB would
/// halve the number of datagrams, but save only one percent of the time.
type Buffer = ReadBuffer<{ 16384 / WORD_SIZE }>;

/// The number of bytes in the longest text that the program composes.
const LONGEST_TEXT: usize =
    if LONGEST_REPORT > LONGEST_MESSAGE { LONGEST_REPORT } else { LONGEST_MESSAGE };

/// The large values of the program. `system` stores the values in static memory
/// to keep the stack small.
struct Memory {
    buffer: Buffer,
    counts: Counts,
    queries: Queries<'static>,
    text: [u8; LONGEST_TEXT],
}

impl Memory {
    const ZERO: Memory = Memory {
        buffer: Buffer::ZERO,
        counts: Counts::ZERO,
        queries: Queries::new(),
        text: [0; LONGEST_TEXT],
    };
}

/// Runs the program, and returns its exit status. `arguments` begins after the
/// program's name.
fn main(arguments: CStrArray, environment: CStrArray, memory: &mut Memory) -> u8 {
    let Memory { buffer, counts, queries, text } = memory;
    let mut text = TextBuffer::new(text);
    let mut plan = Plan::new(queries);
    let CommandLine { audience, request } = request::parse(arguments, &mut plan);
    let result = match request {
        Ok(Request::Count) => count_and_report(&plan, environment, buffer, counts, &mut text),
        Ok(Request::Help) => show(options::compose_help, audience, &mut text),
        Ok(Request::Version) => show(options::compose_version, audience, &mut text),
        Err(error) => {
            let exit_status = error.compose(audience, &mut text);
            print_message(audience, &text);
            return exit_status;
        }
    };
    match result {
        Ok(exit_status) => exit_status,
        // Nobody reads the output any more, so nobody would read a message.
        Err(Failure { resource: Resource::StandardOutput, reason: Reason::Errno(Errno::PIPE) }) => {
            audience.exit_status(1)
        }
        Err(failure) => {
            let head = match failure.reason {
                Reason::MalformedLine(line) => buffer.head(line),
                _ => b"",
            };
            let exit_status = failure.compose(&plan, head, audience, &mut text);
            print_message(audience, &text);
            exit_status
        }
    }
}

/// Prints the help or the version, and returns the exit status.
fn show(
    compose: fn(&mut TextBuffer),
    audience: Audience,
    text: &mut TextBuffer,
) -> Result<u8, Failure> {
    compose(text);
    print(text)?;
    Ok(audience.exit_status(0))
}

/// Counts and reports, and returns the exit status. With `--interval` the
/// function repeats both until a signal ends the run.
fn count_and_report(
    plan: &Plan,
    environment: CStrArray,
    buffer: &mut Buffer,
    counts: &mut Counts,
    text: &mut TextBuffer,
) -> Result<u8, Failure> {
    let mut system_name = Utsname::new();
    let origin = origin(plan, &environment, &mut system_name)?;
    let timer_failed = |errno| failed(Resource::Timer, errno);
    if let Some(seconds) = plan.timeout {
        system::limit_time(seconds).map_err(timer_failed)?;
    }
    let timer = plan.seconds().map(IntervalTimer::start).transpose().map_err(timer_failed)?;
    loop {
        let exit_status = report_once(plan, &origin, buffer, counts, text)?;
        let Some(timer) = &timer else { return Ok(exit_status) };
        match timer.wait().map_err(timer_failed)? {
            Event::Tick => {}
            // A shell reports this exit status for a program that a signal
            // ended.
            Event::Signal(signal) => return Ok(128 + signal as u8),
        }
    }
}

/// Counts and reports once, and returns the exit status.
fn report_once(
    plan: &Plan,
    origin: &Origin,
    buffer: &mut Buffer,
    counts: &mut Counts,
    text: &mut TextBuffer,
) -> Result<u8, Failure> {
    count(plan, buffer, counts)?;
    text.clear();
    let exit_status = compose(plan, counts, origin, text);
    match plan.output {
        None => print(text)?,
        Some(path) => atomic_file::replace(path, text, buffer)?,
    }
    Ok(exit_status)
}

/// Counts the sockets or the connections that the plan selects.
fn count(plan: &Plan, buffer: &mut Buffer, counts: &mut Counts) -> Result<(), Failure> {
    counts.reset(plan.subject);
    if plan.subject == Subject::Sockets && plan.source != Source::Proc {
        match netlink::count_sockets(&plan.filter, buffer, counts) {
            Err(errno) if plan.source == Source::Netlink || errno == Errno::TIME => {
                return Err(failed(Resource::SockDiag, errno));
            }
            Ok(()) => return Ok(()),
            // The program counts anew from procfs, and prints no message about
            // sock_diag.
            Err(_) => counts.reset(plan.subject),
        }
    }
    let procfs = Procfs::open(plan.procfs)?;
    match plan.subject {
        Subject::Sockets => procfs::count_sockets(&procfs, &plan.filter, buffer, counts)?,
        Subject::Connections => {
            procfs::count_connections(&procfs, &plan.filter, buffer, counts)?;
            let mut keys = plan.queries.iter().map(|query| query.key);
            let is_fill_needed = keys.any(|key| matches!(key, Key::Table(_)));
            // Every later call fails after the time of `--timeout`, too. The
            // message names the file in which the time ended.
            counts.table_fill = match procfs::read_table_fill(&procfs, buffer) {
                Err(failure) if is_fill_needed || failure.reason == Reason::Errno(Errno::TIME) => {
                    return Err(failure);
                }
                fill => fill.ok(),
            };
        }
    }
    procfs.check_namespace()
}

/// Composes the counts in the presentation of the plan, and returns the exit
/// status.
fn compose(plan: &Plan, counts: &Counts, origin: &Origin, text: &mut TextBuffer) -> u8 {
    match plan.presentation {
        Presentation::Report(format) => format.compose(counts, origin, text),
        Presentation::Query => query::compose(plan.queries, counts, text),
        Presentation::Check => return check::compose(plan.queries, counts, text) as u8,
    }
    0
}

/// Returns the host's name and the seconds from one report to the next, or
/// empty values if the format uses neither.
///
/// # Errors
/// Returns a failure if collectd would refuse the name, or ignore the interval.
fn origin<'a>(
    plan: &'a Plan,
    environment: &CStrArray,
    system_name: &'a mut Utsname,
) -> Result<Origin<'a>, Failure> {
    match plan.presentation {
        Presentation::Report(format) if format.names_origin => {}
        _ => return Ok(Origin::default()),
    }
    let host = environment.variable(b"COLLECTD_HOSTNAME");
    let host = host.unwrap_or_else(|| system_name.host());
    if !is_host(host) {
        return Err(Failure { resource: Resource::Host, reason: Reason::NotAHost });
    }
    let interval = plan.interval.or_else(|| environment.variable(b"COLLECTD_INTERVAL"));
    let interval = interval.unwrap_or(b"10");
    if !is_positive_decimal(interval) {
        return Err(Failure { resource: Resource::CollectdInterval, reason: Reason::NotSeconds });
    }
    Ok(Origin { host, interval })
}

/// Prints a text on standard output.
fn print(text: &TextBuffer) -> Result<(), Failure> {
    let complete = text.complete().ok_or(Errno::MSGSIZE);
    complete
        .and_then(|text| system::write_all(system::STANDARD_OUTPUT, text))
        .map_err(|errno| failed(Resource::StandardOutput, errno))
}

/// Prints a message on standard error for a person, or on standard output for a
/// monitor. The function ignores a failure to print, because the exit status of
/// the program also reports the error that the message describes.
fn print_message(audience: Audience, text: &TextBuffer) {
    let descriptor = match audience {
        Audience::Person => system::STANDARD_ERROR,
        Audience::Monitor => system::STANDARD_OUTPUT,
    };
    system::extend_time();
    let _ = system::write_all(descriptor, text.fitted());
}

/// Returns the failure of a system call.
const fn failed(resource: Resource, errno: Errno) -> Failure {
    Failure { resource, reason: Reason::Errno(errno) }
}
