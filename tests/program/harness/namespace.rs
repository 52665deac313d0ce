//! Tests that run in namespaces of their own.

use std::env;
use std::ffi::CStr;
use std::fmt;
use std::io::{self, Write};
use std::process::Command;

use super::{before_exec, lacking};

/// Returns whether this process runs in namespaces of its own. If not, the
/// function runs the test `test` again in such a process, and asserts that the
/// test passes there.
///
/// `kinds` are the `CLONE_NEW…` flags of the namespaces. A test without the
/// permission to create them is skipped, or fails on CI.
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
            // A run of no test at all is a success, too.
            let has_passed =
                output.status.success() && stdout.contains("test result: ok. 1 passed;");
            assert!(has_passed, "expected {test} to pass in its namespace: {stdout}{stderr}");
            // Standard error may say that the test was skipped.
            io::stderr().write_all(stderr.as_bytes()).unwrap();
        }
        Err(error) => no_namespace(test, &error),
    }
    false
}

/// Reports that a test is skipped because the kernel refused the namespaces.
pub fn no_namespace(test: &str, error: &io::Error) {
    lacking(test, &format!("no namespace: {error}"));
}

/// Moves this process to new namespaces of these kinds. Without the permission
/// to create them, the process first becomes root in a new user namespace.
///
/// The user namespace maps root before the process creates the other
/// namespaces: the kernel sets the owner of the tables of conntrack when it
/// creates a network namespace, and never changes the owner.
///
/// The function allocates nothing, because it runs between fork and exec.
pub fn unshare(kinds: libc::c_int) -> libc::c_int {
    // SAFETY: unshare has no preconditions.
    let unshare = |flags| unsafe { libc::unshare(flags) };
    // SAFETY: getuid has no preconditions.
    let user = unsafe { libc::getuid() };
    // SAFETY: getgid has no preconditions.
    let group = unsafe { libc::getgid() };
    if unshare(kinds) == 0 {
        return 0;
    }
    if unshare(libc::CLONE_NEWUSER) != 0 {
        return -1;
    }
    let mut buffer = [0; 32];
    let mut write = |file: &CStr, text: fmt::Arguments| {
        let mut map = io::Cursor::new(&mut buffer[..]);
        let _ = map.write_fmt(text);
        let length = map.position() as usize;
        // SAFETY: `file` is a C string.
        let file = unsafe { libc::open(file.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC) };
        // SAFETY: the buffer has at least `length` bytes.
        unsafe { libc::write(file, map.get_ref().as_ptr().cast(), length) as libc::c_int }
    };
    // Without privilege, a process has to disable setgroups before it writes
    // its gid_map: user_namespaces(7).
    write(c"/proc/self/setgroups", format_args!("deny"))
        .min(write(c"/proc/self/gid_map", format_args!("0 {group} 1")))
        .min(write(c"/proc/self/uid_map", format_args!("0 {user} 1")))
        .min(unshare(kinds))
}
