//! The counts as text, in the format that is asked for.
//!
//! A format is text with places for what differs, that is filled in for every group and every state,
//! whatever the counts. So nothing is ever left out for being zero.

use crate::check::Asked;
use crate::counts::{Counts, Group, State};
use crate::packed::{Packed, pack};
use crate::table::Table;
use crate::text::Text;
use crate::words::Words;

/// How the counts are laid out.
#[derive(Debug, PartialEq, Eq)]
pub struct Format {
    /// How many of the groups are in it: all, or the first, which are no sums.
    groups: usize,
    /// Whether it tells the [`Origin`].
    pub has_origin: bool,
    /// The parts that the macro names.
    parts: Packed,
}

/// Makes a [`Format`]: what stands at the start; for each group, before its states, for each state, and
/// behind them; and at the end. Filled into these are:
///
/// | | |
/// | --- | --- |
/// | `%A` | the group: `tcp4` |
/// | `%B` | its protocol, if it is a table's: `tcp` |
/// | `%C` | its version of IP, if it is a table's: `4` |
/// | `%D` | the state: `SYN_SENT` |
/// | `%d` | the state in small letters: `syn_sent` |
/// | `%N` | the number of sockets |
/// | `%E` | the [host](Origin) |
/// | `%F` | the [interval](Origin) |
/// | `%G` | a comma, but not for the last state or behind the last group |
macro_rules! format {
    (
        groups: $groups:expr,
        has_origin: $has_origin:literal,
        start: $start:literal,
        group: $group:literal,
        state: $state:literal,
        group_end: $group_end:literal,
        end: $end:literal,
    ) => {
        pub const FORMAT: $crate::report::Format = $crate::report::Format {
            groups: $groups,
            has_origin: $has_origin,
            parts: $crate::packed::pack!(concat!(
                $start, "\t", $group, "\t", $state, "\t", $group_end, "\t", $end
            )),
        };
    };
}
use format;

/// Makes modules of the files with a format, and the lists of the formats and of their names.
macro_rules! formats {
    ($default:ident $($name:ident)*) => {
        mod $default;
        $(mod $name;)*

        impl Format {
            /// Every format, the default first.
            pub const ALL: &[Format] = &[$default::FORMAT, $($name::FORMAT),*];

            pub const DEFAULT: &Format = &$default::FORMAT;

            /// Their names.
            pub const NAMES: Words =
                Words(concat!(stringify!($default), $(" ", stringify!($name)),*));
        }
    };
}

formats! {
    json
    ndjson
    prometheus
    influx
    collectd
}

/// Where the counts are from, and when: what some formats tell besides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Origin<'a> {
    pub host: &'a [u8],
    /// Seconds from one report to the next.
    pub interval: &'a [u8],
}

/// Bytes that any report fits in: those of the longest, which is collectd's, of a host with the longest name
/// that Linux has, all of it escaped.
pub(crate) const CAPACITY: usize = {
    const LINE: usize = "PUTVAL \"/network_connections-tcp4/tcp_connections-ESTABLISHED\" \
                         interval=86400.000 N:4294967295\n"
        .len();
    Table::ALL.len() * State::NUMBER * (LINE + "\\xff".len() * 64)
};

/// Composes the counts in this format.
pub fn compose(format: &Format, counts: &Counts, origin: &Origin, text: &mut Text) {
    let mut fill = |part, values: &[&[u8]; 7], number| {
        text.fill(format.parts.part(part), values, number);
    };
    let comma = |left| -> &[u8] { if left > 1 { b"," } else { b"" } };
    let mut values: [&[u8]; 7] = [b"", b"", b"", b"", origin.host, origin.interval, b""];
    fill(0, &values, 0);
    for group in 0..format.groups {
        values[0] = Group::NAMES.get(group);
        (values[1], values[2]) = values[0].split_at_checked(3).unwrap_or_default();
        fill(1, &values, 0);
        for state in 0..State::NUMBER {
            values[3] = State::NAMES.get(state);
            values[6] = comma(State::NUMBER.wrapping_sub(state));
            fill(2, &values, counts.count(group, state));
        }
        values[6] = comma(format.groups.wrapping_sub(group));
        fill(3, &values, 0);
    }
    fill(4, &values, 0);
}

/// Composes the numbers that are asked for, each as this template has it.
pub(crate) fn numbers(template: Packed, asked: &[Asked], counts: &Counts, text: &mut Text) {
    for asked in asked {
        let values = [asked.name, asked.ranges[0], asked.ranges[1]];
        text.fill(template, &values, counts.number(asked.key));
    }
}

/// Composes the numbers that are asked for, one a line.
pub fn query(asked: &[Asked], counts: &Counts, text: &mut Text) {
    numbers(pack!("%N\n"), asked, counts, text);
}
