//! Prints how many network connections this system has, by protocol and TCP state.
//!
//! The part of the program that touches the system.

#![no_std]
#![no_main]
#![deny(unsafe_code)]
// As the compiler of the static programs for them is asked to build core, it may as well do this.
#![cfg_attr(
    all(any(target_arch = "mips", target_arch = "mips64"), target_feature = "crt-static"),
    feature(asm_experimental_arch)
)]

mod errno;
mod netlink;
mod output;
mod procfs;
#[allow(unsafe_code)]
mod system;

use network_connections::check;
use network_connections::counts::Counts;
use network_connections::diag::Request;
use network_connections::message::{self, File, Reader, Told};
use network_connections::options::{self, Command, Options, Source};
use network_connections::report::{self, Format, Origin};
use network_connections::rows;
use network_connections::swar::WORD;
use network_connections::text::Text;

use errno::Errno;
use system::{Strings, SystemName, Ticks};

/// Where tables and datagrams are read to. Of a table the kernel hands out a page at most (fs/seq_file.c), so
/// that for these it need be no larger, and a smaller one costs system calls. A datagram is never longer than
/// the buffer that those before were read into, and the first never than 8 KiB (`netlink_dump` in
/// net/netlink/af_netlink.c); with 32 KiB there are half as many, which is one percent faster.
type Buffer = rows::Buffer<{ 16384 / WORD }>;

/// Where there is room for what is large.
struct Memory {
    buffer: Buffer,
    request: Request,
    counts: Counts,
    text: Text,
}

impl Memory {
    const NEW: Memory = Memory {
        buffer: Buffer::NEW,
        request: Request::NEW,
        counts: Counts::NONE,
        text: Text::new(),
    };
}

/// Runs the program on the arguments behind its name, and gives its exit status.
fn main(arguments: Strings, environment: Strings, memory: &mut Memory) -> u8 {
    let mut options = Options::default();
    options.parse(arguments);
    match run(&options, environment, memory) {
        Ok(exit_status) => exit_status,
        Err(Told { exit_status }) => {
            let output = match options.reader() {
                Reader::Person => system::STANDARD_ERROR,
                Reader::Monitor => system::STANDARD_OUTPUT,
            };
            // If nobody takes the message, there is still the status.
            let _ = system::write_all(output, memory.text.fitted());
            exit_status
        }
    }
}

fn run(options: &Options, environment: Strings, memory: &mut Memory) -> Result<u8, Told> {
    let reader = options.reader();
    let text = &mut memory.text;
    match options.command {
        Command::Count => return count(options, environment, memory),
        Command::Help => options::help(text),
        Command::Version => options::version(text),
        Command::Wrong(usage) => return Err(message::usage(usage, reader, text)),
    }
    write(None, reader, text)?;
    Ok(reader.exit_status(0))
}

/// Counts the connections and shows the counts, once or until something ends it.
fn count(options: &Options, environment: Strings, memory: &mut Memory) -> Result<u8, Told> {
    let reader = options.reader();
    let format = options.format.unwrap_or(Format::DEFAULT);
    let mut system = SystemName::new();
    let mut origin = Origin::default();
    if format.has_origin {
        origin = Origin {
            host: environment.variable(b"COLLECTD_HOSTNAME").unwrap_or_else(|| system.get()[0]),
            interval: options
                .interval
                .or_else(|| environment.variable(b"COLLECTD_INTERVAL"))
                .unwrap_or(b"10"),
        };
    }
    let Memory { buffer, request, counts, text } = memory;
    let ticks = options.seconds().map(Ticks::start);
    loop {
        let is_by_netlink = match options.source {
            Source::Proc => false,
            Source::Netlink => true,
            Source::Auto => options.path.is_none() && !options.conntrack,
        };
        match is_by_netlink.then(|| netlink::count(options, buffer, request, counts)) {
            Some(Ok(())) => {}
            Some(Err(errno)) if options.source == Source::Netlink => {
                return Err(errno.told(&File::NETLINK, reader, text));
            }
            _ => procfs::count(options, buffer, counts, text)?,
        }
        text.clear();
        let mut exit_status = 0;
        if options.check {
            exit_status = check::compose(&options.asked, counts, text);
        } else if options.query {
            report::query(&options.asked, counts, text);
        } else {
            report::compose(format, counts, &origin, text);
        }
        write(options.output, reader, text)?;
        let Some(ticks) = &ticks else { return Ok(exit_status) };
        let signal = ticks.wait();
        if signal != Ticks::SIGNAL {
            return Ok(128 + signal as u8);
        }
    }
}

/// Writes the text to a file, or to standard output.
fn write(name: Option<&[u8]>, reader: Reader, text: &mut Text) -> Result<(), Told> {
    let mut file = match name {
        Some(name) => File { directory: name, path: b"" },
        None => File::STANDARD_OUTPUT,
    };
    let written = match (text.complete(), name) {
        (None, _) => Err(Errno::TOO_LONG),
        (Some(text), None) => system::write_all(system::STANDARD_OUTPUT, text),
        (Some(text), Some(name)) => output::replace(name, text).map_err(|(suffix, errno)| {
            file.path = suffix;
            errno
        }),
    };
    match written {
        Ok(()) => Ok(()),
        Err(Errno::READER_GONE) => {
            text.clear();
            Err(Told { exit_status: reader.exit_status(1) })
        }
        Err(errno) => Err(errno.told(&file, reader, text)),
    }
}
