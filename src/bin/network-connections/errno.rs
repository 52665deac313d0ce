//! Why a system call failed.

use core::ffi::c_int;

use network_connections::message::Reason;

/// An error number. The numbers differ between architectures.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Errno(pub c_int);

impl Errno {
    pub const INTERRUPTED: Errno = Errno(libc::EINTR);
    pub const IO: Errno = Errno(libc::EIO);
    pub const MISSING: Errno = Errno(libc::ENOENT);
    pub const NAME_TOO_LONG: Errno = Errno(libc::ENAMETOOLONG);
    pub const READER_GONE: Errno = Errno(libc::EPIPE);

    pub fn reason(self) -> Reason {
        let known = WORDS.iter().find(|(errno, _)| *errno == self.0);
        known.map_or(Reason::Number(self.0), |(_, words)| Reason::Words(words))
    }
}

/// What `open`, `read` and `write` may fail with, in glibc's words, so that a message is the same with
/// every C library. (The strerror of a static musl would add 1.4 KB more.)
static WORDS: [(c_int, &str); 28] = [
    (libc::EPERM, "Operation not permitted"),
    (libc::ENOENT, "No such file or directory"),
    (libc::ESRCH, "No such process"),
    (libc::EIO, "Input/output error"),
    (libc::ENXIO, "No such device or address"),
    (libc::EBADF, "Bad file descriptor"),
    (libc::EAGAIN, "Resource temporarily unavailable"),
    (libc::ENOMEM, "Cannot allocate memory"),
    (libc::EACCES, "Permission denied"),
    (libc::EBUSY, "Device or resource busy"),
    (libc::ENODEV, "No such device"),
    (libc::ENOTDIR, "Not a directory"),
    (libc::EISDIR, "Is a directory"),
    (libc::EINVAL, "Invalid argument"),
    (libc::ENFILE, "Too many open files in system"),
    (libc::EMFILE, "Too many open files"),
    // At a limit of the file size, where SIGXFSZ is ignored; else that signal ends the program.
    (libc::EFBIG, "File too large"),
    (libc::ENOSPC, "No space left on device"),
    (libc::EROFS, "Read-only file system"),
    (libc::ENAMETOOLONG, "File name too long"),
    (libc::ENOSYS, "Function not implemented"),
    (libc::ELOOP, "Too many levels of symbolic links"),
    (libc::EOVERFLOW, "Value too large for defined data type"),
    (libc::ECONNRESET, "Connection reset by peer"),
    (libc::ENOTCONN, "Transport endpoint is not connected"),
    (libc::ETIMEDOUT, "Connection timed out"),
    (libc::ESTALE, "Stale file handle"),
    (libc::EDQUOT, "Disk quota exceeded"),
];
