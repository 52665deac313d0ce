//! Error numbers of system calls.

use crate::bytes::split::nth_field;

/// An error number. The numbers differ between architectures, and [`libc`] has
/// the numbers of each.
///
/// It is as wide as a number of bytes, so that the result of a system call fits
/// two registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Errno(pub usize);

impl Errno {
    /// A signal interrupted the call, which is made again.
    pub const INTR: Errno = Errno(libc::EINTR as usize);
    /// Nobody reads the output any more.
    pub const PIPE: Errno = Errno(libc::EPIPE as usize);
}

/// Declares the constants and the words of error numbers in one table.
macro_rules! errnos {
    ($($name:ident $number:ident $words:literal)*) => {
        impl Errno {
            $(#[doc = $words] pub const $name: Errno = Errno(libc::$number as usize);)*

            /// Returns the meaning in words, if the table has the number.
            pub fn words(self) -> Option<&'static [u8]> {
                const ERRNOS: &[Errno] = &[$(Errno::$name),*];
                // One text takes less room than an array of pointers to texts.
                const WORDS: &str = concat!($($words, "\n"),*);
                let index = ERRNOS.iter().position(|errno| *errno == self)?;
                Some(nth_field(WORDS.as_bytes(), b'\n', index))
            }
        }
    };
}

// What the program's system calls may fail with. The words are glibc's, so that
// a message is the same with every C library. musl's `strerror` would add 1.4
// KB.
errnos! {
    PERM EPERM "Operation not permitted"
    NOENT ENOENT "No such file or directory"
    SRCH ESRCH "No such process"
    IO EIO "Input/output error"
    NXIO ENXIO "No such device or address"
    BADF EBADF "Bad file descriptor"
    AGAIN EAGAIN "Resource temporarily unavailable"
    NOMEM ENOMEM "Cannot allocate memory"
    ACCES EACCES "Permission denied"
    BUSY EBUSY "Device or resource busy"
    EXIST EEXIST "File exists"
    NOTDIR ENOTDIR "Not a directory"
    ISDIR EISDIR "Is a directory"
    INVAL EINVAL "Invalid argument"
    MFILE EMFILE "Too many open files"
    // At a limit of the file size where SIGXFSZ is ignored. Else that signal
    // ends the program.
    FBIG EFBIG "File too large"
    NOSPC ENOSPC "No space left on device"
    ROFS EROFS "Read-only file system"
    NAMETOOLONG ENAMETOOLONG "File name too long"
    LOOP ELOOP "Too many levels of symbolic links"
    // A report that is longer than the buffer it is composed in.
    MSGSIZE EMSGSIZE "Message too long"
    // Netlink: a malformed datagram, a kernel without the protocol or before
    // 4.4, and too many sockets.
    BADMSG EBADMSG "Bad message"
    PROTONOSUPPORT EPROTONOSUPPORT "Protocol not supported"
    OPNOTSUPP EOPNOTSUPP "Operation not supported"
    NOBUFS ENOBUFS "No buffer space available"
}
