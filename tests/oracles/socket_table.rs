//! The oracle for tables of sockets in procfs.

use network_connections::kernel::socket_row::HEAD_LENGTH;
use network_connections::model::socket::{self, Family, State};

use super::{Table, lines, malformed_line};

/// The socket that a row describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Socket {
    pub state: State,
    pub has_no_remote: bool,
    pub local_port: u16,
    pub remote_port: u16,
}

impl From<socket::Socket> for Socket {
    fn from(socket: socket::Socket) -> Socket {
        Socket {
            state: socket.state,
            has_no_remote: socket.has_no_remote,
            local_port: socket.local_port.number().try_into().unwrap(),
            remote_port: socket.remote_port.number().try_into().unwrap(),
        }
    }
}

/// Returns the sockets of a table. An empty table has an empty first line.
pub fn sockets(table: &[u8], family: Family) -> Table<Socket> {
    let lines = lines(table);
    let (_, head) = malformed_line(0, lines.first().unwrap_or(&&b""[..]));
    let text = String::from_utf8_lossy(&head);
    let first = text.trim_start_matches(' ');
    // A head without a space after `sl` ends with the newline.
    let is_header = first.starts_with("sl ") || first == "sl" && head.len() < HEAD_LENGTH;
    if !is_header {
        return Err((1, head));
    }
    let rows = lines.into_iter().enumerate().skip(1);
    rows.map(|(index, line)| {
        let socket = socket(&String::from_utf8_lossy(line), family);
        socket.ok_or_else(|| malformed_line(index, line))
    })
    .collect()
}

fn socket(row: &str, family: Family) -> Option<Socket> {
    let unpadded = row.trim_start_matches(' ');
    let columns: Vec<&str> = unpadded.split(' ').collect();
    let [slot, local, remote, state, ..] = columns[..] else { return None };
    // The kernel prints `sl` as an `int`.
    let width = row.len() - unpadded.len() + slot.len();
    if width > "2147483647:".len() {
        return None;
    }
    let slot = slot.strip_suffix(':')?;
    let (local_address, local_port) = local.split_once(':')?;
    let (remote_address, remote_port) = remote.split_once(':')?;
    let address_digits = match family {
        Family::Inet => 8,
        Family::Inet6 => 32,
    };
    let is_row = !slot.is_empty()
        && slot.chars().all(|digit| digit.is_ascii_digit())
        && is_hexadecimal(local_address, address_digits)
        && is_hexadecimal(local_port, 4)
        && is_hexadecimal(remote_address, address_digits)
        && is_hexadecimal(remote_port, 4)
        && is_hexadecimal(state, 2);
    is_row.then(|| Socket {
        state: self::state(u8::from_str_radix(state, 16).unwrap()),
        has_no_remote: remote_address.chars().all(|digit| digit == '0'),
        local_port: u16::from_str_radix(local_port, 16).unwrap(),
        remote_port: u16::from_str_radix(remote_port, 16).unwrap(),
    })
}

/// Returns the state with this number in include/net/tcp_states.h.
pub fn state(number: u8) -> State {
    match number {
        1 => State::Established,
        2 => State::SynSent,
        3 => State::SynRecv,
        4 => State::FinWait1,
        5 => State::FinWait2,
        6 => State::TimeWait,
        7 => State::Close,
        8 => State::CloseWait,
        9 => State::LastAck,
        10 => State::Listen,
        11 => State::Closing,
        _ => State::Unknown,
    }
}

fn is_hexadecimal(column: &str, digits: usize) -> bool {
    column.len() == digits && column.chars().all(|digit| "0123456789ABCDEF".contains(digit))
}
