//! The reader of the messages.

use crate::output::check::{self, Status};
use crate::text::buffer::TextBuffer;

/// The reader of the messages and of the exit status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Audience {
    /// A person or a script.
    #[default]
    Person,
    /// A monitoring system that runs the program as its plugin.
    Monitor,
}

impl Audience {
    /// Returns the exit status of a run that failed, or that printed the help
    /// or the version: `for_person` for a person, and [`Status::Unknown`] for a
    /// monitor.
    pub fn exit_status(self, for_person: u8) -> u8 {
        match self {
            Audience::Person => for_person,
            Audience::Monitor => Status::Unknown as u8,
        }
    }

    /// Replaces the text with the start of a message.
    pub fn begin(self, text: &mut TextBuffer) {
        text.clear();
        match self {
            Audience::Person => text.push(concat!(env!("CARGO_PKG_NAME"), ": ").as_bytes()),
            Audience::Monitor => check::begin(Status::Unknown, text),
        }
    }
}
