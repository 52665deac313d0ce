//! Which sockets and connections count.

use super::port::{Port, PortList, contains_port};
use super::socket::Socket;

/// Which sockets and connections count. The default counts all connected ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Whether sockets without a remote address count: listening and
    /// unconnected ones.
    pub all: bool,
    /// The local ports that count.
    pub local_ports: PortList,
    /// The remote ports that count.
    pub remote_ports: PortList,
}

impl Filter {
    /// Returns whether a socket counts.
    // Inlined because the loop over the rows asks it for every socket.
    #[inline(always)]
    pub fn selects_socket(&self, socket: &Socket) -> bool {
        (self.all || !socket.has_no_remote)
            && self.selects_connection(|| [socket.local_port, socket.remote_port])
    }

    /// Returns whether a connection counts. `ports` returns the local port and
    /// the remote port, or the source and the destination port of the original
    /// direction of a tracked connection.
    // Inlined because mostly no port is asked for, and `ports` is not called.
    #[inline(always)]
    pub fn selects_connection(&self, ports: impl FnOnce() -> [Port; 2]) -> bool {
        if self.local_ports.is_empty() && self.remote_ports.is_empty() {
            return true;
        }
        let [local, remote] = ports();
        contains_port(&self.local_ports, local) && contains_port(&self.remote_ports, remote)
    }
}
