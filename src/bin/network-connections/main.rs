//! Prints how many network connections this system has, by protocol and TCP state.
//!
//! The part of the program that touches the system.

#![no_std]
#![no_main]
#![deny(unsafe_code)]

mod errno;
mod procfs;
#[allow(unsafe_code)]
mod system;

use network_connections::counts::Counts;
use network_connections::message::{self, File, Told};
use network_connections::options::{self, Command};
use network_connections::report;
use network_connections::text::Text;

use errno::Errno;

/// Runs the program on the arguments behind its name, and gives its exit status.
fn main(arguments: system::Arguments) -> u8 {
    let mut text = Text::default();
    let Err(Told { exit_status }) = run(arguments, &mut text) else { return 0 };
    // If nobody takes the message, there is still the status.
    let _ = system::write_all(system::STANDARD_ERROR, text.fitted());
    exit_status
}

fn run(arguments: system::Arguments, text: &mut Text) -> Result<(), Told> {
    match options::parse(arguments).map_err(|usage| message::usage(usage, text))? {
        Command::Help => options::help(text),
        Command::Version => options::version(text),
        Command::Count(options) => {
            let mut counts = Counts::default();
            procfs::count(&options, &mut counts, text)?;
            report::json(&counts, text);
        }
    }
    // There is room for every text (report::CAPACITY). This is in place of a panic.
    let output = text.complete().ok_or(Errno::NO_ROOM);
    match output.and_then(|output| system::write_all(system::STANDARD_OUTPUT, output)) {
        Ok(()) => Ok(()),
        Err(Errno::READER_GONE) => {
            text.clear();
            Err(Told { exit_status: 1 })
        }
        Err(errno) => Err(errno.told(File::STANDARD_OUTPUT, text)),
    }
}
