//! System calls that go wrong as they may: to be preloaded into the program.
//!
//! Every call is first interrupted by a signal before it does anything (EINTR). Called again, it is
//! done, but a read or a write transfers no more than `$TRANSFER` bytes, if that is set, and to open a
//! file fails with the errno `$OPEN_ERRNO`, if that is set.

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::sync::atomic::{AtomicBool, Ordering};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Whether to interrupt this call: every second one.
fn interrupt() -> bool {
    let interrupt = !INTERRUPTED.fetch_xor(true, Ordering::Relaxed);
    if interrupt {
        set_errno(libc::EINTR);
    }
    interrupt
}

fn set_errno(number: c_int) {
    // SAFETY: it has no preconditions.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: that is the address of this thread's errno.
    unsafe { errno.write(number) };
}

/// The number that a variable of the environment is set to.
fn number(variable: &CStr) -> Option<c_int> {
    // SAFETY: it is given a C string.
    let value = unsafe { libc::getenv(variable.as_ptr()) };
    // SAFETY: a variable's value is a C string.
    (!value.is_null()).then(|| unsafe { libc::atoi(value) })
}

/// The most that a read or a write transfers.
fn most(count: usize) -> usize {
    number(c"TRANSFER").map_or(count, |most| count.min(most as usize))
}

/// # Safety
/// As for open(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn open(path: *const c_char, flags: c_int, mode: c_uint) -> c_int {
    if interrupt() {
        return -1;
    }
    if let Some(errno) = number(c"OPEN_ERRNO") {
        set_errno(errno);
        return -1;
    }
    // SAFETY: the caller vouches for the path.
    unsafe { libc::syscall(libc::SYS_openat, libc::AT_FDCWD, path, flags, mode) as c_int }
}

/// # Safety
/// As for read(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn read(descriptor: c_int, buffer: *mut c_void, count: usize) -> isize {
    if interrupt() {
        return -1;
    }
    // SAFETY: the caller vouches for the buffer; less of it is used.
    unsafe { libc::syscall(libc::SYS_read, descriptor, buffer, most(count)) as isize }
}

/// # Safety
/// As for write(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn write(descriptor: c_int, buffer: *const c_void, count: usize) -> isize {
    if interrupt() {
        return -1;
    }
    // SAFETY: the caller vouches for the buffer; less of it is used.
    unsafe { libc::syscall(libc::SYS_write, descriptor, buffer, most(count)) as isize }
}
