//! The exit status and the output of a run.

use std::collections::BTreeMap;
use std::process::{Command, Output};

use crate::samples::report::numbers;

/// Runs a command, asserts that the command succeeds, and returns its output.
pub fn report(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    assert_eq!(String::from_utf8_lossy(&stderr), "");
    assert!(status.success(), "expected success: {status}");
    String::from_utf8(stdout).unwrap()
}

/// Runs the program, and asserts that the program exits with this status, and
/// prints only this message, to standard error.
pub fn fails(command: &mut Command, status: i32, message: &str) {
    failed(command.output().unwrap(), status, message, &format!("{command:?}"));
}

/// Asserts that a run ended with this status, and printed only this message, to
/// standard error. `run` describes the run if the assertion fails.
pub fn failed(output: Output, status: i32, message: &str, run: &str) {
    assert_eq!(String::from_utf8_lossy(&output.stderr), message, "{run}");
    assert_eq!(output.status.code(), Some(status), "{run}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "", "{run}");
}

/// Runs the program with an invalid command line, asserts that the program
/// prints a usage error, and returns the reason in the message.
pub fn refusal(command: &mut Command) -> String {
    const START: &str = "network-connections: ";
    const END: &str = "; see 'network-connections --help'\n";
    let Output { status, stdout, stderr } = command.output().unwrap();
    assert_eq!(status.code(), Some(2), "{command:?}");
    assert_eq!(String::from_utf8_lossy(&stdout), "", "{command:?}");
    let message = String::from_utf8(stderr).unwrap();
    let reason = message.strip_prefix(START).and_then(|message| message.strip_suffix(END));
    let reason = reason.unwrap_or_else(|| panic!("expected '{START}…{END}': {message}"));
    assert!(!reason.contains('\n'), "expected one line: {message}");
    reason.to_string()
}

/// Runs a command that prints the counts in JSON, and returns the counts by
/// `GROUP.STATE`.
pub fn counts(command: &mut Command) -> BTreeMap<String, u64> {
    numbers(&report(command))
}

/// Returns the counts that are not zero, such as `tcp4.LISTEN 3`, in
/// alphabetical order. The result excludes the groups that are sums, such as
/// `tcp` and `all`.
pub fn nonzero(counts: BTreeMap<String, u64>) -> Vec<String> {
    let is_sum = |key: &str| !key[..key.find('.').unwrap()].ends_with(['4', '6']);
    let nonzero = counts.into_iter().filter(|(key, count)| !is_sum(key) && *count != 0);
    nonzero.map(|(key, count)| format!("{key} {count}")).collect()
}
