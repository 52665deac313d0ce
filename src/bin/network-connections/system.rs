//! The C library: the start and the end of the program, its system calls, and
//! all `unsafe` code.
//!
//! Every function repeats a system call that a signal interrupted. The only
//! exception is the call `close`.

use core::ffi::{CStr, c_char, c_int, c_uint, c_void};
use core::mem::{self, ManuallyDrop, MaybeUninit};
use core::panic::PanicInfo;
use core::ptr;
use core::sync::atomic::{AtomicBool, Ordering};

use heapless::Vec;
use network_connections::bytes::split::split_once;
use network_connections::kernel::errno::Errno;

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

    /// Copies a path, and returns a C string in this buffer. The buffer must be
    /// empty.
    fn copy(&mut self, path: &[u8]) -> Result<*const c_char, Errno> {
        self.append(path)?;
        self.append(b"\0")?;
        Ok(self.0.as_ptr().cast())
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), Errno> {
        self.0.extend_from_slice(bytes).map_err(|_| Errno::NAMETOOLONG)
    }
}

/// Repeats a system call while a signal interrupts it, and returns the result.
///
/// # Errors
/// Returns [`Errno::TIME`] instead of the call while the time of
/// [`limit_time`] is over.
fn retry(mut call: impl FnMut() -> isize) -> Result<usize, Errno> {
    loop {
        if IS_TIME_OVER.load(Ordering::Relaxed) {
            return Err(Errno::TIME);
        }
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

    /// Opens a directory. The names in the calls on the directory are relative
    /// to it. The kernel needs no permission to read the directory.
    pub fn open_directory(path: &[u8]) -> Result<Fd, Errno> {
        open_at(libc::AT_FDCWD, path, libc::O_PATH | libc::O_DIRECTORY)
    }

    /// Opens a file of this directory for reading.
    pub fn open(&self, name: &[u8]) -> Result<Fd, Errno> {
        open_at(self.0, name, libc::O_RDONLY)
    }

    /// Creates a file in this directory, and opens the file for writing. Fails
    /// if the file exists.
    pub fn create_new(&self, name: &[u8]) -> Result<Fd, Errno> {
        open_at(self.0, name, libc::O_WRONLY | libc::O_CREAT | libc::O_EXCL)
    }

    /// Sets the permissions of the file.
    pub fn set_mode(&self, mode: u32) -> Result<(), Errno> {
        // SAFETY: fchmod has no preconditions.
        retry(|| unsafe { libc::fchmod(self.0, mode) } as isize).map(drop)
    }

    /// Returns whether the file in this directory is regular. A symbolic link
    /// is not a regular file, even if the target of the link is.
    pub fn has_regular_file(&self, name: &[u8]) -> Result<bool, Errno> {
        let mut path_buffer = PathBuffer::new();
        let name = path_buffer.copy(name)?;
        let mut stat = MaybeUninit::<libc::stat64>::uninit();
        let (address, flags) = (stat.as_mut_ptr(), libc::AT_SYMLINK_NOFOLLOW);
        // SAFETY: `path_buffer` holds the C string, and `stat` is writable
        // memory.
        retry(|| unsafe { libc::fstatat64(self.0, name, address, flags) } as isize)?;
        // SAFETY: fstatat succeeded, so it has initialised all fields.
        let stat = unsafe { stat.assume_init_ref() };
        Ok(stat.st_mode & libc::S_IFMT == libc::S_IFREG)
    }

    /// Reads the target of a symbolic link in this directory, truncated to the
    /// length of `buffer`, and returns the length of the target.
    pub fn read_link(&self, name: &[u8], buffer: &mut [u8]) -> Result<usize, Errno> {
        let mut path_buffer = PathBuffer::new();
        let name = path_buffer.copy(name)?;
        let (address, length) = (buffer.as_mut_ptr().cast(), buffer.len());
        // SAFETY: `path_buffer` holds the C string, and `buffer` is writable
        // memory of this length.
        retry(|| unsafe { libc::readlinkat(self.0, name, address, length) })
    }

    /// Opens this directory again, for [`read_entries`](Fd::read_entries).
    pub fn open_entries(&self) -> Result<Fd, Errno> {
        open_at(self.0, b".", libc::O_RDONLY | libc::O_DIRECTORY)
    }

    /// Reads the next entries of a directory, in the format of getdents64(2),
    /// and returns their length in bytes, 0 after the last entry.
    pub fn read_entries(&self, buffer: &mut [u8]) -> Result<usize, Errno> {
        let (address, length) = (buffer.as_mut_ptr().cast(), buffer.len());
        // SAFETY: `buffer` is writable memory of this length.
        retry(|| unsafe { getdents64(self.0, address, length) as isize })
    }

    /// Renames a file in this directory, and replaces any file at `to`.
    pub fn rename(&self, from: &[u8], to: &[u8]) -> Result<(), Errno> {
        let (mut from_buffer, mut to_buffer) = (PathBuffer::new(), PathBuffer::new());
        let (from, to) = (from_buffer.copy(from)?, to_buffer.copy(to)?);
        // SAFETY: the two buffers hold the C strings.
        retry(|| unsafe { libc::renameat(self.0, from, self.0, to) } as isize).map(drop)
    }

    /// Removes a file in this directory if possible, even after the time of
    /// [`limit_time`] is over.
    pub fn remove(&self, name: &[u8]) {
        let mut path_buffer = PathBuffer::new();
        let Ok(name) = path_buffer.copy(name) else { return };
        // SAFETY: `path_buffer` holds the C string.
        while unsafe { libc::unlinkat(self.0, name, 0) } != 0 && last_error() == Errno::INTR {}
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

    /// Opens a netlink socket of this protocol, and connects the socket to the
    /// kernel. Then the kernel delivers no datagrams of other senders: see
    /// `netlink_getsockbyportid` in net/netlink/af_netlink.c.
    pub fn connect_to_kernel(protocol: c_int) -> Result<Fd, Errno> {
        // SAFETY: socket has no preconditions.
        let socket =
            retry(|| unsafe { libc::socket(libc::AF_NETLINK, libc::SOCK_RAW, protocol) } as isize)
                .map(Fd::owning)?;
        let kernel = netlink_address(KERNEL_PORT);
        // SAFETY: `kernel` is an address of this length.
        retry(|| unsafe {
            libc::connect(socket.0, (&raw const kernel).cast(), NETLINK_ADDRESS_LENGTH)
        } as isize)?;
        Ok(socket)
    }

    /// Sends a datagram to the kernel.
    pub fn send(&self, datagram: &[u8]) -> Result<(), Errno> {
        // SAFETY: `datagram` is readable memory of this length.
        retry(|| unsafe { libc::write(self.0, datagram.as_ptr().cast(), datagram.len()) }).map(drop)
    }

    /// Receives a datagram of the kernel into `buffer`, and returns the length
    /// of the whole datagram. If the length is above the length of `buffer`,
    /// the datagram is truncated.
    ///
    /// The function drops the datagrams of other senders. The kernel may
    /// deliver such a datagram if it arrives while the socket is connecting.
    pub fn receive(&self, buffer: &mut [u8]) -> Result<usize, Errno> {
        loop {
            let (address, length) = (buffer.as_mut_ptr().cast(), buffer.len());
            let mut sender = netlink_address(!KERNEL_PORT);
            let mut sender_length = NETLINK_ADDRESS_LENGTH;
            // SAFETY: `buffer` and `sender` are writable memory of these
            // lengths.
            let received = retry(|| unsafe {
                let sender = (&raw mut sender).cast();
                let flags = libc::MSG_TRUNC;
                libc::recvfrom(self.0, address, length, flags, sender, &mut sender_length)
            })?;
            if sender.nl_pid == KERNEL_PORT {
                return Ok(received);
            }
        }
    }
}

/// The netlink port of the kernel: netlink(7).
const KERNEL_PORT: u32 = 0;

const NETLINK_ADDRESS_LENGTH: libc::socklen_t = size_of::<libc::sockaddr_nl>() as _;

fn netlink_address(port: u32) -> libc::sockaddr_nl {
    // SAFETY: all fields are numbers, so all zeros are a valid value.
    let mut address: libc::sockaddr_nl = unsafe { mem::zeroed() };
    address.nl_family = libc::AF_NETLINK as _;
    address.nl_pid = port;
    address
}

unsafe extern "C" {
    // The libc crate lacks this function. The name in musl has no number.
    #[cfg_attr(not(target_env = "gnu"), link_name = "getdents")]
    fn getdents64(fd: c_int, entries: *mut c_void, length: usize) -> GetdentsResult;
}

/// The result type of `getdents64`.
#[cfg(target_env = "gnu")]
type GetdentsResult = isize;
/// The result type of `getdents`.
#[cfg(not(target_env = "gnu"))]
type GetdentsResult = c_int;

/// Opens a file or a directory. A new file has the mode 0600.
fn open_at(directory: c_int, path: &[u8], flags: c_int) -> Result<Fd, Errno> {
    const MODE: c_uint = 0o600;
    let mut path_buffer = PathBuffer::new();
    let path = path_buffer.copy(path)?;
    // On 32 bits, the kernel refuses to open a file above 2 GB without this
    // flag.
    let flags = flags | libc::O_LARGEFILE;
    // SAFETY: `path_buffer` holds the C string, and the variadic argument has
    // the type that openat reads.
    retry(|| unsafe { libc::openat(directory, path, flags, MODE) } as isize).map(Fd::owning)
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

/// Returns the PID of this process.
pub fn process_id() -> u32 {
    // SAFETY: getpid has no preconditions.
    unsafe { libc::getpid() as u32 }
}

/// Returns whether a process with this PID exists. If the system call fails for
/// another reason than a missing process, the function returns true.
pub fn is_running(process: u32) -> bool {
    // SAFETY: getpgid has no preconditions.
    let group = retry(|| unsafe { libc::getpgid(process as libc::pid_t) } as isize);
    group != Err(Errno::SRCH)
}

/// Returns a random number that stays the same until the process ends.
pub fn random_number() -> u32 {
    // SAFETY: getauxval has no preconditions.
    let address = unsafe { libc::getauxval(libc::AT_RANDOM) } as *const [u8; 16];
    // SAFETY: the kernel has passed the address of 16 random bytes, which live
    // as long as the process, or getauxval has returned a null pointer.
    let bytes = unsafe { address.as_ref() };
    // musl makes its stack protector of the first bytes. glibc makes its
    // pointer guard of these bytes too, but the program stores no pointer that
    // glibc guards.
    let [.., a, b, c, d] = bytes.unwrap_or(&[0; 16]);
    u32::from_ne_bytes([*a, *b, *c, *d])
}

/// Resets a signal to its default action, whatever action the process
/// inherited.
pub fn reset_signal(signal: c_int) {
    set_action(signal, libc::SIG_DFL);
}

/// Sets the action of a signal: SIG_DFL, or the address of a handler. A handler
/// interrupts system calls.
fn set_action(signal: c_int, action: libc::sighandler_t) {
    // SAFETY: all zeros are the action SIG_DFL without flags.
    let mut sigaction: libc::sigaction = unsafe { mem::zeroed() };
    sigaction.sa_sigaction = action;
    // SAFETY: the action is initialised, and sigaction stores nothing at a null
    // pointer.
    unsafe { libc::sigaction(signal, &sigaction, ptr::null_mut()) };
}

/// A set of signals.
struct SignalSet(libc::sigset_t);

impl SignalSet {
    fn new(signals: &[c_int]) -> SignalSet {
        // SAFETY: all zeros are the empty set.
        let mut set = SignalSet(unsafe { mem::zeroed() });
        for &signal in signals {
            // SAFETY: the set is initialised.
            unsafe { libc::sigaddset(&mut set.0, signal) };
        }
        set
    }

    /// Blocks the signals of the set, and unblocks all other signals.
    fn block(&self) -> Result<(), Errno> {
        // SAFETY: the set is initialised, and the C library stores nothing at a
        // null pointer.
        retry(|| unsafe { libc::sigprocmask(libc::SIG_SETMASK, &self.0, ptr::null_mut()) } as isize)
            .map(drop)
    }
}

/// Blocks these signals, unblocks all other signals, and opens a descriptor
/// from which [`receive_signals`] receives the blocked signals.
pub fn block_signals(signals: &[c_int]) -> Result<Fd, Errno> {
    let set = SignalSet::new(signals);
    set.block()?;
    // SAFETY: the set is initialised, and -1 asks for a new descriptor.
    retry(|| unsafe { libc::signalfd(-1, &set.0, 0) } as isize).map(Fd::owning)
}

/// The largest number of different signals that the program blocks.
pub const MOST_SIGNALS: usize = 3;

/// Waits for a blocked signal, and returns the numbers of all blocked signals
/// that have arrived. The other numbers in the array are 0.
pub fn receive_signals(signal_fd: &Fd) -> Result<[c_int; MOST_SIGNALS], Errno> {
    let mut information = [[0; size_of::<libc::signalfd_siginfo>()]; MOST_SIGNALS];
    signal_fd.read(information.as_flattened_mut())?;
    let mut numbers = [0; MOST_SIGNALS];
    for (number, [a, b, c, d, ..]) in numbers.iter_mut().zip(&information) {
        // The first field, ssi_signo, is the number.
        *number = c_int::from_ne_bytes([*a, *b, *c, *d]);
    }
    Ok(numbers)
}

/// Whether the time of [`limit_time`] is over.
static IS_TIME_OVER: AtomicBool = AtomicBool::new(false);

/// Handles SIGALRM after [`limit_time`].
extern "C" fn end_time(_signal: c_int) {
    IS_TIME_OVER.store(true, Ordering::Relaxed);
}

/// Makes all system calls fail with [`Errno::TIME`] after this many seconds,
/// from the call that waits at this time on.
///
/// A signal that arrives just before a call cannot interrupt the call, so the
/// timer repeats the signal every second.
pub fn limit_time(seconds: c_int) -> Result<(), Errno> {
    set_action(libc::SIGALRM, end_time as extern "C" fn(c_int) as libc::sighandler_t);
    SignalSet::new(&[]).block()?;
    start_timer(seconds, 1)
}

/// Lets system calls succeed for at most one more second after the time of
/// [`limit_time`] is over. So a failed run can print its message.
pub fn extend_time() {
    IS_TIME_OVER.store(false, Ordering::Relaxed);
}

/// Starts a timer that sends SIGALRM to the process after the first number of
/// seconds, and then at the end of every interval of the second number.
pub fn start_timer(first: c_int, interval: c_int) -> Result<(), Errno> {
    let seconds = |seconds: c_int| libc::timeval { tv_sec: seconds.into(), tv_usec: 0 };
    let timer = libc::itimerval { it_value: seconds(first), it_interval: seconds(interval) };
    // SAFETY: the timer is initialised, and setitimer stores nothing at a null
    // pointer.
    retry(|| unsafe { libc::setitimer(libc::ITIMER_REAL, &timer, ptr::null_mut()) } as isize)
        .map(drop)
}
