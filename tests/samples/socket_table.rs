//! Tables of sockets.

use network_connections::model::socket::Family::{self, Inet, Inet6};
use proptest::prelude::*;

pub const HEADER: &str = "  sl  local_address rem_address   st tx_queue rx_queue\n";

/// The states in the order of the report, with the numbers that the kernel
/// prints for them. The kernel prints several numbers for UNKNOWN.
pub const STATES: [(&str, &str); 12] = [
    ("FIN_WAIT1", "04"),
    ("ESTABLISHED", "01"),
    ("TIME_WAIT", "06"),
    ("CLOSE", "07"),
    ("SYN_SENT", "02"),
    ("SYN_RECV", "03"),
    ("FIN_WAIT2", "05"),
    ("LISTEN", "0A"),
    ("CLOSING", "0B"),
    ("CLOSE_WAIT", "08"),
    ("LAST_ACK", "09"),
    ("UNKNOWN", "0C"),
];

/// The IPv6 address `::`.
pub const ZERO: &str = "00000000000000000000000000000000";

/// Returns rows in the format of the kernel. Many addresses are zero, and many
/// states are known.
pub fn row(family: Family) -> impl Strategy<Value = Vec<u8>> {
    let address = match family {
        Inet => prop_oneof![Just("00000000".to_string()), "[0-9A-F]{8}"].boxed(),
        Inet6 => prop_oneof![Just(ZERO.to_string()), "[0-9A-F]{32}"].boxed(),
    };
    let state = prop_oneof![4 => 0..14u8, 1 => any::<u8>()];
    (
        any::<u16>(),
        address.clone(),
        any::<u16>(),
        address,
        any::<u16>(),
        state,
        " [ -~]{0,120}| 0{0,9}| 0{8}[:A-F0-9 ]{0,120}|",
    )
        .prop_map(|(slot, local, local_port, remote, remote_port, state, rest)| {
            format!(
                "{slot:4}: {local}:{local_port:04X} {remote}:{remote_port:04X} {state:02X}{rest}"
            )
            .into()
        })
}
