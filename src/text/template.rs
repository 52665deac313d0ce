//! Templates: text with named places, such as `"<group>": <count>`.
//!
//! The compiler turns each name into a byte, so that filling in a template
//! compares no names. A name that does not exist does not compile.

use core::slice::from_ref;

use super::buffer::TextBuffer;
use crate::bytes::name_list::named_enum;
use crate::bytes::split::split_once;

named_enum! {
    /// A named place in a template, which writes it between `<` and `>`.
    pub enum Placeholder {
        /// A word of the command line.
        Argument = "argument",
        /// A state, a status or a figure in uppercase, as the kernel has it.
        Column = "COLUMN",
        /// The same in lowercase.
        LowercaseColumn = "column",
        /// The names of the states of tracked connections, in two lines.
        ConntrackStates = "conntrack-states",
        MoreConntrackStates = "more-conntrack-states",
        /// The names of the statuses.
        ConntrackStatuses = "conntrack-statuses",
        /// A number of sockets or connections.
        Count = "count",
        /// The names of the formats.
        Formats = "formats",
        /// The name of a group.
        Group = "group",
        /// The name of the host.
        Host = "host",
        /// Seconds from one report to the next.
        Interval = "interval",
        /// The version of IP.
        Ip = "ip",
        /// The name of a protocol.
        Protocol = "protocol",
        /// The names of the states of sockets, in two lines.
        SocketStates = "socket-states",
        MoreSocketStates = "more-socket-states",
        /// The names of the figures of the table of tracked connections.
        TableFigures = "table-figures",
    }
}

/// The value of a placeholder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// Bytes, which are escaped.
    Text(&'a [u8]),
    /// The same, with each uppercase letter as a lowercase one.
    Lowercase(&'a [u8]),
    /// A number, in decimal digits.
    Number(u32),
}

/// The subject of a template.
pub trait Values {
    /// Returns the value of a placeholder. A placeholder that says nothing
    /// about this is empty.
    fn value(&self, placeholder: Placeholder) -> Value<'_>;
}

/// A template whose names are bytes: the index of the [`Placeholder`] with the
/// highest bit set. All other bytes are ASCII.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Template(pub &'static [u8]);

/// Makes a [`Template`] at compile time.
#[macro_export]
macro_rules! template {
    ($template:expr) => {{
        const TEMPLATE: &str = $template;
        const ENCODED: ([u8; TEMPLATE.len()], usize) = $crate::text::template::encode(TEMPLATE);
        static BYTES: [u8; ENCODED.1] = *ENCODED.0.first_chunk().unwrap();
        $crate::text::template::Template(&BYTES)
    }};
}
pub use template;

/// Returns the bytes of a [`Template`], and how many there are.
#[expect(clippy::panic, reason = "only the compiler runs it")]
pub const fn encode<const LENGTH: usize>(template: &str) -> ([u8; LENGTH], usize) {
    let mut bytes = [0; LENGTH];
    let mut length = 0;
    let mut rest = template.as_bytes();
    while let [byte, after @ ..] = rest {
        assert!(byte.is_ascii(), "a byte with the highest bit set stands for a placeholder");
        (bytes[length], rest) = match *byte {
            b'<' => match split_once(after, b'>') {
                (name, Some(after)) => match Placeholder::NAMES.position(name) {
                    Some(index) => (PLACEHOLDER | index as u8, after),
                    None => panic!("there is no placeholder with this name"),
                },
                (_, None) => (b'<', after),
            },
            byte => (byte, after),
        };
        length += 1;
    }
    (bytes, length)
}

/// The bit that marks a placeholder.
const PLACEHOLDER: u8 = 0x80;

impl TextBuffer<'_> {
    /// Appends a template with these values in its named places.
    pub fn fill(&mut self, template: Template, values: &dyn Values) {
        for byte in template.0 {
            let index = usize::from(byte & !PLACEHOLDER);
            match Placeholder::ALL.get(index) {
                Some(placeholder) if byte & PLACEHOLDER != 0 => {
                    self.push_value(values.value(*placeholder));
                }
                _ => self.push(from_ref(byte)),
            }
        }
    }

    fn push_value(&mut self, value: Value) {
        match value {
            Value::Text(text) => self.push_escaped(text),
            Value::Lowercase(text) => {
                text.iter().for_each(|byte| self.push_escaped(&[byte.to_ascii_lowercase()]));
            }
            Value::Number(number) => self.push_number(number),
        }
    }
}
