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
    // Inlined because the loop over the rows asks it for every socket, and
    // mostly of no port.
    #[inline(always)]
    pub fn selects_socket(&self, socket: &Socket) -> bool {
        (self.all || !socket.has_no_remote)
            && (!self.has_ports() || self.selects_ports([socket.local_port, socket.remote_port]))
    }

    /// Returns whether it depends on the ports what counts.
    pub fn has_ports(&self) -> bool {
        !self.local_ports.is_empty() || !self.remote_ports.is_empty()
    }

    /// Returns whether a connection between these ports counts: the local one
    /// and the remote one, or of a tracked connection the source and the
    /// destination of its original direction.
    pub fn selects_ports(&self, [local, remote]: [Port; 2]) -> bool {
        contains_port(&self.local_ports, local) && contains_port(&self.remote_ports, remote)
    }
}
