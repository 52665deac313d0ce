//! Counts the sockets in the dumps of sock_diag(7).

use network_connections::kernel::errno::Errno;
use network_connections::kernel::sock_diag::{DumpKind, kernel_dump_is_reliable, parse_datagram};
use network_connections::model::counts::Counts;
use network_connections::model::filter::Filter;

use crate::Buffer;
use crate::system::{Fd, Utsname};

/// Counts the sockets of the program's own network namespace in the dumps of
/// sock_diag(7).
///
/// # Errors
/// Returns [`Errno::PROTONOSUPPORT`] if the dumps of this kernel release are
/// not reliable. Returns [`Errno::MSGSIZE`] if a datagram is truncated.
/// Otherwise, returns the error of a system call or of [`parse_datagram`].
pub fn count_sockets(
    filter: &Filter,
    buffer: &mut Buffer,
    counts: &mut Counts,
) -> Result<(), Errno> {
    let mut system_name = Utsname::new();
    if !kernel_dump_is_reliable(system_name.release()) {
        return Err(Errno::PROTONOSUPPORT);
    }
    let socket = Fd::connect_to_kernel(libc::NETLINK_SOCK_DIAG)?;
    for &dump in DumpKind::ALL {
        socket.send(dump.request().bytes())?;
        let mut is_last = false;
        while !is_last {
            let buffer = buffer.bytes_mut();
            let length = socket.receive(buffer)?;
            let datagram = buffer.get(..length).ok_or(Errno::MSGSIZE)?;
            is_last = parse_datagram(datagram, dump, |table, socket| {
                if filter.selects_socket(&socket) {
                    counts.count_socket(table, &socket);
                }
            })?;
        }
    }
    Ok(())
}
