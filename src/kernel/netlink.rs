//! Messages of netlink(7).
//!
//! A datagram is a series of messages. Each message begins with a header, a
//! `struct nlmsghdr` of include/uapi/linux/netlink.h. The numbers in a header
//! are in the byte order of the machine.

use core::ffi::c_int;

use libc::{NLM_F_DUMP_INTR, NLMSG_DONE, NLMSG_ERROR, NLMSG_MIN_TYPE};

use super::errno::Errno;

/// The number of bytes in the header of a message.
const HEADER_LENGTH: usize = 16;

/// A message of a dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// A message about one object of the dump, without the header.
    Content(&'a [u8]),
    /// The end of the dump.
    Done,
}

/// Splits the first message off a datagram. Returns the message, and the bytes
/// after the message.
///
/// # Errors
/// - the error that the kernel reports
/// - [`Errno::AGAIN`] if the kernel reports that a change interrupted the dump,
///   because such a dump may lack sockets
/// - [`Errno::BADMSG`] if the datagram is malformed, or if the first message
///   has an `nlmsg_type` that no dump contains
pub fn split_message(datagram: &[u8]) -> Result<(Message<'_>, &[u8]), Errno> {
    let [a, b, c, d, e, f, g, h, ..] = datagram else { return Err(Errno::BADMSG) };
    let length = u32::from_ne_bytes([*a, *b, *c, *d]) as usize;
    let kind = u16::from_ne_bytes([*e, *f]);
    let flags = u16::from_ne_bytes([*g, *h]);
    let content = datagram.get(HEADER_LENGTH..length).ok_or(Errno::BADMSG)?;
    if c_int::from(flags) & NLM_F_DUMP_INTR != 0 {
        return Err(Errno::AGAIN);
    }
    // Every message begins at an offset that is a multiple of four bytes. The
    // datagram may end without padding after the last message.
    let rest = datagram.get(length.next_multiple_of(4)..).unwrap_or_default();
    if c_int::from(kind) >= NLMSG_MIN_TYPE {
        return Ok((Message::Content(content), rest));
    }
    let number = content.first_chunk().map_or(0, |number| c_int::from_ne_bytes(*number));
    match c_int::from(kind) {
        NLMSG_DONE | NLMSG_ERROR if number < 0 => Err(Errno(number.unsigned_abs() as usize)),
        NLMSG_DONE => Ok((Message::Done, rest)),
        _ => Err(Errno::BADMSG),
    }
}
