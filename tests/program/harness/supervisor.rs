//! A supervisor that answers each system call of the program.
//!
//! The supervisor lets a call go on, makes the call fail with an errno, or
//! transfers fewer bytes than the program asked for. The supervisor accepts
//! every build of the program for the machine of the tests, and needs
//! seccomp_unotify(2), and pidfd_getfd(2) of Linux 5.6.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::env;
use std::ffi::CStr;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::mem;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use crate::harness::seccomp::{self, CALL_NUMBER, argument, end, load, unless};
use crate::harness::{before_exec, program, program_file, skipped};

/// The names and numbers of the program's system calls.
///
/// Other architectures and C libraries make some other calls for the same
/// purpose. Here such a call has the name of its counterpart on x86_64 with
/// musl, so one name can have several numbers.
pub const CALL_NUMBERS: &[(&str, libc::c_long)] = &[
    #[cfg(target_arch = "x86_64")]
    ("arch_prctl", libc::SYS_arch_prctl),
    ("close", libc::SYS_close),
    ("connect", libc::SYS_connect),
    ("exit_group", libc::SYS_exit_group),
    ("fchmod", libc::SYS_fchmod),
    ("getdents64", libc::SYS_getdents64),
    ("getpgid", libc::SYS_getpgid),
    ("getpid", libc::SYS_getpid),
    #[cfg(target_pointer_width = "64")]
    ("newfstatat", libc::SYS_newfstatat),
    #[cfg(target_pointer_width = "32")]
    ("newfstatat", libc::SYS_fstatat64),
    ("newfstatat", libc::SYS_statx),
    ("openat", libc::SYS_openat),
    ("read", libc::SYS_read),
    ("readlinkat", libc::SYS_readlinkat),
    ("recvfrom", libc::SYS_recvfrom),
    #[cfg(not(target_arch = "riscv64"))]
    ("renameat", libc::SYS_renameat),
    ("renameat", libc::SYS_renameat2),
    ("rt_sigaction", libc::SYS_rt_sigaction),
    ("rt_sigprocmask", libc::SYS_rt_sigprocmask),
    ("rt_sigreturn", libc::SYS_rt_sigreturn),
    ("set_tid_address", libc::SYS_set_tid_address),
    ("setitimer", libc::SYS_setitimer),
    ("signalfd4", libc::SYS_signalfd4),
    ("socket", libc::SYS_socket),
    ("uname", libc::SYS_uname),
    ("unlinkat", libc::SYS_unlinkat),
    ("write", libc::SYS_write),
];

/// The name of a timer in the program's messages.
pub const TIMER: &str = "timer";

/// The longest time that a run may take. After this time, the supervisor kills
/// the program.
const DEADLINE: Duration = Duration::from_secs(50);

/// A system call that waits for its answer.
pub struct Call<'a> {
    /// The name in [`CALL_NUMBERS`], or an empty name.
    pub name: &'static str,
    pub number: libc::c_long,
    pub arguments: [u64; 6],
    /// The file that the call works on: the path with which the program opened
    /// the file, the name of a standard stream, `sock_diag` or [`TIMER`]. The
    /// path of an open directory comes before a name in the directory. Empty
    /// for a call that works on no file.
    pub file: String,
    /// The index of the call among the calls of the program's own code.
    pub index: usize,
    process: &'a Process,
}

/// The supervisor's answer to a call. The kernel makes the program's call only
/// after the answer [`Answer::GoOn`].
#[derive(Clone, Debug)]
pub enum Answer {
    /// The kernel makes the call.
    GoOn,
    /// The call fails with this errno.
    Fail(libc::c_int),
    /// The call returns this number.
    Return(i64),
    /// The supervisor writes bytes to the addresses that the arguments with
    /// these indexes hold, and the call returns this number.
    Put(Vec<(usize, Vec<u8>)>, i64),
    /// The supervisor makes the call for the program, but transfers at most
    /// this many bytes. The call must be a read or a write.
    AtMost(usize),
    /// The supervisor kills the program.
    Kill,
}

/// A system call that the supervisor has answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnsweredCall {
    pub name: &'static str,
    pub file: String,
    /// The errno with which the supervisor made the call fail.
    pub errno: Option<libc::c_int>,
}

/// The result of a supervised run.
pub struct Run {
    pub output: Output,
    pub calls: Vec<AnsweredCall>,
}

/// Runs the program to its end. `answer` decides about each call of the
/// program's own code.
pub fn supervise(command: &mut Command, answer: impl FnMut(&Call) -> Answer + Send) -> Run {
    let start_up_length = start_up_calls().as_ref().unwrap().len();
    supervise_after(start_up_length, command, answer).unwrap()
}

/// Returns whether this machine can supervise the program. If not, prints that
/// the test is skipped.
pub fn can_supervise(test: &str) -> bool {
    start_up_calls().as_ref().inspect_err(|reason| skipped(test, reason)).is_ok()
}

/// Returns the numbers of the system calls before the program's own code:
/// execve, and the calls of the dynamic loader and of the C library. These
/// calls are the same in every run.
///
/// # Errors
/// Returns the reason why the program cannot be supervised.
pub fn start_up_calls() -> &'static Result<Vec<libc::c_long>, String> {
    static CALLS: OnceLock<Result<Vec<libc::c_long>, String>> = OnceLock::new();
    CALLS.get_or_init(|| {
        if env::var_os("RUNNER").is_some() || !is_native() {
            return Err("the program has a runner, or is for another machine".into());
        }
        let mut calls = Vec::new();
        let mut is_own = false;
        supervise_after(0, program().arg("--version"), |call| {
            // The first call of the program's own code writes the version.
            is_own |= call.name == "write";
            if !is_own {
                calls.push(call.number);
            }
            Answer::GoOn
        })
        .map(|_| calls)
        .map_err(|error| {
            assert!(env::var_os("CI").is_none(), "CI must be able to supervise: {error}");
            format!("this machine cannot supervise the program: {error}")
        })
    })
}

/// Returns whether the program has the machine and the word size of its tests,
/// and therefore the same numbers of system calls. The function compares the
/// start of e_ident, and e_machine, in the ELF headers.
fn is_native() -> bool {
    let head = |file| {
        let head = fs::read(file).unwrap();
        [head[..6].to_vec(), head[18..20].to_vec()]
    };
    head(program_file()) == head("/proc/self/exe".into())
}

/// Runs the program to its end, and lets the first `start_up_length` calls go
/// on without asking `answer`.
fn supervise_after(
    start_up_length: usize,
    command: &mut Command,
    answer: impl FnMut(&Call) -> Answer + Send,
) -> io::Result<Run> {
    let (ours, theirs) = UnixStream::pair()?;
    let theirs = move_to_high_number(theirs)?;
    let channel = theirs.as_raw_fd();
    // Every call waits for an answer, except the write by which the child
    // sends the number of its listener. Exec closes the listener and the
    // channel.
    let filter = [
        load(CALL_NUMBER),
        unless(libc::SYS_write as u32, 3),
        load(argument(0)),
        unless(channel as u32, 1),
        end(libc::SECCOMP_RET_ALLOW),
        end(libc::SECCOMP_RET_USER_NOTIF),
    ];
    // The supervisor knows the standard streams, and assumes that every higher
    // number is free. The tests may have inherited other descriptors. Before
    // Linux 5.11 they stay open.
    before_exec(command, || {
        let (first, last) = (libc::STDERR_FILENO + 1, libc::c_uint::MAX);
        // SAFETY: close_range takes only numbers.
        unsafe {
            libc::syscall(libc::SYS_close_range, first, last, libc::CLOSE_RANGE_CLOEXEC);
        }
        0
    });
    before_exec(command, move || {
        // SAFETY: getpid has no preconditions.
        let process = unsafe { libc::getpid() };
        let listener = seccomp::install(&filter, libc::SECCOMP_FILTER_FLAG_NEW_LISTENER);
        if listener < 0 {
            return -1;
        }
        let message = [process, listener as RawFd];
        // SAFETY: `message` is readable memory of this length.
        unsafe {
            libc::write(channel, message.as_ptr().cast(), size_of_val(&message)) as libc::c_int
        }
    });
    thread::scope(|scope| {
        let supervisor =
            scope.spawn(move || Supervisor::new(ours, start_up_length)?.answer_all(answer));
        let output = command.output();
        // The closed channel shows the supervisor that the process has ended.
        drop(theirs);
        let calls = supervisor.join().unwrap();
        let output = output?;
        Ok(Run { output, calls: calls? })
    })
}

/// Moves a descriptor to a number that no file of the program has. The filter
/// knows the channel only by this number, and allows every write to it. The
/// number is high enough even if the supervisor makes every close fail.
fn move_to_high_number(descriptor: UnixStream) -> io::Result<OwnedFd> {
    const FIRST: libc::c_int = 500;
    // SAFETY: fcntl takes only numbers here, and `descriptor` is open.
    let moved = unsafe { libc::fcntl(descriptor.as_raw_fd(), libc::F_DUPFD_CLOEXEC, FIRST) };
    if moved < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: fcntl has just opened the descriptor `moved`, so only this value
    // owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(moved) })
}

/// The supervisor of one process.
struct Supervisor {
    /// The channel on which the child sends the number of its listener. The
    /// other end closes when the process has ended.
    channel: UnixStream,
    process: Process,
    /// The descriptor from which the supervisor receives the calls.
    listener: OwnedFd,
    /// The number of calls before the program's own code.
    start_up_length: usize,
    /// The files of the open descriptors.
    files: BTreeMap<u64, String>,
    /// The file that the program opened last, until its descriptor is known.
    opened: Option<String>,
    /// The answered calls of the program's own code.
    calls: Vec<AnsweredCall>,
}

impl Supervisor {
    /// Waits until the child has installed its filter, and duplicates the
    /// listener of the child.
    fn new(mut channel: UnixStream, start_up_length: usize) -> io::Result<Supervisor> {
        let mut message = [0; 8];
        channel.read_exact(&mut message)?;
        let [process, listener] =
            [0, 4].map(|start| RawFd::from_ne_bytes(message[start..start + 4].try_into().unwrap()));
        // Without the listener, the calls of the process would wait for ever.
        let listener = Process::new(process)
            .and_then(|process| Ok((process.descriptor(listener as u64)?, process)))
            .inspect_err(|_| kill(process));
        let (listener, process) = listener?;
        let files = ["input", "output", "error"].map(|stream| format!("standard {stream}"));
        let files = (0..).zip(files).collect();
        let (opened, calls) = (None, Vec::new());
        Ok(Supervisor { channel, process, listener, start_up_length, files, opened, calls })
    }

    /// Answers all calls, and returns the calls of the program's own code.
    fn answer_all(
        mut self,
        mut answer: impl FnMut(&Call) -> Answer,
    ) -> io::Result<Vec<AnsweredCall>> {
        let start = Instant::now();
        let mut index = 0;
        while self.wait_for_call(start) {
            // The kernel accepts only a zeroed struct.
            // SAFETY: all fields are numbers, so all zeros are a valid value.
            let mut call: libc::seccomp_notif = unsafe { mem::zeroed() };
            let request = libc::SECCOMP_IOCTL_NOTIF_RECV;
            // SAFETY: `call` is writable memory for a seccomp_notif.
            if unsafe { libc::ioctl(self.listener.as_raw_fd(), request, &raw mut call) } < 0 {
                // The call is gone, because a signal has killed the process.
                continue;
            }
            // SAFETY: all fields are numbers, so all zeros are a valid value.
            let mut response: libc::seccomp_notif_resp = unsafe { mem::zeroed() };
            response.id = call.id;
            match self.answer(index, &call.data, &mut answer) {
                Ok(number) => response.val = number,
                Err(None) => response.flags = libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32,
                Err(Some(errno)) => response.error = -errno,
            }
            index += 1;
            let request = libc::SECCOMP_IOCTL_NOTIF_SEND;
            // SAFETY: `response` is an initialised seccomp_notif_resp.
            unsafe { libc::ioctl(self.listener.as_raw_fd(), request, &raw const response) };
        }
        Ok(self.calls)
    }

    /// Waits for the next call or the end of the process. Returns whether a
    /// call waits for an answer.
    fn wait_for_call(&self, start: Instant) -> bool {
        let descriptors = [self.listener.as_fd(), self.channel.as_fd()];
        let mut polled = descriptors.map(|fd| libc::pollfd {
            fd: fd.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        });
        loop {
            let left = DEADLINE.saturating_sub(start.elapsed()).as_millis() as libc::c_int;
            // SAFETY: `polled` is writable memory for two descriptors.
            match unsafe { libc::poll(polled.as_mut_ptr(), 2, left) } {
                0 => {
                    kill(self.process.id);
                    panic!("the run must end in {DEADLINE:?}; last call: {:?}", self.calls.last());
                }
                _ if polled[0].revents & libc::POLLIN != 0 => return true,
                _ if polled[1].revents != 0 => return false,
                // The process has ended, and the channel is about to close.
                _ => thread::yield_now(),
            }
        }
    }

    /// Answers the call with this index among all calls, and returns the value
    /// that the call returns to the program.
    ///
    /// # Errors
    /// Returns the errno with which the call fails, or `None` if the kernel
    /// makes the call.
    fn answer(
        &mut self,
        index: usize,
        data: &libc::seccomp_data,
        answer: &mut impl FnMut(&Call) -> Answer,
    ) -> Result<i64, Option<libc::c_int>> {
        let Some(index) = index.checked_sub(self.start_up_length) else { return Err(None) };
        let number = data.nr.into();
        let named = CALL_NUMBERS.iter().find(|&&(_, known)| known == number);
        let name = named.map_or("", |(name, _)| name);
        let file = self.file(name, data);
        let call = Call { name, number, arguments: data.args, file, index, process: &self.process };
        let result = match answer(&call) {
            Answer::GoOn => Err(None),
            Answer::Fail(errno) => Err(Some(errno)),
            Answer::Return(number) => Ok(number),
            Answer::Put(values, number) => {
                for (argument, bytes) in values {
                    call.process.memory().write_all_at(&bytes, data.args[argument]).unwrap();
                }
                Ok(number)
            }
            Answer::AtMost(most) => call.transfer(most).map_err(|error| error.raw_os_error()),
            Answer::Kill => {
                kill(call.process.id);
                Err(Some(libc::EINTR))
            }
        };
        let errno = result.err().flatten();
        if errno.is_some() {
            self.opened = None;
        }
        // The program opens other files before it uses this descriptor, so the
        // first use comes too late to learn the number. The kernel assigns the
        // lowest free number.
        if name == "signalfd4" && errno.is_none() {
            let descriptor = (0..).find(|descriptor| !self.files.contains_key(descriptor));
            self.files.insert(descriptor.unwrap(), TIMER.into());
        }
        // The kernel frees the descriptor even if close fails.
        if name == "close" {
            self.files.remove(&data.args[0]);
        }
        self.calls.push(AnsweredCall { name, file: call.file, errno });
        result
    }

    /// Returns the file that a call works on, as in [`Call::file`], and keeps
    /// track of the files that the program opens.
    fn file(&mut self, name: &str, data: &libc::seccomp_data) -> String {
        match name {
            "newfstatat" | "openat" | "readlinkat" | "renameat" | "unlinkat" => {
                let mut file = self.process.string(data.args[1]);
                if data.args[0] as libc::c_int != libc::AT_FDCWD {
                    let directory = self.opened_file(data.args[0]);
                    file = format!("{}/{file}", directory.trim_end_matches('/'));
                }
                if name == "openat" {
                    self.opened = Some(file.clone());
                }
                file
            }
            "socket" => {
                self.opened = Some("sock_diag".into());
                "sock_diag".into()
            }
            "rt_sigprocmask" | "setitimer" | "signalfd4" => TIMER.into(),
            "close" | "connect" | "fchmod" | "getdents64" | "read" | "recvfrom" | "write" => {
                self.opened_file(data.args[0])
            }
            _ => String::new(),
        }
    }

    /// Returns the file of an open descriptor.
    ///
    /// The supervisor does not see the result of a call that the kernel makes.
    /// So the first use of an unknown descriptor shows that the last open
    /// succeeded.
    fn opened_file(&mut self, descriptor: u64) -> String {
        if let (false, Some(opened)) = (self.files.contains_key(&descriptor), &self.opened) {
            self.files.insert(descriptor, opened.clone());
            self.opened = None;
        }
        self.files.get(&descriptor).cloned().unwrap_or_default()
    }
}

impl Call<'_> {
    /// Returns the PID of the process that makes the call.
    pub fn process_id(&self) -> libc::pid_t {
        self.process.id
    }

    /// Makes the read or write for the process, with at most this many bytes.
    /// Returns the number of transferred bytes.
    fn transfer(&self, most: usize) -> io::Result<i64> {
        let [descriptor, address, length, ..] = self.arguments;
        let mut buffer = vec![0; most.min(length as usize)];
        let mut file = File::from(self.process.descriptor(descriptor)?);
        let memory = self.process.memory();
        let length = match self.name {
            "read" => {
                let length = file.read(&mut buffer)?;
                memory.write_all_at(&buffer[..length], address)?;
                length
            }
            "write" => {
                memory.read_exact_at(&mut buffer, address)?;
                file.write(&buffer)?
            }
            name => panic!("AtMost is only for read and write, not for {name}"),
        };
        Ok(length as i64)
    }
}

/// A supervised process.
struct Process {
    id: libc::pid_t,
    /// A descriptor of pidfd_open(2).
    handle: OwnedFd,
    /// The file `/proc/PID/mem`, opened at the first use.
    memory: OnceCell<File>,
}

impl Process {
    fn new(id: libc::pid_t) -> io::Result<Process> {
        // SAFETY: pidfd_open takes only numbers.
        let handle = owned_fd(unsafe { libc::syscall(libc::SYS_pidfd_open, id, 0) })?;
        Ok(Process { id, handle, memory: OnceCell::new() })
    }

    /// Duplicates a descriptor of the process into this process.
    fn descriptor(&self, number: u64) -> io::Result<OwnedFd> {
        let (call, handle) = (libc::SYS_pidfd_getfd, self.handle.as_raw_fd());
        // SAFETY: pidfd_getfd takes only numbers.
        owned_fd(unsafe { libc::syscall(call, handle, number as RawFd, 0) })
    }

    /// Returns the memory of the process. The first use must come after exec,
    /// because exec replaces the memory.
    fn memory(&self) -> &File {
        self.memory.get_or_init(|| {
            let file = format!("/proc/{}/mem", self.id);
            File::options().read(true).write(true).open(file).unwrap()
        })
    }

    /// Reads the C string at this address.
    fn string(&self, address: u64) -> String {
        let mut string = [0; libc::PATH_MAX as usize];
        // The read is short if the memory ends soon after the string.
        let length = self.memory().read_at(&mut string, address).unwrap();
        CStr::from_bytes_until_nul(&string[..length]).unwrap().to_string_lossy().into_owned()
    }
}

fn kill(process: libc::pid_t) {
    // SAFETY: kill takes only numbers.
    unsafe { libc::kill(process, libc::SIGKILL) };
}

/// Takes the descriptor that a system call has returned.
///
/// # Errors
/// Returns the errno of the call if the call has failed.
fn owned_fd(number: libc::c_long) -> io::Result<OwnedFd> {
    if number < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the system call has just opened the descriptor, so nothing else
    // owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(number as RawFd) })
}
