//! The counts held against thresholds, as a monitoring plugin does (Monitoring Plugins Development
//! Guidelines, monitoring-plugins.org/doc/guidelines.html).

use crate::counts::{Counts, Key};
use crate::decimal::integer;
use crate::packed::pack;
use crate::report;
use crate::text::Text;
use crate::words::{Words, split_once};

/// The statuses of the guidelines. The number of one is the exit status.
const STATUSES: Words = Words("OK WARNING CRITICAL UNKNOWN");

/// Nothing could be measured.
pub(crate) const UNKNOWN: u8 = 3;

/// Begins a plugin's line.
pub(crate) fn begin(status: u8, text: &mut Text) {
    text.fill(pack!("NETWORK-CONNECTIONS %A - "), &[STATUSES.get(status.into())], 0);
}

/// Whether a number raises an alert, by a range `[@]start:end`: those outside it do, or with `@` those
/// within. Both ends are within. `start:` may be left out if it is 0, a start `~` is below every number,
/// and no end is above every number. The numbers are whole; one beyond 31 bits is taken for the next.
///
/// None if that is no such range.
#[inline(never)]
pub(crate) fn alerts(range: &[u8], number: u32) -> Option<bool> {
    let (is_alert, bounds) = split_at_sign(range);
    let (first, second) = split_once(bounds, b':');
    let mut start = 0;
    let mut end = i32::MAX;
    match second {
        None => end = integer(first)?,
        Some(second) => {
            start = if first == b"~" { i32::MIN } else { integer(first)? };
            if !second.is_empty() {
                end = integer(second)?;
            }
        }
    }
    let number = i32::try_from(number).unwrap_or(i32::MAX);
    let is_inside = start <= number && number <= end;
    (start <= end).then_some(is_inside == is_alert)
}

/// Whether a range is of those within its bounds, and the bounds.
fn split_at_sign(range: &[u8]) -> (bool, &[u8]) {
    match range {
        [b'@', bounds @ ..] => (true, bounds),
        bounds => (false, bounds),
    }
}

/// A number of the report that is asked for, and perhaps held against thresholds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked<'a> {
    pub key: Key,
    /// The key as it was given.
    pub name: &'a [u8],
    /// INVARIANT: each is a range, or empty, which nothing is held against: that of a warning, and that of a
    /// critical alert.
    pub(crate) ranges: [&'a [u8]; 2],
}

impl Asked<'_> {
    /// The number, and how bad it is, as an exit status.
    fn status(&self, counts: &Counts) -> (u32, u8) {
        let number = counts.number(self.key);
        let mut worst = 0;
        for (status, range) in (1..).zip(&self.ranges) {
            if alerts(range, number) == Some(true) {
                worst = status;
            }
        }
        (number, worst)
    }
}

/// Composes the plugin's line, which names what raises an alert (or else everything), with the
/// performance data of all. Gives the exit status, which is that of the worst.
pub fn compose(asked: &[Asked], counts: &Counts, text: &mut Text) -> u8 {
    let mut worst = 0;
    for asked in asked {
        worst = worst.max(asked.status(counts).1);
    }
    begin(worst, text);

    let mut before: &[u8] = b"";
    for asked in asked {
        let (number, status) = asked.status(counts);
        if status == 0 && worst != 0 {
            continue;
        }
        text.fill(pack!("%A%B is %N"), &[before, asked.name], number);
        before = b", ";
        if let Some(range) = asked.ranges.get(usize::from(status).wrapping_sub(1)) {
            let (is_inside, bounds) = split_at_sign(range);
            let side: &[u8] = if is_inside { b"in" } else { b"out" };
            let zero: &[u8] = if split_once(bounds, b':').1.is_some() { b"" } else { b"0:" };
            text.fill(pack!(" (%Aside %B%C)"), &[side, zero, bounds], 0);
        }
    }
    text.push(b" |");
    report::numbers(pack!(" '%A'=%N;%B;%C;0;"), asked, counts, text);
    text.push(b"\n");
    worst
}
