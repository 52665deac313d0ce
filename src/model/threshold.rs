//! Numbers that a command line asks for, and the ranges they are compared with.

use super::counts::Counts;
use super::key::Key;
use crate::bytes::decimal::parse_integer;
use crate::bytes::split::split_once;

/// A number that a command line asks for, and the ranges that raise an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Query<'a> {
    /// Which number.
    pub key: Key,
    /// The key as the command line has it.
    pub name: &'a [u8],
    /// What raises a warning.
    pub warning: Option<AlertRange<'a>>,
    /// What raises a critical alert.
    pub critical: Option<AlertRange<'a>>,
}

impl<'a> Query<'a> {
    /// Returns the severity, and the range that raised the alert.
    pub fn evaluate(&self, counts: &Counts) -> (Severity, Option<AlertRange<'a>>) {
        let number = counts.number(self.key);
        if self.critical.is_some_and(|range| range.alerts(number)) {
            (Severity::Critical, self.critical)
        } else if self.warning.is_some_and(|range| range.alerts(number)) {
            (Severity::Warning, self.warning)
        } else {
            (Severity::Ok, None)
        }
    }
}

/// How severe a number is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// No range raises an alert.
    Ok,
    /// A range raises a warning.
    Warning,
    /// A range raises a critical alert.
    Critical,
}

/// A range of the Monitoring Plugins Development Guidelines:
/// `[@][START:][END]`.
///
/// It raises an alert for every number outside it, or with `@` for every number
/// inside. Both ends are inside. START is 0 unless it is given, `~` is below
/// every number, and without END there is no upper end. All numbers are
/// integers, and a number above `i32::MAX` counts as `i32::MAX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlertRange<'a> {
    /// The range as the command line has it.
    ///
    /// INVARIANT: [`Bounds::parse`] accepts the text without its `@`.
    text: &'a [u8],
}

impl<'a> AlertRange<'a> {
    /// Parses a range. Its start must not be above its end, and an empty range
    /// is malformed.
    pub fn parse(text: &'a [u8]) -> Option<AlertRange<'a>> {
        Bounds::parse(strip_at_prefix(text).1)?;
        Some(AlertRange { text })
    }

    /// Returns the range as the command line has it.
    pub fn text(self) -> &'a [u8] {
        self.text
    }

    /// Returns whether the numbers inside raise the alert, and the range
    /// without any `@`.
    pub fn alerts_inside_and_bounds(self) -> (bool, &'a [u8]) {
        strip_at_prefix(self.text)
    }

    /// Returns whether a number raises an alert.
    pub fn alerts(self, number: u32) -> bool {
        let (alerts_inside, bounds) = strip_at_prefix(self.text);
        Bounds::parse(bounds).is_some_and(|bounds| bounds.contains(number) == alerts_inside)
    }
}

/// Returns whether a range begins with `@`, and the rest of it.
fn strip_at_prefix(range: &[u8]) -> (bool, &[u8]) {
    match range {
        [b'@', bounds @ ..] => (true, bounds),
        bounds => (false, bounds),
    }
}

/// The least and the greatest number inside a range.
struct Bounds {
    start: i32,
    end: i32,
}

impl Bounds {
    /// Parses `[START:][END]`.
    fn parse(text: &[u8]) -> Option<Bounds> {
        let (start, end) = match split_once(text, b':') {
            (end, None) => (0, parse_integer(end)?),
            (start, Some(end)) => (
                if start == b"~" { i32::MIN } else { parse_integer(start)? },
                if end.is_empty() { i32::MAX } else { parse_integer(end)? },
            ),
        };
        (start <= end).then_some(Bounds { start, end })
    }

    fn contains(&self, number: u32) -> bool {
        let number = i32::try_from(number).unwrap_or(i32::MAX);
        self.start <= number && number <= self.end
    }
}
