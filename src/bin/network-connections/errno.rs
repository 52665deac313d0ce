//! Why a system call failed.

use core::ffi::c_int;

use network_connections::message::{self, File, Reason, Told};
use network_connections::text::Text;

/// An error number. The numbers differ between architectures.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Errno(pub c_int);

impl Errno {
    pub const INTERRUPTED: Errno = Errno(libc::EINTR);
    pub const IO: Errno = Errno(libc::EIO);
    pub const MISSING: Errno = Errno(libc::ENOENT);
    pub const NAME_TOO_LONG: Errno = Errno(libc::ENAMETOOLONG);
    pub const NO_ROOM: Errno = Errno(libc::ENOBUFS);
    pub const READER_GONE: Errno = Errno(libc::EPIPE);

    /// Tells that a system call on this file failed.
    pub fn told(self, file: File, text: &mut Text) -> Told {
        message::failure(file, self.reason(), text)
    }

    fn reason(self) -> Reason<'static> {
        let mut start = 0;
        for &(number, length) in NUMBERS {
            let end = start + usize::from(length);
            if c_int::from(number) == self.0 {
                return Reason::Words(WORDS.get(start..end).unwrap_or_default());
            }
            start = end;
        }
        Reason::Number(self.0.unsigned_abs())
    }
}

/// Makes two tables of one with error numbers and words. (With a reference to each text it would be
/// larger, by 170 bytes where addresses have 32 bits, by 510 where they have 64.)
macro_rules! words {
    ($($number:ident $words:literal)*) => {
        /// Each number, and the length of its words.
        static NUMBERS: &[(u16, u16)] = &[$((libc::$number as u16, $words.len() as u16)),*];
        /// All the words, one behind the other.
        static WORDS: &str = concat!($($words),*);
    };
}

// What `open`, `read` and `write` may fail with, in glibc's words, so that a message is the same with
// every C library. (The strerror of a static musl would add 1.4 KB more.)
words! {
    EPERM "Operation not permitted"
    ENOENT "No such file or directory"
    ESRCH "No such process"
    EIO "Input/output error"
    ENXIO "No such device or address"
    EBADF "Bad file descriptor"
    EAGAIN "Resource temporarily unavailable"
    ENOMEM "Cannot allocate memory"
    EACCES "Permission denied"
    EBUSY "Device or resource busy"
    ENODEV "No such device"
    ENOTDIR "Not a directory"
    EISDIR "Is a directory"
    EINVAL "Invalid argument"
    ENFILE "Too many open files in system"
    EMFILE "Too many open files"
    // At a limit of the file size, where SIGXFSZ is ignored; else that signal ends the program.
    EFBIG "File too large"
    ENOSPC "No space left on device"
    EROFS "Read-only file system"
    ENAMETOOLONG "File name too long"
    ENOSYS "Function not implemented"
    ELOOP "Too many levels of symbolic links"
    ENOBUFS "No buffer space available"
    EOVERFLOW "Value too large for defined data type"
    ECONNRESET "Connection reset by peer"
    ENOTCONN "Transport endpoint is not connected"
    ETIMEDOUT "Connection timed out"
    ESTALE "Stale file handle"
    EDQUOT "Disk quota exceeded"
}
