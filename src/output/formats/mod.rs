//! The formats of a report, with one file for each format.

use super::format::Format;
use crate::bytes::name_list::NameList;

/// Declares the module of each format, the list of all formats, and the list of
/// their names. The first format is the default.
macro_rules! formats {
    ($($name:ident)*) => {
        $(pub mod $name;)*

        /// All formats, with the default format first.
        pub const ALL: &[&Format] = &[$(&$name::FORMAT),*];

        /// The names of all formats, in the order of [`ALL`].
        pub const NAMES: NameList = NameList(concat!($(stringify!($name), " "),*).trim_ascii_end());
    };
}

formats! {
    json
    ndjson
    prometheus
    influx
    collectd
}

/// The format of a report if the command line names no format.
pub const DEFAULT: &Format = ALL[0];

/// Returns the format with this name, or nothing if no format has the name.
pub fn from_name(name: &[u8]) -> Option<&'static Format> {
    ALL.get(NAMES.position(name)?).copied()
}
