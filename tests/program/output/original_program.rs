//! The report in the format of the original program, a Python script that this
//! program replaces.

use crate::harness::{TABLES, procfs_of, program, report};
use crate::samples::socket_table::STATES;

#[test]
fn the_report_equals_the_sample_of_the_original_program() {
    // The counts of the sample in the documentation of the script.
    let procfs = procfs_of(|table, state| match (TABLES[table], STATES[state].0) {
        ("tcp", "ESTABLISHED") => 7,
        ("tcp", "TIME_WAIT") => 1973,
        ("tcp", "SYN_SENT") => 15,
        ("tcp6", "TIME_WAIT") => 80,
        ("tcp6", "ESTABLISHED") => 91,
        _ => 0,
    });
    assert_eq!(
        report(program().arg(procfs.path())),
        include_str!("../../fixtures/original-output.json")
    );
}
