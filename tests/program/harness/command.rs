//! Commands that run the program.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{self, Path, PathBuf};
use std::process::{Command, Stdio};

use super::{before_exec, skipped};

/// The program that cargo has built for this machine.
const NATIVE: &str = env!("CARGO_BIN_EXE_network-connections");

/// Returns the file of the program under test: `$PROGRAM`, or by default the
/// program that cargo has built.
pub fn program_file() -> PathBuf {
    // The path is absolute, because a test may run the program in another
    // directory.
    path::absolute(env::var_os("PROGRAM").unwrap_or(NATIVE.into())).unwrap()
}

/// Returns a command that runs the program under test. For a program of another
/// architecture, `$RUNNER` has the words that precede the program, such as
/// `qemu-mips -cpu 4Kc`.
pub fn program() -> Command {
    let runner = env::var("RUNNER").unwrap_or_default();
    let runner = runner.split_whitespace().map(PathBuf::from);
    let mut words = runner.chain([program_file()]);
    let mut command = command(words.next().unwrap());
    command.args(words);
    command
}

/// Returns a command that runs the program without the environment variables of
/// collectd.
pub fn plain_program() -> Command {
    let mut program = program();
    program.env_remove("COLLECTD_HOSTNAME").env_remove("COLLECTD_INTERVAL");
    program
}

/// Returns a command that runs the program that cargo has built for this
/// machine. A program of another architecture must agree with this one.
pub fn native() -> Command {
    command(NATIVE)
}

fn command(file: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(file);
    command.stdin(Stdio::null());
    // The alarm kills a program that hangs, so that the test fails.
    // SAFETY: alarm has no preconditions.
    before_exec(&mut command, || unsafe { libc::alarm(60) } as libc::c_int);
    command
}

/// Returns whether QEMU runs the program, which is then of another
/// architecture.
pub fn is_emulated() -> bool {
    env::var("RUNNER").is_ok_and(|runner| runner.starts_with("qemu"))
}

/// Returns the options for every source of sockets. The program must report the
/// same counts with each of them. The function skips the sources that this
/// machine does not support.
pub fn sources(test: &str) -> Vec<&'static [&'static str]> {
    let mut sources: Vec<&[&str]> =
        vec![&[], &["--source=proc"], &["--source=auto"], &["--source=netlink"]];
    if is_emulated() {
        let test = format!("{test} with {:?}", sources.pop().unwrap());
        skipped(&test, "QEMU refuses sockets of this kind");
    }
    sources
}

/// Returns whether the dynamic loader loads a program. The file of such a
/// program contains the name of the loader: `/ld-linux…` or `/ld-musl…`.
pub fn is_dynamic(program: &Path) -> bool {
    fs::read(program).unwrap().windows(5).any(|bytes| bytes == b"/ld-l" || bytes == b"/ld-m")
}
