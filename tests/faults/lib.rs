//! System calls that go wrong as they may: to be preloaded into the program.
//!
//! Every call is first interrupted by a signal before it does anything (EINTR). Called again, it is
//! done, and its number is appended to the file `$CALLS`, if that is set. But
//!
//! - a read or a write transfers no more than `$TRANSFER` bytes, if that is set;
//! - to open a file fails with the errno `$OPEN_ERRNO`, if that is set, and if `$OPEN_NAME` is set, if the file's
//!   name has that in it;
//! - the first, second and so on of the calls of [`COUNTED`] fails with the errno `$SOCKET_1`,
//!   `$WRITE_2` and so on, if that is set; or, if it is the name of a file, receives what is in there,
//!   as a datagram;
//! - the kernel's release is `$RELEASE`, if that is set.

use std::env;
use std::ffi::{CStr, c_char, c_int, c_long, c_ulong, c_void};
use std::fs::{self, File};
use std::io::Write;
use std::mem::transmute;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

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
fn number(variable: &str) -> Option<c_int> {
    env::var(variable).ok()?.parse().ok()
}

const COUNTED: [(c_long, &str); 3] =
    [(libc::SYS_socket, "SOCKET"), (libc::SYS_write, "WRITE"), (libc::SYS_recvfrom, "RECVFROM")];

static COUNTS: [AtomicU32; COUNTED.len()] = [const { AtomicU32::new(0) }; COUNTED.len()];

/// What the variable for this time of this call is set to.
fn planned(call: c_long) -> Option<String> {
    let place = COUNTED.iter().position(|&(number, _)| number == call)?;
    let count = COUNTS[place].fetch_add(1, Ordering::Relaxed) + 1;
    env::var(format!("{}_{count}", COUNTED[place].1)).ok()
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
    if let Some(file) = env::var_os("CALLS") {
        let mut file = File::options().append(true).create(true).open(file).unwrap();
        writeln!(file, "{call}").unwrap();
    }
    match planned(call).map(|plan| plan.parse().map_err(|_| plan)) {
        Some(Ok(errno)) => return fail(errno),
        Some(Err(file)) => {
            let datagram = fs::read(file).unwrap();
            let length = datagram.len().min(c as usize);
            // SAFETY: the caller vouches for a buffer of `c` bytes.
            unsafe { (b as *mut u8).copy_from(datagram.as_ptr(), length) };
            let is_whole = d & libc::MSG_TRUNC as c_ulong != 0;
            return if is_whole { datagram.len() } else { length } as c_long;
        }
        None => {}
    }
    match call {
        libc::SYS_openat => {
            // SAFETY: the second argument of openat is a C string.
            let name = unsafe { CStr::from_ptr(b as *const c_char) }.to_string_lossy();
            let is_meant = env::var("OPEN_NAME").map_or(true, |part| name.contains(&part));
            if let Some(errno) = number("OPEN_ERRNO").filter(|_| is_meant) {
                return fail(errno);
            }
        }
        libc::SYS_read | libc::SYS_write => {
            if let Some(most) = number("TRANSFER") {
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
    let result = unsafe { next(call, a, b, c, d, e) };
    if let (libc::SYS_uname, Ok(release)) = (call, env::var("RELEASE")) {
        // SAFETY: the caller vouches for room for one.
        let name = unsafe { &mut *(a as *mut libc::utsname) };
        let bytes = release.bytes().chain([0]);
        name.release.iter_mut().zip(bytes).for_each(|(to, from)| *to = from as _);
    }
    result
}
