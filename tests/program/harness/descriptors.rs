//! FIFOs, pipes and locks, which std does not have.

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Creates a FIFO.
pub fn mkfifo(path: &Path) -> io::Result<()> {
    let name = CString::new(path.as_os_str().as_bytes()).unwrap();
    // SAFETY: `name` is a C string.
    match unsafe { libc::mkfifo(name.as_ptr(), 0o644) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Creates a pipe, and returns the end to read from and the end to write to.
/// Exec closes both ends.
pub fn pipe(flags: libc::c_int) -> [OwnedFd; 2] {
    let mut ends = [0; 2];
    // SAFETY: `ends` is writable memory for the two descriptors of pipe2.
    assert_eq!(unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC | flags) }, 0);
    // SAFETY: pipe2 succeeded, so the descriptor is open, and nothing else owns
    // the descriptor.
    ends.map(|end| unsafe { OwnedFd::from_raw_fd(end) })
}

/// Locks a file with flock(2) until `file` is closed.
pub fn lock(file: &File) {
    // SAFETY: flock has no preconditions.
    assert_eq!(unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX) }, 0);
}
