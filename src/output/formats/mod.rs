//! The formats of a report, with one file for each format.

use super::format::Format;
use crate::bytes::name_list::NameList;

/// Declares the modules, the list and the names of the formats, with the
/// default format first.
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

/// Returns the format with this name.
pub fn from_name(name: &[u8]) -> Option<&'static Format> {
    ALL.get(NAMES.position(name)?).copied()
}
