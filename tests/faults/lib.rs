//! System calls that go wrong as they may: to be preloaded into the program.
//!
//! Every call is first interrupted by a signal before it does anything (EINTR). Called again, it is
//! done, but a read or a write transfers no more than `$TRANSFER` bytes, if that is set, and to open a
//! file fails with the errno `$OPEN_ERRNO`, if that is set.

use std::ffi::{CStr, c_int, c_long, c_ulong, c_void};
use std::mem::transmute;
use std::sync::atomic::{AtomicBool, Ordering};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Whether to interrupt this call: every second one.
fn interrupt() -> bool {
    !INTERRUPTED.fetch_xor(true, Ordering::Relaxed)
}

fn fail(number: c_int) -> c_long {
    // SAFETY: it has no preconditions.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: that is the address of this thread's errno.
    unsafe { errno.write(number) };
    -1
}

/// The number that a variable of the environment is set to.
fn number(variable: &CStr) -> Option<c_int> {
    // SAFETY: it is given a C string.
    let value = unsafe { libc::getenv(variable.as_ptr()) };
    // SAFETY: a variable's value is a C string.
    (!value.is_null()).then(|| unsafe { libc::atoi(value) })
}

type Syscall = unsafe extern "C" fn(c_long, c_ulong, c_ulong, c_ulong, c_ulong, c_ulong) -> c_long;

/// What the program makes all its system calls by. (The C library's takes arguments of any number. Here,
/// on the machines that run the tests, as many registers may always be passed.)
///
/// # Safety
/// As for syscall(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn syscall(
    call: c_long,
    a: c_ulong,
    b: c_ulong,
    mut c: c_ulong,
    d: c_ulong,
    e: c_ulong,
) -> c_long {
    if interrupt() {
        return fail(libc::EINTR);
    }
    match call {
        libc::SYS_openat => {
            if let Some(errno) = number(c"OPEN_ERRNO") {
                return fail(errno);
            }
        }
        libc::SYS_read | libc::SYS_write => {
            if let Some(most) = number(c"TRANSFER") {
                c = c.min(most as c_ulong);
            }
        }
        _ => {}
    }
    // SAFETY: it is given a C string.
    let next: *mut c_void = unsafe { libc::dlsym(libc::RTLD_NEXT, c"syscall".as_ptr()) };
    // SAFETY: the C library's function has this type, but for its variable number of arguments.
    let next = unsafe { transmute::<*mut c_void, Syscall>(next) };
    // SAFETY: the caller vouches for the arguments; of a buffer no more is used.
    unsafe { next(call, a, b, c, d, e) }
}
