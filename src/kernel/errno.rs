//! Error numbers of system calls.

use crate::bytes::split::nth_field;

/// An error number. The numbers differ between architectures. [`libc`] defines
/// the numbers of each architecture.
///
/// The number has the type `usize`, like a count of bytes. So the result of a
/// system call, a count or an error, fits in two registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Errno(pub usize);

impl Errno {
    /// A signal interrupted the system call. The program repeats every
    /// interrupted call except `close`.
    pub const INTR: Errno = Errno(libc::EINTR as usize);
    /// No process reads the output any more.
    pub const PIPE: Errno = Errno(libc::EPIPE as usize);
}

/// Declares the constants and the words of error numbers in one table.
macro_rules! errnos {
    ($($name:ident $number:ident $words:literal)*) => {
        impl Errno {
            $(#[doc = $words] pub const $name: Errno = Errno(libc::$number as usize);)*

            /// Returns the meaning of the number in words, or nothing if the
            /// table does not have the number.
            pub fn words(self) -> Option<&'static [u8]> {
                const ERRNOS: &[Errno] = &[$(Errno::$name),*];
                // One text is smaller than an array of pointers to texts.
                const WORDS: &str = concat!($($words, "\n"),*);
                let index = ERRNOS.iter().position(|errno| *errno == self)?;
                Some(nth_field(WORDS.as_bytes(), b'\n', index))
            }
        }
    };
}

// The errors of the program's system calls, and a few errors of the program
// itself. The words are the words of glibc, because a message must be the same
// with every C library. The `strerror` of musl would add 1.4 KB.
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
    NFILE ENFILE "Too many open files in system"
    MFILE EMFILE "Too many open files"
    // A file reached the size limit, and the process ignores SIGXFSZ. In a
    // process that does not ignore SIGXFSZ, the signal ends the program.
    FBIG EFBIG "File too large"
    NOSPC ENOSPC "No space left on device"
    DQUOT EDQUOT "Disk quota exceeded"
    STALE ESTALE "Stale file handle"
    ROFS EROFS "Read-only file system"
    NAMETOOLONG ENAMETOOLONG "File name too long"
    LOOP ELOOP "Too many levels of symbolic links"
    // A report or a netlink datagram is longer than its buffer.
    MSGSIZE EMSGSIZE "Message too long"
    // A netlink datagram is malformed.
    BADMSG EBADMSG "Bad message"
    // The kernel lacks the netlink protocol, or is older than 4.4.
    PROTONOSUPPORT EPROTONOSUPPORT "Protocol not supported"
    // A sandbox forbids sockets of netlink.
    AFNOSUPPORT EAFNOSUPPORT "Address family not supported by protocol"
    OPNOTSUPP EOPNOTSUPP "Operation not supported"
    // No part of the kernel serves the netlink protocol.
    CONNREFUSED ECONNREFUSED "Connection refused"
    // A sandbox forbids a system call, or the kernel lacks the call.
    NOSYS ENOSYS "Function not implemented"
    // The time of `--timeout` is over.
    TIME ETIME "Timer expired (--timeout)"
    // A netlink dump has too many sockets.
    NOBUFS ENOBUFS "No buffer space available"
}
