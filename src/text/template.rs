//! Templates: text with placeholders, such as `"<group>": <count>`.
//!
//! The compiler replaces each placeholder with one byte, so the program
//! compares no names when it fills in a template. A template with an unknown
//! name does not compile.

use core::slice::from_ref;

use super::buffer::TextBuffer;
use crate::bytes::name_list::named_enum;
use crate::bytes::split::split_once;

named_enum! {
    /// A name between `<` and `>` in a template. When the program fills in the
    /// template, a value replaces the name and both brackets.
    pub enum Placeholder {
        /// A word of the command line.
        Argument = "argument",
        /// The name of a state or a status in uppercase, or the name of a
        /// `TableFigure` in lowercase.
        Column = "COLUMN",
        /// The name of a state, a status or a `TableFigure` in lowercase.
        LowercaseColumn = "column",
        /// The states of tracked connections on the first of two lines.
        ConntrackStates = "conntrack-states",
        /// The states of tracked connections on the second of two lines.
        MoreConntrackStates = "more-conntrack-states",
        /// The names of the statuses of tracked connections.
        ConntrackStatuses = "conntrack-statuses",
        /// A number of sockets or connections.
        Count = "count",
        /// The names of the formats.
        Formats = "formats",
        /// The name of a group.
        Group = "group",
        /// The name of the host.
        Host = "host",
        /// The number of seconds from one report to the next.
        Interval = "interval",
        /// The version of IP: 4 or 6.
        Ip = "ip",
        /// The name of a protocol.
        Protocol = "protocol",
        /// The states of sockets on the first of two lines.
        SocketStates = "socket-states",
        /// The states of sockets on the second of two lines.
        MoreSocketStates = "more-socket-states",
        /// The names of all variants of `TableFigure`.
        TableFigures = "table-figures",
    }
}

/// The value of a placeholder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// Bytes that [`TextBuffer::fill`] escapes.
    Text(&'a [u8]),
    /// Bytes that [`TextBuffer::fill`] first changes to lowercase and then
    /// escapes.
    Lowercase(&'a [u8]),
    /// A number that [`TextBuffer::fill`] writes in decimal digits.
    Number(u32),
}

/// A source of values for the placeholders of a template.
pub trait Values {
    /// Returns the value of a placeholder. If the source has no value for the
    /// placeholder, the returned text is empty.
    fn value(&self, placeholder: Placeholder) -> Value<'_>;
}

/// A template in which one byte replaces each placeholder. This byte is the
/// index of the [`Placeholder`], with the highest bit set. All other bytes are
/// ASCII.
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

/// Returns the bytes of a [`Template`] with zeros after them, and the number of
/// bytes before these zeros.
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
    /// Replaces each placeholder of a template with its value, and appends the
    /// result.
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
