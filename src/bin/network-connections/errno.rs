//! Why a system call failed.

use network_connections::message::{self, File, Reader, Reason, Told};
use network_connections::packed::{Packed, pack};
use network_connections::text::Text;

/// An error number. The numbers differ between architectures.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Errno(pub usize);

impl Errno {
    /// None of the kernel's: a file isn't a regular one.
    pub const NOT_REGULAR: Errno = Errno(0);
    pub const INTERRUPTED: Errno = Errno(libc::EINTR as usize);
    pub const IO: Errno = Errno(libc::EIO as usize);
    pub const MISSING: Errno = Errno(libc::ENOENT as usize);
    pub const DENIED: Errno = Errno(libc::EACCES as usize);
    pub const INVALID: Errno = Errno(libc::EINVAL as usize);
    pub const AGAIN: Errno = Errno(libc::EAGAIN as usize);
    pub const TOO_LONG: Errno = Errno(libc::EMSGSIZE as usize);
    pub const NAME_TOO_LONG: Errno = Errno(libc::ENAMETOOLONG as usize);
    pub const NOT_SUPPORTED: Errno = Errno(libc::EPROTONOSUPPORT as usize);
    pub const READER_GONE: Errno = Errno(libc::EPIPE as usize);

    /// Tells that a system call on this file failed.
    pub fn told(self, file: &File, reader: Reader, text: &mut Text) -> Told {
        message::failure(file, &self.reason(), reader, text)
    }

    /// What that means.
    pub fn reason(self) -> Reason<'static> {
        match NUMBERS.iter().position(|&number| usize::from(number) == self.0) {
            Some(place) => Reason::words(WORDS.part(place)),
            None => Reason::number(self.0 as u32),
        }
    }
}

/// Makes two tables of one with error numbers and words.
macro_rules! words {
    ($not_regular:literal $($number:ident $words:literal)*) => {
        static NUMBERS: &[u16] =
            &[Errno::NOT_REGULAR.0 as u16, $(libc::$number as u16),*];
        const WORDS: Packed = pack!(concat!($not_regular, $("\t", $words),*));
    };
}

// What the program's system calls may fail with, in glibc's words, so that a message is the same with
// every C library. (The strerror of a static musl would add 1.4 KB more.)
words! {
    "Not a regular file"
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
    EEXIST "File exists"
    ENOTDIR "Not a directory"
    EISDIR "Is a directory"
    EINVAL "Invalid argument"
    EMFILE "Too many open files"
    // At a limit of the file size, where SIGXFSZ is ignored; else that signal ends the program.
    EFBIG "File too large"
    ENOSPC "No space left on device"
    EROFS "Read-only file system"
    ENAMETOOLONG "File name too long"
    ELOOP "Too many levels of symbolic links"
    EMSGSIZE "Message too long"
    // Of netlink: a malformed datagram, a kernel without it (or before 4.4), and too much at once.
    EBADMSG "Bad message"
    EPROTONOSUPPORT "Protocol not supported"
    EOPNOTSUPP "Operation not supported"
    ENOBUFS "No buffer space available"
}
