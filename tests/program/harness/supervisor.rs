//! Runs the program, any build of it, so that each of its system calls waits for an answer: go on, or fail with this
//! errno, or do less than was asked for (seccomp_unotify(2), pidfd_getfd(2) of Linux 5.6).

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

use crate::harness::seccomp::{self, NUMBER, argument, end, load, unless};
use crate::harness::{before_exec, program, program_file, skipped};

/// The program's system calls. One that other architectures or C libraries have another for goes by its name on
/// x86_64, with musl.
pub const NUMBERS: &[(&str, libc::c_long)] = &[
    #[cfg(target_arch = "x86_64")]
    ("arch_prctl", libc::SYS_arch_prctl),
    ("close", libc::SYS_close),
    ("exit_group", libc::SYS_exit_group),
    ("flock", libc::SYS_flock),
    ("getpid", libc::SYS_getpid),
    #[cfg(target_arch = "x86_64")]
    ("lstat", libc::SYS_lstat),
    #[cfg(target_pointer_width = "64")]
    ("lstat", libc::SYS_newfstatat),
    #[cfg(target_pointer_width = "32")]
    ("lstat", libc::SYS_fstatat64),
    ("lstat", libc::SYS_statx),
    ("openat", libc::SYS_openat),
    #[cfg(not(any(target_arch = "aarch64", target_arch = "riscv64")))]
    ("poll", libc::SYS_poll),
    ("poll", libc::SYS_ppoll),
    ("read", libc::SYS_read),
    ("readlinkat", libc::SYS_readlinkat),
    ("recvfrom", libc::SYS_recvfrom),
    #[cfg(not(target_arch = "riscv64"))]
    ("renameat", libc::SYS_renameat),
    ("renameat", libc::SYS_renameat2),
    ("rt_sigaction", libc::SYS_rt_sigaction),
    ("rt_sigprocmask", libc::SYS_rt_sigprocmask),
    ("set_tid_address", libc::SYS_set_tid_address),
    ("setitimer", libc::SYS_setitimer),
    ("signalfd4", libc::SYS_signalfd4),
    ("socket", libc::SYS_socket),
    ("umask", libc::SYS_umask),
    ("uname", libc::SYS_uname),
    ("unlinkat", libc::SYS_unlinkat),
    ("write", libc::SYS_write),
];

/// What messages call the timer of `--interval`.
pub const TIMER: &str = "interval timer";

/// Longer than this no run takes, whatever fails.
const DEADLINE: Duration = Duration::from_secs(50);

/// A system call that waits for its answer.
pub struct Call<'a> {
    /// Empty if the program has no use for it.
    pub name: &'static str,
    pub number: libc::c_long,
    pub arguments: [u64; 6],
    /// What it is about: a file by the name that it was opened with, a standard stream, or `sock_diag`.
    pub file: String,
    /// How many calls there were before.
    pub place: usize,
    process: &'a Process,
}

/// What becomes of a call.
#[derive(Clone, Debug)]
pub enum Answer {
    GoOn,
    /// It fails with this errno before it has done anything.
    Fail(libc::c_int),
    /// It isn't done, and gives this.
    Give(i64),
    /// It isn't done, these bytes are put where it is told to put something (its argument of this place), and it
    /// gives this number.
    Put(usize, Vec<u8>, i64),
    /// It is a read or a write, and done with no more than so many bytes.
    AtMost(usize),
    /// It isn't done: the program is killed before.
    Kill,
}

/// A system call that was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    pub name: &'static str,
    pub file: String,
    /// What it was made to fail with.
    pub errno: Option<libc::c_int>,
}

pub struct Run {
    pub output: Output,
    pub calls: Vec<Answered>,
}

/// Runs the program. Its calls from the start of its own code on are answered as `answer` says.
pub fn supervise(command: &mut Command, answer: impl FnMut(&Call) -> Answer + Send) -> Run {
    let own = start_up().as_ref().unwrap().len();
    supervise_from(own, command, answer).unwrap()
}

/// Whether that can be done here. If not, this test is skipped.
pub fn can_supervise(test: &str) -> bool {
    start_up().as_ref().inspect_err(|reason| skipped(test, reason)).is_ok()
}

/// The system calls from execve on until the program's own code begins: those of the dynamic loader and the C
/// library, which are the same each time. Or why that can't be told.
pub fn start_up() -> &'static Result<Vec<libc::c_long>, String> {
    static CALLS: OnceLock<Result<Vec<libc::c_long>, String>> = OnceLock::new();
    CALLS.get_or_init(|| {
        if env::var_os("RUNNER").is_some() || !is_native() {
            return Err("another program runs it, or it is for another machine".into());
        }
        let mut calls = Vec::new();
        let mut is_own = false;
        supervise_from(0, program().arg("--version"), |call| {
            // Its first own call writes the version.
            is_own |= call.name == "write";
            if !is_own {
                calls.push(call.number);
            }
            Answer::GoOn
        })
        .map(|_| calls)
        .map_err(|error| {
            assert!(env::var_os("CI").is_none(), "no supervisor on CI: {error}");
            format!("no supervisor of its system calls: {error}")
        })
    })
}

/// Whether the program is for the machine and the word size of its tests (e_ident and e_machine of ELF): then its
/// calls have the same numbers.
fn is_native() -> bool {
    let head = |file| {
        let head = fs::read(file).unwrap();
        [head[..6].to_vec(), head[18..20].to_vec()]
    };
    head(program_file()) == head("/proc/self/exe".into())
}

fn supervise_from(
    own: usize,
    command: &mut Command,
    answer: impl FnMut(&Call) -> Answer + Send,
) -> io::Result<Run> {
    let (ours, theirs) = UnixStream::pair()?;
    let theirs = move_up(theirs)?;
    let channel = theirs.as_raw_fd();
    // All calls wait, but that by which the child tells of its listener. (Exec closes both.)
    let filter = [
        load(NUMBER),
        unless(libc::SYS_write as u32, 3),
        load(argument(0)),
        unless(channel as u32, 1),
        end(libc::SECCOMP_RET_ALLOW),
        end(libc::SECCOMP_RET_USER_NOTIF),
    ];
    before_exec(command, move || {
        // SAFETY: it has no preconditions.
        let process = unsafe { libc::getpid() };
        let listener = seccomp::install(&filter, libc::SECCOMP_FILTER_FLAG_NEW_LISTENER);
        if listener < 0 {
            return -1;
        }
        let message = [process, listener as RawFd];
        // SAFETY: the address and the length are those of the message.
        unsafe {
            libc::write(channel, message.as_ptr().cast(), size_of_val(&message)) as libc::c_int
        }
    });
    thread::scope(|scope| {
        let supervisor = scope.spawn(move || Supervisor::new(ours, own)?.answer_all(answer));
        let output = command.output();
        // That is how the supervisor knows.
        drop(theirs);
        let calls = supervisor.join().unwrap();
        let output = output?;
        Ok(Run { output, calls: calls? })
    })
}

/// Gives a descriptor a number that the program has for none of its own, even if none of its calls of close is done: the
/// filter knows the channel by its number, and lets what is written to it pass.
fn move_up(descriptor: UnixStream) -> io::Result<OwnedFd> {
    const FIRST: libc::c_int = 500;
    // SAFETY: the descriptor is open.
    let moved = unsafe { libc::fcntl(descriptor.as_raw_fd(), libc::F_DUPFD_CLOEXEC, FIRST) };
    if moved < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call has just opened it, and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(moved) })
}

struct Supervisor {
    channel: UnixStream,
    process: Process,
    listener: OwnedFd,
    /// The place of the program's own first call among all.
    own: usize,
    /// What the open descriptors are of.
    files: BTreeMap<u64, String>,
    /// What was opened last, and has not been used.
    opened: Option<String>,
    calls: Vec<Answered>,
}

impl Supervisor {
    /// Waits for the process, and has its listener then.
    fn new(mut channel: UnixStream, own: usize) -> io::Result<Supervisor> {
        let mut message = [0; 8];
        channel.read_exact(&mut message)?;
        let [process, listener] =
            [0, 4].map(|place| RawFd::from_ne_bytes(message[place..place + 4].try_into().unwrap()));
        // (Nobody answers the calls of a process without.)
        let listener = Process::new(process)
            .and_then(|process| Ok((process.descriptor(listener as u64)?, process)))
            .inspect_err(|_| kill(process));
        let (listener, process) = listener?;
        let files = ["input", "output", "error"].map(|stream| format!("standard {stream}"));
        let files = (0..).zip(files).collect();
        let (opened, calls) = (None, Vec::new());
        Ok(Supervisor { channel, process, listener, own, files, opened, calls })
    }

    fn answer_all(mut self, mut answer: impl FnMut(&Call) -> Answer) -> io::Result<Vec<Answered>> {
        let start = Instant::now();
        let mut place = 0;
        while self.is_called(start) {
            // SAFETY: all zeros are one, and what the kernel wants to get.
            let mut call: libc::seccomp_notif = unsafe { mem::zeroed() };
            let request = libc::SECCOMP_IOCTL_NOTIF_RECV;
            // SAFETY: it is given the address of one.
            if unsafe { libc::ioctl(self.listener.as_raw_fd(), request, &raw mut call) } < 0 {
                // (A process that has been killed calls no more.)
                continue;
            }
            // SAFETY: all zeros are one.
            let mut response: libc::seccomp_notif_resp = unsafe { mem::zeroed() };
            response.id = call.id;
            match self.answer(place, &call.data, &mut answer) {
                Ok(number) => response.val = number,
                Err(None) => response.flags = libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32,
                Err(Some(errno)) => response.error = -errno,
            }
            place += 1;
            let request = libc::SECCOMP_IOCTL_NOTIF_SEND;
            // SAFETY: it is given the address of one.
            unsafe { libc::ioctl(self.listener.as_raw_fd(), request, &raw const response) };
        }
        Ok(self.calls)
    }

    /// Waits for the next call, or the process's end.
    fn is_called(&self, start: Instant) -> bool {
        let descriptors = [self.listener.as_fd(), self.channel.as_fd()];
        let mut polled = descriptors.map(|fd| libc::pollfd {
            fd: fd.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        });
        loop {
            let left = DEADLINE.saturating_sub(start.elapsed()).as_millis() as libc::c_int;
            // SAFETY: the address and the number are those of the descriptors.
            match unsafe { libc::poll(polled.as_mut_ptr(), 2, left) } {
                0 => {
                    kill(self.process.id);
                    panic!("it still runs after {DEADLINE:?}: {:?}", self.calls.last());
                }
                _ if polled[0].revents & libc::POLLIN != 0 => return true,
                _ if polled[1].revents != 0 => return false,
                // The process has ended, and its end is about to be told.
                _ => thread::yield_now(),
            }
        }
    }

    /// What becomes of a call: its result, or None if it goes on, or its errno.
    fn answer(
        &mut self,
        place: usize,
        data: &libc::seccomp_data,
        answer: &mut impl FnMut(&Call) -> Answer,
    ) -> Result<i64, Option<libc::c_int>> {
        let Some(place) = place.checked_sub(self.own) else { return Err(None) };
        let number = data.nr.into();
        let named = NUMBERS.iter().find(|&&(_, known)| known == number);
        let name = named.map_or("", |(name, _)| name);
        let file = self.file(name, data);
        let call = Call { name, number, arguments: data.args, file, place, process: &self.process };
        let given = answer(&call);
        let result = match given {
            Answer::GoOn => Err(None),
            Answer::Fail(errno) => Err(Some(errno)),
            Answer::Give(number) => Ok(number),
            Answer::Put(place, bytes, number) => {
                call.process.memory().write_all_at(&bytes, data.args[place]).unwrap();
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
        // (It is used when other files have been opened. The kernel gives the lowest number that is free.)
        if name == "signalfd4" && errno.is_none() {
            let descriptor = (0..).find(|descriptor| !self.files.contains_key(descriptor));
            self.files.insert(descriptor.unwrap(), TIMER.into());
        }
        // (The descriptor is one no more, whatever close says.)
        if name == "close" {
            self.files.remove(&data.args[0]);
        }
        self.calls.push(Answered { name, file: call.file, errno });
        result
    }

    /// What a call is about.
    fn file(&mut self, name: &str, data: &libc::seccomp_data) -> String {
        match name {
            "openat" | "lstat" | "readlinkat" | "renameat" | "unlinkat" => {
                #[cfg(target_arch = "x86_64")]
                let place = usize::from(libc::c_long::from(data.nr) != libc::SYS_lstat);
                #[cfg(not(target_arch = "x86_64"))]
                let place = 1;
                let file = self.process.string(data.args[place]);
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
            "close" | "flock" | "read" | "recvfrom" | "write" => {
                // Whether an open succeeds isn't known until what it gives is used.
                let descriptor = data.args[0];
                if let (false, Some(opened)) = (self.files.contains_key(&descriptor), &self.opened)
                {
                    self.files.insert(descriptor, opened.clone());
                    self.opened = None;
                }
                self.files.get(&descriptor).cloned().unwrap_or_default()
            }
            _ => String::new(),
        }
    }
}

impl Call<'_> {
    /// Does a read or a write in the place of the process, of no more than so many bytes.
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
            name => panic!("{name} transfers nothing"),
        };
        Ok(length as i64)
    }
}

/// The process that is supervised.
struct Process {
    id: libc::pid_t,
    /// pidfd_open(2)
    handle: OwnedFd,
    memory: OnceCell<File>,
}

impl Process {
    fn new(id: libc::pid_t) -> io::Result<Process> {
        // SAFETY: it takes numbers.
        let handle = descriptor(unsafe { libc::syscall(libc::SYS_pidfd_open, id, 0) })?;
        Ok(Process { id, handle, memory: OnceCell::new() })
    }

    /// Has one of its descriptors as well.
    fn descriptor(&self, number: u64) -> io::Result<OwnedFd> {
        let (call, handle) = (libc::SYS_pidfd_getfd, self.handle.as_raw_fd());
        // SAFETY: it takes numbers.
        descriptor(unsafe { libc::syscall(call, handle, number as RawFd, 0) })
    }

    /// What it has since exec. (Before, nothing asks for this.)
    fn memory(&self) -> &File {
        self.memory.get_or_init(|| {
            let file = format!("/proc/{}/mem", self.id);
            File::options().read(true).write(true).open(file).unwrap()
        })
    }

    /// The C string at this address.
    fn string(&self, address: u64) -> String {
        let mut string = [0; libc::PATH_MAX as usize];
        // (Behind it there may be no memory.)
        let length = self.memory().read_at(&mut string, address).unwrap();
        CStr::from_bytes_until_nul(&string[..length]).unwrap().to_string_lossy().into_owned()
    }
}

fn kill(process: libc::pid_t) {
    // SAFETY: it takes numbers.
    unsafe { libc::kill(process, libc::SIGKILL) };
}

/// The descriptor that a system call has made, unless it has failed.
fn descriptor(number: libc::c_long) -> io::Result<OwnedFd> {
    if number < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it is new, and nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(number as RawFd) })
}
