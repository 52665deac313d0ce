//! Tests that can not run on this machine.

use std::env;
use std::io::{self, Write};

/// Reports on standard error that a test is skipped, and why. The function
/// bypasses the capture of `cargo test`, which shows no output of a test that
/// passes.
pub fn skipped(test: &str, reason: &str) {
    let line = format!("test {test} is SKIPPED: {reason}\n");
    io::stderr().write_all(line.as_bytes()).unwrap();
}

/// Reports that a test is skipped, or fails on CI, where every test must run.
pub fn lacking(test: &str, reason: &str) {
    assert!(env::var_os("CI").is_none(), "expected CI to be able to run {test}: {reason}");
    skipped(test, reason);
}
