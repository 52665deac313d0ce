//! Commands of collectd's plain text protocol, which collectd-exec(5) explains.
//! `N` in a command means the time at which collectd receives the command.
//!
//! ```text
//! PUTVAL "router/network_connections-tcp4/tcp_connections-ESTABLISHED" interval=10 N:7
//! ```

use crate::bytes::split::split_once;
use crate::output::format::{
    CONNECTION_GROUPS, CONNECTION_STATES, CONNECTION_STATUSES, Format, SOCKET_GROUPS,
    SOCKET_STATES, Section, TCP_GROUPS, TableSection,
};
use crate::text::template::template;

/// Returns whether collectd accepts a name as the host of an identifier. A
/// slash ends the host.
pub fn is_host(name: &[u8]) -> bool {
    !name.is_empty() && split_once(name, b'/').1.is_none()
}

/// Returns whether `text` is a number above 0 in decimal digits, with or
/// without a decimal point, such as `10` or `0.500`. collectd would ignore most
/// other intervals, and use its own.
pub fn is_positive_decimal(text: &[u8]) -> bool {
    let (integer, fraction) = split_once(text, b'.');
    let fraction = fraction.unwrap_or_default();
    let mut digits = integer.iter().chain(fraction);
    text.iter().any(|byte| matches!(byte, b'1'..=b'9')) && digits.all(u8::is_ascii_digit)
}

/// The format.
pub static FORMAT: Format = Format {
    names_origin: true,
    sockets: &[Section {
        groups: SOCKET_GROUPS,
        columns: SOCKET_STATES,
        column: template!(
            "PUTVAL \"<host>/network_connections-<group>/tcp_connections-<COLUMN>\" \
             interval=<interval> N:<count>\n"
        ),
        ..Section::EMPTY
    }],
    connections: &[
        Section {
            groups: TCP_GROUPS,
            columns: CONNECTION_STATES,
            column: template!(
                "PUTVAL \"<host>/network_conntrack-<group>/tcp_connections-<COLUMN>\" \
                 interval=<interval> N:<count>\n"
            ),
            ..Section::EMPTY
        },
        Section {
            groups: CONNECTION_GROUPS,
            columns: CONNECTION_STATUSES,
            column: template!(
                "PUTVAL \"<host>/network_conntrack-<group>/conntrack-<COLUMN>\" \
                 interval=<interval> N:<count>\n"
            ),
            ..Section::EMPTY
        },
    ],
    table: TableSection {
        start: "",
        figure: template!(
            "PUTVAL \"<host>/network_conntrack-table/conntrack-<COLUMN>\" \
             interval=<interval> N:<count>\n"
        ),
        separator: "",
        end: "",
        unknown: "",
    },
};
