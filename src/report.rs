//! The counts as text, in the format that is asked for.
//!
//! A format is text with places for what differs, that is filled in for every group and every state,
//! whatever the counts. So nothing is ever left out for being zero.

use crate::check::Asked;
use crate::counts::{self, Counts, LABELS, SUM, State, Subject, TABLE};
use crate::packed::{Packed, pack};
use crate::text::Text;
use crate::words::Words;

/// How the counts are laid out.
#[derive(Debug, PartialEq, Eq)]
pub struct Format {
    /// Whether it tells the [`Origin`].
    pub has_origin: bool,
    /// What each of its sections is of: from which group on, up to which, and the same of their numbers. The first
    /// section is for sockets, the others are for tracked connections.
    sections: [[u8; 4]; 4],
    /// The parts of each section, as the macro has them; and behind all what stands for the last one if it isn't known
    /// how full the table is.
    parts: Packed,
}

/// From which group or number on, and the one behind the last.
type Range = (usize, usize);

// What there is of sockets.
const TABLES: Range = (0, 4);
const TABLES_AND_SUMS: Range = (0, Subject::SOCKETS.sums.len());
const ALL_STATES: Range = (0, State::NUMBER);

// What there is of tracked connections.
const TCP: Range = (0, 2);
const PROTOCOLS: Range = (0, 6);
const PROTOCOLS_AND_SUMS: Range = (0, TABLE);
const STATES: Range = (0, counts::STATES);
const STATUSES: Range = (counts::STATES, LABELS);
const LABELED: Range = (0, LABELS);

// And of the table as such. (The percents are left to whoever draws it.)
const WHOLE_TABLE: Range = (TABLE, TABLE + 1);
const FILL: Range = (LABELS, LABELS + 2);

/// Makes a [`Format`] of sections, each of some groups and numbers, with these parts, of which the last may be left out:
/// what stands at its start; for each group, before its numbers, for each number, between two, between the last state
/// and the first status, and behind them; between two groups; and at its end. Filled into these are:
///
/// | | |
/// | --- | --- |
/// | `%A` | the group: `tcp4` |
/// | `%B` | its protocol, if it is no sum: `tcp` |
/// | `%C` | its version of IP, if it is no sum: `4` |
/// | `%D` | the state or status: `SYN_SENT` |
/// | `%d` | that in small letters: `syn_sent` |
/// | `%N` | the number of connections: before the first number, the group's |
/// | `%E` | the [host](Origin) |
/// | `%F` | the [interval](Origin) |
macro_rules! format {
    (
        has_origin: $has_origin:literal,
        $([$groups:ident $numbers:ident $($part:literal)*])*
        unknown: $unknown:literal,
    ) => {
        pub(super) const TEXT: &str = concat!($($($part, "\t",)* "\x0b",)* $unknown);

        pub(super) const FORMAT: $crate::report::Format = $crate::report::Format {
            has_origin: $has_origin,
            sections: {
                let mut sections = [[0; 4]; 4];
                let mut number = 0;
                $(
                    let (groups, numbers) = ($crate::report::$groups, $crate::report::$numbers);
                    sections[number] =
                        [groups.0 as u8, groups.1 as u8, numbers.0 as u8, numbers.1 as u8];
                    number += 1;
                )*
                assert!(number <= sections.len());
                sections
            },
            parts: $crate::packed::pack!(TEXT),
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

            /// The texts of their parts.
            pub(crate) const TEXTS: &[&str] = &[$default::TEXT, $($name::TEXT),*];

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
    const LINE: usize = "PUTVAL \"/network_connections-other4/tcp_connections-ESTABLISHED\" \
                         interval=86400.000 N:4294967295\n"
        .len();
    // Of what is tracked, TCP's states for two groups, the statuses for six, and two numbers of the table.
    let lines = 2 * counts::STATES + 6 * (LABELS - counts::STATES) + 2;
    lines * (LINE + "\\xff".len() * 64)
};

/// Composes the counts in this format.
pub fn compose(format: &Format, counts: &Counts, origin: &Origin, text: &mut Text) {
    let subject = counts.subject();
    let mut values: [&[u8]; 6] = [b"", b"", b"", b"", origin.host, origin.interval];
    let (from, to) = if counts.conntrack { (1, 4) } else { (0, 1) };
    for section in from..to {
        let Some(&[group, end @ 1..=u8::MAX, first, last]) = format.sections.get(section) else {
            break;
        };
        if usize::from(group) == TABLE && !counts.has_table {
            text.fill(format.parts.section(section.wrapping_add(1)), &values, 0);
            break;
        }
        let parts = format.parts.section(section);
        let mut fill = |part, values: &[&[u8]], number| {
            text.fill_part(parts, part, values, number);
        };
        fill(0, &values, 0);
        for group in group.into()..end.into() {
            let name = subject.groups.get(group);
            values[0] = name;
            let length = name.len().wrapping_sub(1);
            (values[1], values[2]) = name.split_at_checked(length).unwrap_or_default();
            fill(1, &values, counts.count(group, SUM));
            for number in first.into()..last.into() {
                values[3] = subject.numbers.get(number);
                fill(2, &values, counts.count(group, number));
                let next = number.wrapping_add(1);
                if next != last.into() {
                    let is_status = counts.conntrack && next == counts::STATES;
                    fill(if is_status { 4 } else { 3 }, &values, 0);
                }
            }
            fill(5, &values, 0);
            if group.wrapping_add(1) != end.into() {
                fill(6, &values, 0);
            }
        }
        fill(7, &values, 0);
    }
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
