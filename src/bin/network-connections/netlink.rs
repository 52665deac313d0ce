//! The sockets as sock_diag(7) has them.

use network_connections::counts::Counts;
use network_connections::diag::{self, Dump, Request};
use network_connections::options::Options;

use crate::Buffer;
use crate::errno::Errno;
use crate::system::{Open, SystemName};

/// Whether the program has this source. On the architectures with the longest code it takes 1.5 KB, and doesn't
/// fit in 20 KiB on MIPS and PowerPC; their routers have few sockets, and OpenWrt's kernels no inet_diag but as a
/// package.
const IS_BUILT: bool =
    !cfg!(any(target_arch = "mips", target_arch = "mips64", target_arch = "powerpc"));

/// Counts the sockets of this network namespace, from nothing.
///
/// # Errors
/// When the kernel doesn't tell all of them.
pub fn count(
    options: &Options,
    buffer: &mut Buffer,
    request: &mut Request,
    counts: &mut Counts,
) -> Result<(), Errno> {
    if !IS_BUILT || !diag::is_sound(SystemName::new().get()[1]) {
        return Err(Errno::NOT_SUPPORTED);
    }
    counts.clear(false);
    let socket = Open::sock_diag()?;
    for dump in Dump::ALL {
        socket.send(request.ask(dump))?;
        let mut is_last = false;
        while !is_last {
            let buffer = buffer.bytes();
            let length = socket.receive(buffer)?;
            let datagram = buffer.get(..length).ok_or(Errno::TOO_LONG)?;
            is_last = diag::take(datagram, dump, |table, socket| {
                if options.select(&socket) {
                    counts.add(table as usize, socket.state as usize, 1);
                }
            })
            .map_err(|errno| Errno(errno as usize))?;
        }
    }
    Ok(())
}
