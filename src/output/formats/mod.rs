//! One file for each format.

use super::format::Format;
use crate::bytes::name_list::NameList;

/// Declares the modules of the formats, their list and their names, the default
/// first.
macro_rules! formats {
    ($($name:ident)*) => {
        $(pub mod $name;)*

        /// All formats, the default first.
        pub const ALL: &[&Format] = &[$(&$name::FORMAT),*];

        /// Their names.
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

/// The format of a report that asks for none.
pub const DEFAULT: &Format = ALL[0];

/// Returns the format with this name.
pub fn from_name(name: &[u8]) -> Option<&'static Format> {
    ALL.get(NAMES.position(name)?).copied()
}
