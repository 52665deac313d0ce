//! Filters of system calls for the programs that tests start: seccomp(2).

use std::process::Command;

use libc::sock_filter;

use crate::harness::before_exec;

/// The offset of the number of the call in `struct seccomp_data`.
pub const CALL_NUMBER: u32 = 0;

/// Returns the offset of the low half of an argument in `struct seccomp_data`.
/// `index` is the index of the argument.
pub const fn argument(index: u32) -> u32 {
    16 + 8 * index + 4 * cfg!(target_endian = "big") as u32
}

const fn statement(code: u32, jt: u8, jf: u8, k: u32) -> sock_filter {
    sock_filter { code: code as u16, jt, jf, k }
}

/// Returns a statement that loads the word at this offset of
/// `struct seccomp_data`.
pub const fn load(offset: u32) -> sock_filter {
    statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, offset)
}

/// Returns a statement that skips `skip` statements unless the loaded word is
/// `value`.
pub const fn unless(value: u32, skip: u8) -> sock_filter {
    statement(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, skip, value)
}

/// Returns a statement that ends the filter with a `SECCOMP_RET_` action.
pub const fn end(action: u32) -> sock_filter {
    statement(libc::BPF_RET | libc::BPF_K, 0, 0, action)
}

/// Installs a filter in this process, and returns the result of seccomp(2), or
/// -1 if prctl fails. The function runs between fork and exec, so it allocates
/// nothing.
pub fn install(filter: &[sock_filter], flags: libc::c_ulong) -> libc::c_long {
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_ptr().cast_mut() };
    // Without PR_SET_NO_NEW_PRIVS, only root may install a filter.
    // SAFETY: with PR_SET_NO_NEW_PRIVS, prctl takes only numbers.
    if unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) } != 0 {
        return -1;
    }
    let mode = libc::SECCOMP_SET_MODE_FILTER;
    // SAFETY: `program` is a filter program, and points at the statements of
    // `filter`.
    unsafe { libc::syscall(libc::SYS_seccomp, mode, flags, &raw const program) }
}

/// Makes a command install this filter before it starts the program.
pub fn filtered(command: &mut Command, filter: Vec<sock_filter>) -> &mut Command {
    before_exec(command, move || install(&filter, 0) as libc::c_int)
}
