//! Filters of system calls (seccomp(2)), for the programs of tests.

use std::process::Command;

use libc::sock_filter;

use crate::harness::before_exec;

/// What a filter may look at (struct seccomp_data): the number of the call, and the low half of an argument.
pub const NUMBER: u32 = 0;

pub const fn argument(place: u32) -> u32 {
    16 + 8 * place + 4 * cfg!(target_endian = "big") as u32
}

const fn statement(code: u32, jt: u8, jf: u8, k: u32) -> sock_filter {
    sock_filter { code: code as u16, jt, jf, k }
}

/// Looks at a part of the call.
pub const fn load(part: u32) -> sock_filter {
    statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, part)
}

/// Skips so many statements if that isn't this value.
pub const fn unless(value: u32, skip: u8) -> sock_filter {
    statement(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, skip, value)
}

/// Says what becomes of the call.
pub const fn end(action: u32) -> sock_filter {
    statement(libc::BPF_RET | libc::BPF_K, 0, 0, action)
}

/// Gives this process a filter. The result is that of seccomp(2). Nothing is allocated, because it is called
/// between fork and exec.
pub fn install(filter: &[sock_filter], flags: libc::c_ulong) -> libc::c_long {
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_ptr().cast_mut() };
    // SAFETY: it takes numbers. (Without this only root may have a filter.)
    if unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) } != 0 {
        return -1;
    }
    let mode = libc::SECCOMP_SET_MODE_FILTER;
    // SAFETY: it reads a program, and is given the address of one.
    unsafe { libc::syscall(libc::SYS_seccomp, mode, flags, &raw const program) }
}

/// Has a program start with this filter.
pub fn filtered(command: &mut Command, filter: Vec<sock_filter>) -> &mut Command {
    before_exec(command, move || install(&filter, 0) as libc::c_int)
}
