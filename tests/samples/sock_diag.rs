//! Messages of sock_diag.

use libc::NLM_F_MULTI;

use crate::oracles::sock_diag::{Msg, SockId};

/// The type of a request for sockets and of each message of the answer, from
/// include/uapi/linux/sock_diag.h.
pub const SOCK_DIAG_BY_FAMILY: u16 = 20;

/// Returns the bytes of a struct. The struct must have no padding.
pub fn bytes_of<T>(value: &T) -> Vec<u8> {
    // SAFETY: `value` points to a whole `T`. The callers pass only structs of
    // the kernel without padding, so all bytes are initialised.
    unsafe { std::slice::from_raw_parts((&raw const *value).cast(), size_of::<T>()) }.to_vec()
}

/// Returns a message of netlink, with the padding that a next message needs.
pub fn message(kind: u16, flags: libc::c_int, content: &[u8]) -> Vec<u8> {
    let (nlmsg_flags, length) = (flags as u16, 16 + content.len());
    let nlmsg_len = length as u32;
    let header =
        libc::nlmsghdr { nlmsg_len, nlmsg_type: kind, nlmsg_flags, nlmsg_seq: 0, nlmsg_pid: 0 };
    let padding = vec![0; length.next_multiple_of(4) - length];
    [bytes_of(&header), content.to_vec(), padding].concat()
}

/// Returns a control message of netlink, such as `NLMSG_DONE`, with a number.
pub fn control(kind: libc::c_int, number: i32) -> Vec<u8> {
    message(kind as u16, NLM_F_MULTI, &number.to_ne_bytes())
}

/// Returns the content of a message about a socket. The local address and all
/// fields without a parameter have bytes that are not zero.
pub fn socket(
    family: libc::c_int,
    state: u8,
    remote: [u8; 16],
    [local_port, remote_port]: [u16; 2],
) -> Vec<u8> {
    let id = SockId {
        sport: local_port.to_be_bytes(),
        dport: remote_port.to_be_bytes(),
        src: [0xaa; 16],
        dst: remote,
        interface: 0xaaaa_aaaa,
        cookie: [0xaaaa_aaaa; 2],
    };
    let (family, uid) = (family as u8, 0xaaaa_aaaa);
    let others = Msg { timer: 0xaa, retrans: 0xaa, expires: uid, rqueue: uid, ..Msg::default() };
    bytes_of(&Msg { family, state, id, wqueue: uid, uid, inode: uid, ..others })
}
