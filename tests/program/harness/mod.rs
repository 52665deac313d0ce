//! What the tests that run the program share.

pub mod hostile;
pub mod manual_page;
pub mod netlink;
pub mod seccomp;
pub mod supervisor;

use std::collections::BTreeMap;
use std::env;
use std::ffi::{CStr, CString, OsStr};
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{self, Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tempfile::TempDir;

use crate::samples::report::numbers;
use crate::samples::socket_table::{HEADER, STATES};

/// The program that cargo has built for this machine.
const NATIVE: &str = env!("CARGO_BIN_EXE_network-connections");

/// The file of the program under test: `$PROGRAM`, else the one that cargo has built.
pub fn program_file() -> PathBuf {
    // (A test may run it in another directory.)
    path::absolute(env::var_os("PROGRAM").unwrap_or(NATIVE.into())).unwrap()
}

/// The program under test, behind the words of `$RUNNER`: for one of another architecture, what runs it,
/// such as `qemu-mips -cpu 4Kc`.
pub fn program() -> Command {
    let runner = env::var("RUNNER").unwrap_or_default();
    let runner = runner.split_whitespace().map(PathBuf::from);
    let mut words = runner.chain([program_file()]);
    let mut command = command(words.next().unwrap());
    command.args(words);
    command
}

/// The program, with nothing in its environment that it would take for collectd's.
pub fn plain_program() -> Command {
    let mut program = program();
    program.env_remove("COLLECTD_HOSTNAME").env_remove("COLLECTD_INTERVAL");
    program
}

/// The program that cargo has built for this machine: what one of another architecture must agree with.
pub fn native() -> Command {
    command(NATIVE)
}

fn command(file: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(file);
    command.stdin(Stdio::null());
    // One that hangs is killed, so that its test fails.
    // SAFETY: alarm has no preconditions.
    before_exec(&mut command, || unsafe { libc::alarm(60) } as libc::c_int);
    command
}

/// Whether the program is one of another architecture, which QEMU runs.
pub fn is_emulated() -> bool {
    env::var("RUNNER").is_ok_and(|runner| runner.starts_with("qemu"))
}

/// The options by which the program gets at the sockets in different ways. All must give the same. Those that
/// can't be had are skipped.
pub fn sources(test: &str) -> Vec<&'static [&'static str]> {
    let mut sources: Vec<&[&str]> =
        vec![&[], &["--source=proc"], &["--source=auto"], &["--source=netlink"]];
    if is_emulated() {
        let test = format!("{test} with {:?}", sources.pop().unwrap());
        skipped(&test, "QEMU refuses sockets of this kind");
    }
    sources
}

/// Whether a file is a program that the dynamic loader loads: it holds the loader's name.
pub fn is_dynamic(program: &Path) -> bool {
    fs::read(program).unwrap().windows(5).any(|bytes| bytes == b"/ld-l" || bytes == b"/ld-m")
}

/// Has a child make a system call before it becomes the program. The call's result is that of the C
/// library's function: below 0 where it failed.
pub fn before_exec(
    command: &mut Command,
    call: impl Fn() -> libc::c_int + Send + Sync + 'static,
) -> &mut Command {
    let call = move || match call() {
        0.. => Ok(()),
        _ => Err(io::Error::last_os_error()),
    };
    // SAFETY: the closures here make system calls, and neither allocate nor take locks.
    unsafe { command.pre_exec(call) }
}

/// Has a program start with a limit on what it uses.
pub fn limit(program: &mut Command, resource: i32, most: libc::rlim_t) {
    let limit = libc::rlimit { rlim_cur: most, rlim_max: most };
    // SAFETY: it is given the address of a limit.
    before_exec(program, move || unsafe { libc::setrlimit(resource as _, &limit) });
}

/// Has a child obey the permissions of files, although it is root's.
pub fn without_privilege(command: &mut Command) {
    const DAC_OVERRIDE: libc::c_ulong = 1;
    const DAC_READ_SEARCH: libc::c_ulong = 2;
    for capability in [DAC_OVERRIDE, DAC_READ_SEARCH] {
        before_exec(command, move || {
            // SAFETY: it takes numbers. The program starts without the capability.
            match unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability) } {
                // Whoever may not drop it doesn't have it.
                -1 if io::Error::last_os_error().raw_os_error() == Some(libc::EPERM) => 0,
                result => result,
            }
        });
    }
}

/// The user that is nobody, and its group.
pub const NOBODY: libc::uid_t = 65534;

/// Has a child become another user, with its group and no other.
pub fn become_user(command: &mut Command, user: libc::uid_t) -> &mut Command {
    before_exec(command, move || {
        // SAFETY: it is given no groups.
        let groups = unsafe { libc::setgroups(0, ptr::null()) };
        // SAFETY: it takes numbers.
        let group = unsafe { libc::setresgid(user, user, user) };
        // SAFETY: it takes numbers.
        let user = unsafe { libc::setresuid(user, user, user) };
        groups.min(group).min(user)
    })
}

/// Runs the test of this name again, in a process that is alone in new namespaces of these kinds, and
/// gives whether this is that process. Where none can be made the test is skipped, which standard
/// error tells; but not on CI.
pub fn in_namespace(test: &str, kinds: libc::c_int) -> bool {
    const INSIDE: &str = "TEST_IS_IN_NAMESPACE";
    if env::var_os(INSIDE).is_some() {
        return true;
    }
    let mut command = Command::new(env::current_exe().unwrap());
    command.args([test, "--exact", "--nocapture"]).env(INSIDE, "yes");
    match before_exec(&mut command, move || unshare(kinds)).output() {
        Ok(output) => {
            let [stdout, stderr] =
                [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
            // (None would be a success, too.)
            let has_passed =
                output.status.success() && stdout.contains("test result: ok. 1 passed;");
            assert!(has_passed, "{test} in its namespace: {stdout}{stderr}");
            // It may tell that it is skipped there.
            io::stderr().write_all(stderr.as_bytes()).unwrap();
        }
        Err(error) => no_namespace(test, &error),
    }
    false
}

/// Tells that a test is skipped because no namespace can be made.
pub fn no_namespace(test: &str, error: &io::Error) {
    lacking(test, &format!("no namespace: {error}"));
}

/// Tells that a test is skipped for a reason that there must not be on CI.
pub fn lacking(test: &str, reason: &str) {
    assert!(env::var_os("CI").is_none(), "{test} on CI: {reason}");
    skipped(test, reason);
}

/// Moves this process to new namespaces of these kinds: as root, or as anybody by being root in a new
/// user namespace. That has to know its root when the others are made: whose the tables of conntrack are
/// isn't changed later. Nothing is allocated, because it is called between fork and exec.
pub fn unshare(kinds: libc::c_int) -> libc::c_int {
    // SAFETY: it has no preconditions.
    let unshare = |flags| unsafe { libc::unshare(flags) };
    // SAFETY: it has no preconditions.
    let user = unsafe { libc::getuid() };
    // SAFETY: it has no preconditions.
    let group = unsafe { libc::getgid() };
    if unshare(kinds) == 0 {
        return 0;
    }
    if unshare(libc::CLONE_NEWUSER) != 0 {
        return -1;
    }
    let mut map = [0; 32];
    let mut write = |file: &CStr, text: fmt::Arguments| {
        let mut map = io::Cursor::new(&mut map[..]);
        let _ = map.write_fmt(text);
        let length = map.position() as usize;
        // SAFETY: it is given a C string. (Exec closes the descriptor.)
        let file = unsafe { libc::open(file.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC) };
        // SAFETY: the length is within the buffer.
        unsafe { libc::write(file, map.get_ref().as_ptr().cast(), length) as libc::c_int }
    };
    // (The kernel lets nobody have another group who could leave one.)
    write(c"/proc/self/setgroups", format_args!("deny"))
        .min(write(c"/proc/self/gid_map", format_args!("0 {group} 1")))
        .min(write(c"/proc/self/uid_map", format_args!("0 {user} 1")))
        .min(unshare(kinds))
}

/// Runs it to its end, which must be a success, and gives what it printed.
pub fn report(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    assert_eq!(String::from_utf8_lossy(&stderr), "");
    assert!(status.success(), "{status}");
    String::from_utf8(stdout).unwrap()
}

/// Runs the program; it must exit with this status and message, and print nothing else.
pub fn fails(command: &mut Command, status: i32, message: &str) {
    failed(command.output().unwrap(), status, message, &format!("{command:?}"));
}

/// The same of what is left of a run.
pub fn failed(output: Output, status: i32, message: &str, what: &str) {
    assert_eq!(String::from_utf8_lossy(&output.stderr), message, "{what}");
    assert_eq!(output.status.code(), Some(status), "{what}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "", "{what}");
}

/// Runs the program, for which its command line must make no sense, and gives what it says of that.
pub fn refusal(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    assert_eq!(status.code(), Some(2), "{command:?}");
    assert_eq!(String::from_utf8_lossy(&stdout), "", "{command:?}");
    let message = String::from_utf8(stderr).unwrap();
    let what = message.strip_prefix("network-connections: ").unwrap_or_else(|| panic!("{message}"));
    let what = what.strip_suffix("; see 'network-connections --help'\n");
    let what = what.unwrap_or_else(|| panic!("{message}"));
    assert!(!what.contains('\n'), "{message}");
    what.to_string()
}

/// The numbers that it reports, by `GROUP.STATE`.
pub fn counts(command: &mut Command) -> BTreeMap<String, u64> {
    numbers(&report(command))
}

/// Those numbers of the basic groups that aren't zero, as `tcp4.LISTEN 3`, in alphabetical order.
pub fn nonzero(numbers: BTreeMap<String, u64>) -> Vec<String> {
    let is_basic = |key: &str| key[..key.find('.').unwrap()].ends_with(['4', '6']);
    let nonzero = numbers.into_iter().filter(|(key, number)| is_basic(key) && *number != 0);
    nonzero.map(|(key, number)| format!("{key} {number}")).collect()
}

/// A procfs directory of our own, with these tables under `net/` (and a `tcp` and `udp` without
/// sockets, unless they are among them).
pub fn procfs(tables: &[(&str, &str)]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let net = directory.path().join("net");
    fs::create_dir(&net).unwrap();
    for (name, content) in [("tcp", HEADER), ("udp", HEADER)].iter().chain(tables) {
        fs::write(net.join(name), content).unwrap();
    }
    directory
}

pub const TABLES: [&str; 4] = ["tcp", "tcp6", "udp", "udp6"];

/// The groups that these tables are counted in.
pub const GROUPS: [&str; 4] = ["tcp4", "tcp6", "udp4", "udp6"];

/// A procfs directory with so many connections of each table (by its place above) in each state.
pub fn procfs_of(connections: impl Fn(usize, usize) -> usize) -> TempDir {
    let tables = [0, 1, 2, 3].map(|table| {
        let address = if table % 2 == 0 { "0100007F" } else { "00000000000000000000000001000000" };
        let rows = STATES.iter().enumerate().map(|(state, (_, number))| {
            let row = format!("   0: {address}:1F90 {address}:C001 {number} 00000000:00000000\n");
            row.repeat(connections(table, state))
        });
        HEADER.to_string() + &rows.collect::<String>()
    });
    procfs(&[0, 1, 2, 3].map(|table| (TABLES[table], tables[table].as_str())))
}

/// How many connections [`numbered`] has: another number everywhere, from 0 to 47.
pub fn number(table: usize, state: usize) -> usize {
    table * STATES.len() + state
}

pub fn numbered() -> TempDir {
    procfs_of(number)
}

/// The message that the program prints for a failure on a table.
pub fn message(procfs: &Path, table: &str, what: &str) -> String {
    format!("network-connections: {}/net/{table}: {what}\n", procfs.display())
}

/// Makes a FIFO.
pub fn mkfifo(path: &Path) -> io::Result<()> {
    let name = CString::new(path.as_os_str().as_bytes()).unwrap();
    // SAFETY: the name is a C string.
    match unsafe { libc::mkfifo(name.as_ptr(), 0o644) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// The ends of a pipe to read from and to write to, which no child inherits by itself.
pub fn pipe(flags: libc::c_int) -> [OwnedFd; 2] {
    let mut ends = [0; 2];
    // SAFETY: pipe2 writes two descriptors.
    assert_eq!(unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC | flags) }, 0);
    // SAFETY: it made this descriptor, and nothing else owns it.
    ends.map(|end| unsafe { OwnedFd::from_raw_fd(end) })
}

/// Has other processes that want to lock a file wait until this one is closed.
pub fn lock(file: &File) {
    // SAFETY: it takes numbers.
    assert_eq!(unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX) }, 0);
}

/// Does this with all of these. Runs of the program wait more than they compute.
pub fn in_parallel<T: Sync>(all: &[T], task: impl Fn(&T) + Sync) {
    const THREADS: usize = 8;
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some(one) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    task(one);
                }
            });
        }
    });
}

/// Tells that a test is skipped, and why: on standard error, past the harness, which shows nothing of
/// a test that passes.
pub fn skipped(test: &str, reason: &str) {
    let line = format!("test {test} is SKIPPED: {reason}\n");
    io::stderr().write_all(line.as_bytes()).unwrap();
}
