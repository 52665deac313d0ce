//! Steps that bring a TCP connection into another state.

use std::io;
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsRawFd;
use std::thread;
use std::time::{Duration, Instant};

/// The longest wait for something that takes only a moment.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Waits until the condition holds, but at most for [`PATIENCE`]. Returns
/// whether the condition holds.
pub fn wait_until(mut condition: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if condition() {
            return true;
        }
        thread::sleep(Duration::from_millis(20));
    }
    condition()
}

/// Closes the sending direction.
pub fn send_fin(socket: &TcpStream) {
    socket.shutdown(Shutdown::Write).unwrap();
}

/// Waits until the FIN of the peer has arrived.
pub fn wait_for_fin(mut socket: &TcpStream) {
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(io::copy(&mut socket, &mut io::sink()).unwrap(), 0);
}

/// Closes a connection with a RST.
pub fn reset(socket: TcpStream) {
    let discard = libc::linger { l_onoff: 1, l_linger: 0 };
    set_option(&socket, libc::SOL_SOCKET, libc::SO_LINGER, &discard);
}

/// Sets an option of a socket.
pub fn set_option<T>(socket: &impl AsRawFd, level: libc::c_int, option: libc::c_int, value: &T) {
    let (fd, value, size) = (socket.as_raw_fd(), &raw const *value, size_of_val(value));
    // SAFETY: `value` points to `size` readable bytes, and setsockopt reads no
    // more.
    assert_eq!(unsafe { libc::setsockopt(fd, level, option, value.cast(), size as u32) }, 0);
}
