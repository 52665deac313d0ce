//! Numbers that a command line asks for, and the ranges that the program
//! compares the numbers with.

use super::counts::Counts;
use super::key::Key;
use crate::bytes::decimal::parse_integer;
use crate::bytes::split::split_once;

/// A number that a command line asks for, and the ranges that raise an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Query<'a> {
    /// The key of the number.
    pub key: Key,
    /// The text of the key in the command line.
    pub name: &'a [u8],
    /// The range that raises a warning, if the command line has one.
    pub warning: Option<AlertRange<'a>>,
    /// The range that raises a critical alert, if the command line has one.
    pub critical: Option<AlertRange<'a>>,
}

impl<'a> Query<'a> {
    /// Returns the severity of the number, and the range that raises the alert.
    /// Returns no range if no alert is raised. The critical range takes
    /// precedence over the warning range.
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

/// The severity of a number. A later variant is more severe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// No range raises an alert.
    Ok,
    /// A range raises a warning.
    Warning,
    /// A range raises a critical alert.
    Critical,
}

/// A range in the format of the Monitoring Plugins Development Guidelines:
/// `[@]END` or `[@][START]:[END]`.
///
/// A range without `@` raises an alert for every number outside the range. A
/// range with `@` raises an alert for every number inside the range. START and
/// END are inside the range. A missing START means 0, and the START `~` means
/// no lower limit. After a colon, a missing END means no upper limit. All
/// numbers are integers, and a number above `u32::MAX` counts as `u32::MAX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlertRange<'a> {
    /// The text of the range in the command line, with any `@`.
    ///
    /// INVARIANT: [`Bounds::parse`] accepts the text without the `@` at its
    /// start.
    text: &'a [u8],
}

impl<'a> AlertRange<'a> {
    /// Parses a range. Returns nothing if the range is malformed, or if its
    /// START is above its END. The texts `` and `@` are malformed: they usually
    /// mean that a variable in a script is unset.
    pub fn parse(text: &'a [u8]) -> Option<AlertRange<'a>> {
        Bounds::parse(strip_at_prefix(text).1)?;
        Some(AlertRange { text })
    }

    /// Returns the text of the range in the command line, with any `@`.
    pub fn text(self) -> &'a [u8] {
        self.text
    }

    /// Returns whether numbers inside the range raise the alert, and the text
    /// of the range without any `@`.
    pub fn alerts_inside_and_bounds(self) -> (bool, &'a [u8]) {
        strip_at_prefix(self.text)
    }

    /// Returns whether a number raises an alert.
    pub fn alerts(self, number: u32) -> bool {
        let (alerts_inside, bounds) = strip_at_prefix(self.text);
        Bounds::parse(bounds).is_some_and(|bounds| bounds.contains(number) == alerts_inside)
    }
}

/// Returns whether a range begins with `@`, and the text of the range without
/// any `@`.
fn strip_at_prefix(range: &[u8]) -> (bool, &[u8]) {
    match range {
        [b'@', bounds @ ..] => (true, bounds),
        bounds => (false, bounds),
    }
}

/// The least and the greatest number inside a range.
struct Bounds {
    start: i64,
    end: i64,
}

impl Bounds {
    /// Parses `END` or `[START]:[END]`.
    fn parse(text: &[u8]) -> Option<Bounds> {
        let (start, end) = match split_once(text, b':') {
            (end, None) => (0, parse_integer(end)?),
            (start, Some(end)) => (
                match start {
                    b"~" => i64::MIN,
                    b"" => 0,
                    start => parse_integer(start)?,
                },
                match end {
                    b"" => i64::MAX,
                    end => parse_integer(end)?,
                },
            ),
        };
        (start <= end).then_some(Bounds { start, end })
    }

    fn contains(&self, number: u32) -> bool {
        (self.start..=self.end).contains(&i64::from(number))
    }
}
