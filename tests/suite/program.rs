//! What the tests that run the program share.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// The program that cargo has built for this machine.
const NATIVE: &str = env!("CARGO_BIN_EXE_network-connections");

/// The file of the program under test: `$PROGRAM`, else the one that cargo has built.
pub fn program_file() -> PathBuf {
    env::var_os("PROGRAM").unwrap_or(NATIVE.into()).into()
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

/// Runs it to its end, which must be a success, and gives what it printed.
pub fn report(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    assert_eq!(String::from_utf8_lossy(&stderr), "");
    assert!(status.success(), "{status}");
    String::from_utf8(stdout).unwrap()
}

/// The numbers that it reports, by `GROUP.STATE`.
pub fn counts(command: &mut Command) -> BTreeMap<String, u64> {
    numbers(&report(command))
}

/// The numbers of a JSON report, by `GROUP.STATE`.
pub fn numbers(report: &str) -> BTreeMap<String, u64> {
    let mut numbers = BTreeMap::new();
    let mut group = "";
    for line in report.lines() {
        let Some((name, value)) = line.trim().split_once(": ") else { continue };
        let name = name.trim_matches('"');
        match value {
            "{" => group = name,
            _ => {
                let number = value.trim_end_matches(',').parse().unwrap();
                let before = numbers.insert(format!("{group}.{name}"), number);
                assert_eq!(before, None, "{group}.{name} stands twice in:\n{report}");
            }
        }
    }
    numbers
}

/// Those numbers of the basic groups that aren't zero, as `tcp4.LISTEN 3`, in alphabetical order.
pub fn nonzero(numbers: BTreeMap<String, u64>) -> Vec<String> {
    let is_basic = |key: &str| key[..key.find('.').unwrap()].ends_with(['4', '6']);
    let nonzero = numbers.into_iter().filter(|(key, number)| is_basic(key) && *number != 0);
    nonzero.map(|(key, number)| format!("{key} {number}")).collect()
}

pub const HEADER: &str = "  sl  local_address rem_address   st tx_queue rx_queue\n";

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

/// The message that the program prints for a failure on a table.
pub fn message(procfs: &Path, table: &str, what: &str) -> String {
    format!("network-connections: {}/net/{table}: {what}\n", procfs.display())
}

/// Tells that a test is skipped, and why: on standard error, past the harness, which shows nothing of
/// a test that passes.
pub fn skipped(test: &str, reason: &str) {
    let line = format!("test {test} is SKIPPED: {reason}\n");
    io::stderr().write_all(line.as_bytes()).unwrap();
}
