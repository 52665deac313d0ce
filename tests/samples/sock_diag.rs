//! Messages of sock_diag.

use libc::NLM_F_MULTI;

use crate::oracles::sock_diag::{Msg, SockId};

// include/uapi/linux/sock_diag.h
pub const SOCK_DIAG_BY_FAMILY: u16 = 20;

/// The bytes of a value in memory.
pub fn bytes<T>(value: &T) -> Vec<u8> {
    // SAFETY: all bytes of it may be read: the structs above have no padding.
    unsafe { std::slice::from_raw_parts((&raw const *value).cast(), size_of::<T>()) }.to_vec()
}

/// A message, with what is needed for another to stand behind it.
pub fn message(kind: u16, flags: libc::c_int, content: &[u8]) -> Vec<u8> {
    let (nlmsg_flags, length) = (flags as u16, 16 + content.len());
    let nlmsg_len = length as u32;
    let header =
        libc::nlmsghdr { nlmsg_len, nlmsg_type: kind, nlmsg_flags, nlmsg_seq: 0, nlmsg_pid: 0 };
    let padding = vec![0; length.next_multiple_of(4) - length];
    [bytes(&header), content.to_vec(), padding].concat()
}

/// One of those that the kernel has for its own use, with a number.
pub fn control(kind: libc::c_int, number: i32) -> Vec<u8> {
    message(kind as u16, NLM_F_MULTI, &number.to_ne_bytes())
}

/// A socket in one of the tables: its state, its remote address and its ports.
pub fn socket(
    family: libc::c_int,
    state: u8,
    remote: [u8; 16],
    [local, port]: [u16; 2],
) -> Vec<u8> {
    // What isn't looked at isn't zero.
    let id = SockId {
        sport: local.to_be_bytes(),
        dport: port.to_be_bytes(),
        src: [0xaa; 16],
        dst: remote,
        interface: 0xaaaa_aaaa,
        cookie: [0xaaaa_aaaa; 2],
    };
    let (family, uid) = (family as u8, 0xaaaa_aaaa);
    let others = Msg { timer: 0xaa, retrans: 0xaa, expires: uid, rqueue: uid, ..Msg::default() };
    bytes(&Msg { family, state, id, wqueue: uid, uid, inode: uid, ..others })
}
