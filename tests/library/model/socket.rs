//! The states of sockets.

use network_connections::model::socket::State;

#[test]
fn states_have_the_kernels_numbers() {
    // include/net/tcp_states.h
    let kernel = [
        "ESTABLISHED",
        "SYN_SENT",
        "SYN_RECV",
        "FIN_WAIT1",
        "FIN_WAIT2",
        "TIME_WAIT",
        "CLOSE",
        "CLOSE_WAIT",
        "LAST_ACK",
        "LISTEN",
        "CLOSING",
    ];
    for number in 0..=u8::MAX {
        let state = State::from_number(number);
        let name = String::from_utf8_lossy(State::NAMES.get(state as usize));
        let index = usize::from(number).wrapping_sub(1);
        assert_eq!(name, kernel.get(index).copied().unwrap_or("UNKNOWN"), "{number}");
    }
}
