//! The filter for sockets and connections.

use super::port::{Port, PortList, contains_port};
use super::socket::Socket;

/// A filter for the sockets and connections that a run counts. The default
/// filter counts all sockets with a remote address, and all connections.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Whether the program also counts listening and unconnected sockets, which
    /// have no remote address.
    pub all: bool,
    /// The filter selects only these local ports, or every local port if the
    /// list is empty.
    pub local_ports: PortList,
    /// The filter selects only these remote ports, or every remote port if the
    /// list is empty.
    pub remote_ports: PortList,
}

impl Filter {
    /// Returns whether the filter selects a socket.
    // Inlined because the loop over the rows calls this function for every row.
    #[inline(always)]
    pub fn selects_socket(&self, socket: &Socket) -> bool {
        (self.all || !socket.has_no_remote)
            && self.selects_connection(|| [socket.local_port, socket.remote_port])
    }

    /// Returns whether the port lists select a connection. For a socket,
    /// `ports` returns the local port and the remote port. For a tracked
    /// connection, `ports` returns the source port and the destination port of
    /// the original direction.
    // Inlined because most filters have two empty lists, and then a call of the
    // function would take longer than its work.
    #[inline(always)]
    pub fn selects_connection(&self, ports: impl FnOnce() -> [Port; 2]) -> bool {
        if self.local_ports.is_empty() && self.remote_ports.is_empty() {
            return true;
        }
        let [local, remote] = ports();
        contains_port(&self.local_ports, local) && contains_port(&self.remote_ports, remote)
    }
}
