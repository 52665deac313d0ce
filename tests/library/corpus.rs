//! What the fuzzer has found: the inputs that it has kept, and those by which the library once failed.

use std::fs;
use std::path::Path;

use crate::properties;

/// Runs a check on each of a target's inputs.
fn replay(target: &str, check: fn(&[u8])) {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let corpus = fuzz.join("corpus").join(target);
    let regressions = fuzz.join("regressions").join(target);
    let files = |directory: &Path| {
        let files = fs::read_dir(directory).unwrap_or_else(|it| panic!("{directory:?}: {it}"));
        files.map(|file| file.unwrap().path()).collect::<Vec<_>>()
    };
    let mut inputs = files(&corpus);
    assert!(!inputs.is_empty(), "{corpus:?} is empty");
    // Where there was none yet, there is no directory.
    if regressions.exists() {
        inputs.extend(files(&regressions));
    }
    for input in inputs {
        // A test that fails shows this: the last one is the input by which it does.
        println!("{}", input.display());
        check(&fs::read(input).unwrap());
    }
}

#[test]
fn rows() {
    replay("rows", properties::rows);
}

#[test]
fn conntrack() {
    replay("conntrack", properties::conntrack);
}

#[test]
fn diag() {
    replay("diag", properties::diag);
}

#[test]
fn options() {
    replay("options", properties::options);
}

#[test]
fn ranges() {
    replay("ranges", properties::ranges);
}
