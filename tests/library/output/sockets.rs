//! Reports of sockets.

use network_connections::model::counts::Counts;
use network_connections::model::socket::{SocketTable, State};
use network_connections::output::format::Origin;
use network_connections::output::formats;

use crate::harness::text;
use crate::sample_counts::{highest_socket_counts, socket_states};
use crate::samples::report::numbers;

/// Composes the report in the default format, JSON.
fn compose_json(counts: &Counts) -> String {
    text(|text| formats::DEFAULT.compose(counts, &Origin::default(), text)).0
}

#[test]
fn every_counter_is_reported_in_its_groups_and_nowhere_else() {
    for &table in SocketTable::ALL {
        for state in socket_states() {
            let name = String::from_utf8_lossy(State::NAMES.get(state as usize));
            let mut counts = Counts::ZERO;
            counts.add(table.group(), state as usize, 7);
            let (group, sum) = match table {
                SocketTable::Tcp4 => ("tcp4", "tcp"),
                SocketTable::Tcp6 => ("tcp6", "tcp"),
                SocketTable::Udp4 => ("udp4", "udp"),
                SocketTable::Udp6 => ("udp6", "udp"),
            };
            let expected = [group, sum, "all"].map(|group| (format!("{group}.{name}"), 7));
            let mut reported = numbers(&compose_json(&counts));
            assert_eq!(reported.len(), 7 * 12);
            reported.retain(|_, count| *count != 0);
            assert_eq!(reported, expected.into());
        }
    }
}

#[test]
fn saturated_counts_are_reported_as_u32_max() {
    let numbers = numbers(&compose_json(&highest_socket_counts()));
    assert!(numbers.values().all(|&count| count == u64::from(u32::MAX)));
}

#[test]
fn the_longest_report_of_every_format_fits() {
    let counts = highest_socket_counts();
    // A host name of the greatest length that Linux allows. Every byte is
    // escaped.
    let origin = Origin { host: &[b'|'; 64], interval: b"86400.000" };
    for format in formats::ALL {
        text(|text| format.compose(&counts, &origin, text));
    }
}
