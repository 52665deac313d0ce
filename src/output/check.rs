//! The line that a monitoring plugin prints, by the Monitoring Plugins
//! Development Guidelines, monitoring-plugins.org/doc/guidelines.html.
//!
//! ```text
//! NETWORK-CONNECTIONS WARNING - tcp.TIME_WAIT is 1973 (outside 0:1500) | 'tcp.TIME_WAIT'=1973;1500;4000;0;
//! ```

use crate::bytes::name_list::named_enum;
use crate::bytes::split::split_once;
use crate::model::counts::Counts;
use crate::model::threshold::{AlertRange, Query, Severity};
use crate::text::buffer::TextBuffer;

named_enum! {
    /// The result of a check. The discriminant of a variant is the exit status.
    pub enum Status {
        Ok = "OK",
        Warning = "WARNING",
        Critical = "CRITICAL",
        /// No result: the program failed, or printed the help or the version.
        Unknown = "UNKNOWN",
    }
}

impl From<Severity> for Status {
    fn from(severity: Severity) -> Status {
        match severity {
            Severity::Ok => Status::Ok,
            Severity::Warning => Status::Warning,
            Severity::Critical => Status::Critical,
        }
    }
}

/// Appends the start of the plugin's line.
pub fn begin(status: Status, text: &mut TextBuffer) {
    text.push(b"NETWORK-CONNECTIONS ");
    text.push(status.name());
    text.push(b" - ");
}

/// Composes the plugin's line, and returns the worst status of all queries.
///
/// The line names the numbers that raise an alert, or all numbers if no number
/// raises an alert. The line ends with the performance data of all queries.
pub fn compose(queries: &[Query], counts: &Counts, text: &mut TextBuffer) -> Status {
    let mut worst = Severity::Ok;
    for query in queries {
        worst = worst.max(query.evaluate(counts).0);
    }
    begin(worst.into(), text);
    let mut separator: &[u8] = b"";
    for query in queries {
        let (severity, range) = query.evaluate(counts);
        if severity == Severity::Ok && worst != Severity::Ok {
            continue;
        }
        text.push(separator);
        separator = b", ";
        text.push_escaped(query.name);
        text.push(b" is ");
        text.push_number(counts.number(query.key));
        if let Some(range) = range {
            explain(range, text);
        }
    }
    text.push(b" |");
    for query in queries {
        push_performance_data(query, counts, text);
    }
    text.push(b"\n");
    worst.into()
}

/// Appends ` (inside BOUNDS)` or ` (outside BOUNDS)`: the numbers on this side
/// of the bounds raise the alert. If the bounds lack a start, the function adds
/// the start 0.
fn explain(range: AlertRange, text: &mut TextBuffer) {
    let (alerts_inside, bounds) = range.alerts_inside_and_bounds();
    text.push(if alerts_inside { b" (inside " } else { b" (outside " });
    text.push(match split_once(bounds, b':') {
        (_, None) => b"0:",
        (b"", Some(_)) => b"0",
        (_, Some(_)) => b"",
    });
    text.push_escaped(bounds);
    text.push(b")");
}

/// Appends ` 'KEY'=NUMBER;WARNING;CRITICAL;0;`. WARNING and CRITICAL are the
/// ranges of the query, and are empty if the query has no such range. The 0 is
/// the least possible number.
fn push_performance_data(query: &Query, counts: &Counts, text: &mut TextBuffer) {
    text.push(b" '");
    text.push_escaped(query.name);
    text.push(b"'=");
    text.push_number(counts.number(query.key));
    text.push(b";");
    text.push_escaped(query.warning.map_or(b"", AlertRange::text));
    text.push(b";");
    text.push_escaped(query.critical.map_or(b"", AlertRange::text));
    text.push(b";0;");
}
