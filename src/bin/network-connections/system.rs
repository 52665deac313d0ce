//! The C library: the start and the end of the program, its system calls, and
//! all `unsafe` code.
//!
//! Every function repeats a system call that a signal interrupted. The only
//! exceptions are the calls `close` and `poll`.

use core::ffi::{CStr, c_char, c_int, c_uint};
use core::mem::{ManuallyDrop, MaybeUninit};
use core::panic::PanicInfo;
use core::ptr;

use heapless::Vec;
use network_connections::bytes::split::split_once;
use network_connections::kernel::errno::Errno;
use network_connections::kernel::file_path::FilePath;

use crate::Memory;

// Without std, the libc crate declares the C library, but does not link it.
#[link(name = "c")]
unsafe extern "C" {}

/// The large values of the program. A static keeps the values off the stack,
/// and the kernel zeroes a static before the program starts.
static mut MEMORY: Memory = Memory::ZERO;

/// Starts the program. The start-up code of the C library calls this function.
///
/// # Safety
/// `argv` and `envp` must be arrays of pointers to C strings. Each array must
/// have a null pointer at its end. The arrays and the strings must live as long
/// as the process.
// SAFETY: no other symbol of the program is called main, and this function has
// the type that C prescribes.
#[unsafe(no_mangle)]
unsafe extern "C" fn main(
    _argc: c_int,
    argv: *const *const c_char,
    envp: *const *const c_char,
) -> c_int {
    let mut arguments = CStrArray { next: argv };
    let _program_name = arguments.next();
    let memory = &raw mut MEMORY;
    // SAFETY: the C library calls `main` once, and no other code refers to
    // MEMORY.
    let memory = unsafe { &mut *memory };
    crate::main(arguments, CStrArray { next: envp }, memory).into()
}

/// Aborts. The release build cannot panic and lacks this function, as
/// `scripts/check/symbols` shows.
#[panic_handler]
fn panic(_: &PanicInfo) -> ! {
    // SAFETY: abort has no preconditions.
    unsafe { libc::abort() }
}

/// Replaces the function of std with the same name. In a debug build, the
/// compiled `core` crate refers to this symbol for unwinding. The program never
/// unwinds, because the panic handler aborts.
// SAFETY: std, which has the other function of this name, is not linked.
#[cfg(debug_assertions)]
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}

/// The arguments of the program, or its environment, as the kernel passes them.
#[derive(Clone)]
pub struct CStrArray {
    /// INVARIANT: points at an element of argv or envp, which may be the null
    /// pointer at the end.
    next: *const *const c_char,
}

impl Iterator for CStrArray {
    type Item = &'static [u8];

    fn next(&mut self) -> Option<&'static [u8]> {
        // SAFETY: by the invariant, `next` points at an element of the array.
        let string = unsafe { *self.next };
        if string.is_null() {
            return None;
        }
        // SAFETY: this element is not the null pointer, so another element
        // follows.
        self.next = unsafe { self.next.add(1) };
        // SAFETY: `string` is a C string of the process, and nothing writes or
        // frees it.
        Some(unsafe { CStr::from_ptr(string) }.to_bytes())
    }
}

impl CStrArray {
    /// Returns the value of an environment variable, or nothing if the variable
    /// is missing or empty.
    pub fn variable(&self, name: &[u8]) -> Option<&'static [u8]> {
        for string in self.clone() {
            match split_once(string, b'=') {
                (variable, Some(value)) if variable == name && !value.is_empty() => {
                    return Some(value);
                }
                _ => {}
            }
        }
        None
    }
}

/// Memory for a path that ends with a null byte, as the C library requires.
struct PathBuffer(Vec<u8, { libc::PATH_MAX as usize }>);

impl PathBuffer {
    const fn new() -> PathBuffer {
        PathBuffer(Vec::new())
    }

    /// Joins the parts of a path, and returns a C string in this buffer. The
    /// buffer must be empty.
    fn join(&mut self, path: &FilePath) -> Result<*const c_char, Errno> {
        self.append(path.directory)?;
        self.append(path.name)?;
        self.append(b"\0")?;
        Ok(self.0.as_ptr().cast())
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), Errno> {
        self.0.extend_from_slice(bytes).map_err(|_| Errno::NAMETOOLONG)
    }
}

/// Repeats a system call while a signal interrupts it, and returns the result.
fn retry(mut call: impl FnMut() -> isize) -> Result<usize, Errno> {
    loop {
        match usize::try_from(call()) {
            Ok(result) => return Ok(result),
            Err(_) => match last_error() {
                Errno::INTR => {}
                errno => return Err(errno),
            },
        }
    }
}

/// Returns the error of the last system call.
fn last_error() -> Errno {
    // SAFETY: the function has no preconditions.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: `errno` points at the errno of this thread, which lives as long
    // as the thread.
    Errno(unsafe { *errno } as usize)
}

/// An open file descriptor, closed when dropped.
///
/// INVARIANT: the descriptor is open, and only this value owns it.
pub struct Fd(c_int);

impl Fd {
    /// Takes the descriptor that a system call has just opened.
    fn owning(fd: usize) -> Fd {
        Fd(fd as c_int)
    }

    /// Opens a file for reading.
    pub fn open(path: &FilePath) -> Result<Fd, Errno> {
        Fd::open_with(path, libc::O_RDONLY)
    }

    /// Creates a file, and opens the file for writing. Everybody may read the
    /// file, regardless of the umask that the process inherited. Fails if the
    /// file exists.
    pub fn create_new(path: &FilePath) -> Result<Fd, Errno> {
        // SAFETY: umask has no preconditions.
        unsafe { libc::umask(0) };
        Fd::open_with(path, libc::O_WRONLY | libc::O_CREAT | libc::O_EXCL)
    }

    fn open_with(path: &FilePath, flags: c_int) -> Result<Fd, Errno> {
        const MODE: c_uint = 0o644;
        let mut path_buffer = PathBuffer::new();
        let c_path = path_buffer.join(path)?;
        // On 32 bits, the kernel refuses to open a file above 2 GB without this
        // flag.
        let flags = flags | libc::O_LARGEFILE;
        // SAFETY: the path is a C string, and the variadic argument has the
        // type that openat reads.
        retry(|| unsafe { libc::openat(libc::AT_FDCWD, c_path, flags, MODE) } as isize)
            .map(Fd::owning)
    }

    /// Locks the file until the descriptor is closed. Does not wait for the
    /// lock.
    ///
    /// # Errors
    /// Returns [`Errno::AGAIN`] if another process holds the lock.
    pub fn lock(&self) -> Result<(), Errno> {
        // SAFETY: flock has no preconditions.
        retry(|| unsafe { libc::flock(self.0, libc::LOCK_EX | libc::LOCK_NB) } as isize).map(drop)
    }

    /// Reads into `buffer`, and returns the number of bytes, 0 at the end of
    /// the file.
    pub fn read(&self, buffer: &mut [u8]) -> Result<usize, Errno> {
        // SAFETY: `buffer` is writable memory of this length.
        retry(|| unsafe { libc::read(self.0, buffer.as_mut_ptr().cast(), buffer.len()) })
    }

    /// Writes all of `bytes`, and closes the file. Some file systems report a
    /// failed write only at the close, so the function also returns the error
    /// of the close.
    pub fn write_and_close(self, bytes: &[u8]) -> Result<(), Errno> {
        write_all(self.0, bytes)?;
        let fd = ManuallyDrop::new(self).0;
        // SAFETY: the descriptor is open, and nothing uses the descriptor after
        // this call.
        if unsafe { libc::close(fd) } == 0 {
            return Ok(());
        }
        match last_error() {
            // The kernel has closed the descriptor, and the program must not
            // close the descriptor again.
            Errno::INTR => Ok(()),
            errno => Err(errno),
        }
    }

    /// Opens a netlink socket of this protocol.
    pub fn netlink(protocol: c_int) -> Result<Fd, Errno> {
        // SAFETY: socket has no preconditions.
        retry(|| unsafe { libc::socket(libc::AF_NETLINK, libc::SOCK_RAW, protocol) } as isize)
            .map(Fd::owning)
    }

    /// Sends a datagram to the kernel.
    pub fn send(&self, datagram: &[u8]) -> Result<(), Errno> {
        // SAFETY: `datagram` is readable memory of this length.
        retry(|| unsafe { libc::write(self.0, datagram.as_ptr().cast(), datagram.len()) }).map(drop)
    }

    /// Receives a datagram into `buffer`, and returns the length of the whole
    /// datagram. If the length is above the length of `buffer`, the datagram is
    /// truncated.
    pub fn receive(&self, buffer: &mut [u8]) -> Result<usize, Errno> {
        let (address, length) = (buffer.as_mut_ptr().cast(), buffer.len());
        // SAFETY: `buffer` is writable memory of this length.
        retry(|| unsafe { libc::recv(self.0, address, length, libc::MSG_TRUNC) })
    }
}

impl Drop for Fd {
    fn drop(&mut self) {
        // SAFETY: the descriptor is open, and nothing uses the descriptor after
        // this call.
        unsafe { libc::close(self.0) };
    }
}

/// The descriptor of standard output.
pub const STANDARD_OUTPUT: c_int = libc::STDOUT_FILENO;
/// The descriptor of standard error.
pub const STANDARD_ERROR: c_int = libc::STDERR_FILENO;

/// Writes all of `bytes`, in one call unless the kernel takes only a part.
pub fn write_all(fd: c_int, mut bytes: &[u8]) -> Result<(), Errno> {
    while !bytes.is_empty() {
        // SAFETY: `bytes` is readable memory of this length.
        let written = retry(|| unsafe { libc::write(fd, bytes.as_ptr().cast(), bytes.len()) })?;
        // Without this error, a device whose write always returns 0 would make
        // the loop endless.
        bytes = match bytes.get(written..) {
            Some(rest) if written > 0 => rest,
            _ => return Err(Errno::IO),
        };
    }
    Ok(())
}

/// Renames a file, and replaces any file at `to`.
pub fn rename(from: &FilePath, to: &FilePath) -> Result<(), Errno> {
    let (mut from_buffer, mut to_buffer) = (PathBuffer::new(), PathBuffer::new());
    let (c_from, c_to) = (from_buffer.join(from)?, to_buffer.join(to)?);
    // SAFETY: the two buffers hold the C strings.
    retry(|| unsafe { libc::renameat(libc::AT_FDCWD, c_from, libc::AT_FDCWD, c_to) } as isize)
        .map(drop)
}

/// Removes a file.
pub fn unlink(path: &FilePath) -> Result<(), Errno> {
    let mut path_buffer = PathBuffer::new();
    let c_path = path_buffer.join(path)?;
    // SAFETY: `path_buffer` holds the C string.
    retry(|| unsafe { libc::unlinkat(libc::AT_FDCWD, c_path, 0) } as isize).map(drop)
}

/// Returns whether the path is a regular file. A symbolic link is not a regular
/// file, even if the target of the link is.
pub fn is_regular_file(path: &FilePath) -> Result<bool, Errno> {
    let mut path_buffer = PathBuffer::new();
    let c_path = path_buffer.join(path)?;
    let mut stat = MaybeUninit::<libc::stat64>::uninit();
    // SAFETY: `path_buffer` holds the C string, and `stat` is writable memory.
    retry(|| unsafe {
        libc::fstatat64(libc::AT_FDCWD, c_path, stat.as_mut_ptr(), libc::AT_SYMLINK_NOFOLLOW)
    } as isize)?;
    // SAFETY: fstatat succeeded, so it has initialised all fields.
    let stat = unsafe { stat.assume_init_ref() };
    Ok(stat.st_mode & libc::S_IFMT == libc::S_IFREG)
}

/// Returns the target of a symbolic link, truncated to the length of `buffer`.
pub fn read_link<'a>(path: &FilePath, buffer: &'a mut [u8]) -> Result<&'a [u8], Errno> {
    let mut path_buffer = PathBuffer::new();
    let c_path = path_buffer.join(path)?;
    let (address, length) = (buffer.as_mut_ptr().cast(), buffer.len());
    // SAFETY: `path_buffer` holds the C string, and `buffer` is writable memory
    // of this length.
    let length = retry(|| unsafe { libc::readlinkat(libc::AT_FDCWD, c_path, address, length) })?;
    Ok(buffer.get(..length).unwrap_or_default())
}

/// Sleeps for this many milliseconds, or until a signal arrives.
///
/// The function calls poll and not nanosleep, because on 32 bits musl's
/// nanosleep needs a system call that a kernel without CONFIG_COMPAT_32BIT_TIME
/// lacks.
pub fn sleep(milliseconds: c_int) {
    // SAFETY: the number of descriptors is 0, so poll does not use the null
    // pointer.
    unsafe { libc::poll(ptr::null_mut(), 0, milliseconds) };
}

/// The names that uname reports.
pub struct Utsname(MaybeUninit<libc::utsname>);

impl Utsname {
    /// Returns memory for the names.
    pub const fn new() -> Utsname {
        Utsname(MaybeUninit::uninit())
    }

    /// Returns the name of the host, or an empty name if uname fails.
    pub fn host(&mut self) -> &[u8] {
        let Some(names) = self.uname() else { return b"" };
        // SAFETY: the kernel ends every field with a null byte.
        unsafe { CStr::from_ptr(names.nodename.as_ptr()) }.to_bytes()
    }

    /// Returns the release of the kernel, or an empty text if uname fails.
    pub fn release(&mut self) -> &[u8] {
        let Some(names) = self.uname() else { return b"" };
        // SAFETY: the kernel ends every field with a null byte.
        unsafe { CStr::from_ptr(names.release.as_ptr()) }.to_bytes()
    }

    fn uname(&mut self) -> Option<&libc::utsname> {
        // SAFETY: the pointer is to writable memory for a utsname.
        retry(|| unsafe { libc::uname(self.0.as_mut_ptr()) } as isize).ok()?;
        // SAFETY: uname succeeded, so the kernel has initialised all fields.
        Some(unsafe { self.0.assume_init_ref() })
    }
}

/// Returns whether this process is the first process of a PID namespace, such
/// as the first process of a container.
pub fn is_first_process() -> bool {
    // SAFETY: getpid has no preconditions.
    unsafe { libc::getpid() == 1 }
}

/// Resets a signal to its default action, whatever action the process
/// inherited.
pub fn reset_signal(signal: c_int) {
    // All zeros are the action SIG_DFL without flags.
    let default = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: the action is initialised, and sigaction stores nothing at a null
    // pointer.
    unsafe { libc::sigaction(signal, default.as_ptr(), ptr::null_mut()) };
}

/// Blocks these signals, unblocks all other signals, and opens a descriptor
/// from which [`receive_signal`] receives the blocked signals.
pub fn block_signals(signals: &[c_int]) -> Result<Fd, Errno> {
    // All zeros are the empty set.
    let mut set = MaybeUninit::<libc::sigset_t>::zeroed();
    for &signal in signals {
        // SAFETY: the set is initialised.
        unsafe { libc::sigaddset(set.as_mut_ptr(), signal) };
    }
    let set = set.as_ptr();
    // SAFETY: the set is initialised, and the C library stores nothing at a
    // null pointer.
    retry(|| unsafe { libc::sigprocmask(libc::SIG_SETMASK, set, ptr::null_mut()) } as isize)?;
    // SAFETY: the set is initialised, and -1 asks for a new descriptor.
    retry(|| unsafe { libc::signalfd(-1, set, 0) } as isize).map(Fd::owning)
}

/// Waits for a blocked signal, and returns its number.
pub fn receive_signal(signal_fd: &Fd) -> Result<c_int, Errno> {
    let mut information = [0; size_of::<libc::signalfd_siginfo>()];
    signal_fd.read(&mut information)?;
    // The first field, ssi_signo, is the number.
    let [a, b, c, d, ..] = information;
    Ok(c_int::from_ne_bytes([a, b, c, d]))
}

/// Starts a timer that sends SIGALRM to the process at the end of every
/// interval of this many seconds.
pub fn start_timer(seconds: c_int) -> Result<(), Errno> {
    let interval = libc::timeval { tv_sec: seconds.into(), tv_usec: 0 };
    let timer = libc::itimerval { it_interval: interval, it_value: interval };
    // SAFETY: the timer is initialised, and setitimer stores nothing at a null
    // pointer.
    retry(|| unsafe { libc::setitimer(libc::ITIMER_REAL, &timer, ptr::null_mut()) } as isize)
        .map(drop)
}
