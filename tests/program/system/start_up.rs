//! The start of the process, before `main`.

use crate::harness::{NOBODY, before_exec, program, skipped};

#[test]
fn the_program_starts_as_a_set_user_id_program() {
    // If the real and the effective user differ, the start-up code of musl runs
    // other instructions, and a CPU may lack one of them.
    let set = || {
        const UNCHANGED: libc::uid_t = libc::uid_t::MAX;
        // SAFETY: setresuid takes no pointers.
        unsafe { libc::setresuid(NOBODY, UNCHANGED, UNCHANGED) }
    };
    let mut program = program();
    match before_exec(&mut program, set).output() {
        Ok(output) => assert!(output.status.success(), "{output:?}"),
        Err(error) => {
            skipped(test_name!(), &format!("setresuid: {error}"));
        }
    }
}
