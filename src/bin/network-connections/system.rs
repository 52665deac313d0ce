//! The C library: how the program starts and ends, its system calls, and all that is `unsafe`.

use core::ffi::{CStr, c_char, c_int};
use core::panic::PanicInfo;

use crate::errno::Errno;
use heapless::Vec;

// The libc crate has declarations alone where std doesn't do the linking.
#[link(name = "c")]
unsafe extern "C" {}

/// What the C library's start-up code calls.
///
/// # Safety
/// `argv` must be that of the process: pointers to C strings, and a null pointer behind them.
// SAFETY: no other symbol of the program is called main, and this one has the type that C gives it.
#[unsafe(no_mangle)]
unsafe extern "C" fn main(_argc: c_int, argv: *const *const c_char) -> c_int {
    let mut arguments = Arguments { next: argv };
    let _program_name = arguments.next();
    crate::main(arguments).into()
}

/// Nothing in the release build can panic, and this isn't in it (`scripts/check-symbols`).
#[panic_handler]
fn panic(_: &PanicInfo) -> ! {
    // SAFETY: abort has no preconditions.
    unsafe { libc::abort() }
}

/// The parts of core that a debug build's checks call were compiled to unwind, and name this
/// function. It is never called: the panic handler aborts.
// SAFETY: std, which has the other function of this name, isn't linked.
#[cfg(debug_assertions)]
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}

/// The command line.
pub struct Arguments {
    /// INVARIANT: points into argv, at an argument or at the null pointer that ends it.
    next: *const *const c_char,
}

impl Iterator for Arguments {
    type Item = &'static [u8];

    fn next(&mut self) -> Option<&'static [u8]> {
        // SAFETY: by the invariant there is a pointer to read.
        let argument = unsafe { *self.next };
        if argument.is_null() {
            return None;
        }
        // SAFETY: that wasn't argv's last element, so there is one behind it.
        self.next = unsafe { self.next.add(1) };
        // SAFETY: an argument is a C string that stays where it is while the process lives; nothing
        // writes to it.
        Some(unsafe { CStr::from_ptr(argument) }.to_bytes())
    }
}

/// A file open for reading, closed when dropped.
pub struct Open(c_int);

impl Open {
    /// Opens the file whose name is `directory` with `path` behind it.
    pub fn file(directory: &[u8], path: &str) -> Result<Open, Errno> {
        let mut name = Vec::<u8, { libc::PATH_MAX as usize }>::new();
        for part in [directory, path.as_bytes(), b"\0"] {
            name.extend_from_slice(part).map_err(|_| Errno::NAME_TOO_LONG)?;
        }
        // SAFETY: `name` ends with a null byte, and outlives the call.
        let descriptor =
            completed(|| unsafe { libc::open(name.as_ptr().cast(), libc::O_RDONLY) as isize })?;
        Ok(Open(descriptor as c_int))
    }

    /// Reads into `buffer`, and gives the number of bytes read, 0 at the end of the file.
    pub fn read(&self, buffer: &mut [u8]) -> Result<usize, Errno> {
        // SAFETY: the pointer and the length are those of `buffer`, which nothing else refers to.
        completed(|| unsafe { libc::read(self.0, buffer.as_mut_ptr().cast(), buffer.len()) })
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        // SAFETY: the descriptor is open, and used by nothing after this.
        unsafe { libc::close(self.0) };
    }
}

pub const STANDARD_OUTPUT: c_int = libc::STDOUT_FILENO;
pub const STANDARD_ERROR: c_int = libc::STDERR_FILENO;

/// Writes all of `bytes`, in as many calls as it takes (one, unless something interferes).
pub fn write_all(descriptor: c_int, mut bytes: &[u8]) -> Result<(), Errno> {
    while !bytes.is_empty() {
        // SAFETY: the pointer and the length are those of `bytes`.
        let written =
            completed(|| unsafe { libc::write(descriptor, bytes.as_ptr().cast(), bytes.len()) })?;
        // A device that takes nothing, and says so without an error, would be asked for ever.
        bytes = match bytes.get(written..) {
            Some(rest) if written > 0 => rest,
            _ => return Err(Errno::IO),
        };
    }
    Ok(())
}

/// Makes a system call, and again as long as a signal interrupts it before it has done anything.
fn completed(mut call: impl FnMut() -> isize) -> Result<usize, Errno> {
    loop {
        match usize::try_from(call()) {
            Ok(result) => return Ok(result),
            Err(_) => match last_errno() {
                Errno::INTERRUPTED => {}
                errno => return Err(errno),
            },
        }
    }
}

/// Of the system call that has just failed.
fn last_errno() -> Errno {
    // SAFETY: it has no preconditions.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: it gives the address of this thread's errno, which can be read as long as it lives.
    Errno(unsafe { *errno })
}
