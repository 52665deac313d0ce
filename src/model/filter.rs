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
    /// The local ports that the filter lets pass.
    pub local_ports: PortList,
    /// The remote ports that the filter lets pass.
    pub remote_ports: PortList,
}

impl Filter {
    /// Returns whether the filter lets a socket pass.
    // Inlined because the loop over the rows calls this function for every row.
    #[inline(always)]
    pub fn selects_socket(&self, socket: &Socket) -> bool {
        (self.all || !socket.has_no_remote)
            && self.selects_connection(|| [socket.local_port, socket.remote_port])
    }

    /// Returns whether the port lists let a connection pass. For a socket,
    /// `ports` returns the local port and the remote port. For a tracked
    /// connection, `ports` returns the source port and the destination port of
    /// the original direction.
    // Inlined because most filters have no ports and do not call `ports`.
    #[inline(always)]
    pub fn selects_connection(&self, ports: impl FnOnce() -> [Port; 2]) -> bool {
        if self.local_ports.is_empty() && self.remote_ports.is_empty() {
            return true;
        }
        let [local, remote] = ports();
        contains_port(&self.local_ports, local) && contains_port(&self.remote_ports, remote)
    }
}
