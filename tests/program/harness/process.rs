//! Settings of a child process, made between fork and exec.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::ptr;

/// Makes the child of a command call `call` before exec. `call` returns what a
/// function of the C library does: a negative number after a failure, with the
/// reason in `errno`.
///
/// `call` must neither allocate nor take a lock.
pub fn before_exec(
    command: &mut Command,
    call: impl Fn() -> libc::c_int + Send + Sync + 'static,
) -> &mut Command {
    let call = move || match call() {
        0.. => Ok(()),
        _ => Err(io::Error::last_os_error()),
    };
    // SAFETY: every `call` of these tests makes system calls, and neither
    // allocates nor takes a lock, so `call` may run after a fork.
    unsafe { command.pre_exec(call) }
}

/// Sets a resource limit of a program.
pub fn limit(program: &mut Command, resource: i32, most: libc::rlim_t) {
    let limit = libc::rlimit { rlim_cur: most, rlim_max: most };
    // SAFETY: `limit` is an initialised rlimit.
    before_exec(program, move || unsafe { libc::setrlimit(resource as _, &limit) });
}

/// Makes a program obey the permissions of files, even if root runs the
/// program.
pub fn without_privilege(command: &mut Command) {
    const DAC_OVERRIDE: libc::c_ulong = 1;
    const DAC_READ_SEARCH: libc::c_ulong = 2;
    for capability in [DAC_OVERRIDE, DAC_READ_SEARCH] {
        before_exec(command, move || {
            // The program starts without a capability that the bounding set
            // lacks.
            // SAFETY: the two arguments are numbers, as PR_CAPBSET_DROP
            // requires.
            match unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability) } {
                // A process that may not drop a capability does not have the
                // capability.
                -1 if io::Error::last_os_error().raw_os_error() == Some(libc::EPERM) => 0,
                result => result,
            }
        });
    }
}

/// The number of the user `nobody` and of the group of `nobody`.
pub const NOBODY: libc::uid_t = 65534;

/// Makes a child another user, whose only group has the number of the user.
pub fn become_user(command: &mut Command, user: libc::uid_t) -> &mut Command {
    before_exec(command, move || {
        // SAFETY: the list has no elements, so setgroups reads no memory.
        let groups = unsafe { libc::setgroups(0, ptr::null()) };
        // SAFETY: setresgid has no preconditions.
        let group = unsafe { libc::setresgid(user, user, user) };
        // SAFETY: setresuid has no preconditions.
        let user = unsafe { libc::setresuid(user, user, user) };
        groups.min(group).min(user)
    })
}
