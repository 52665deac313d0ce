//! Checks the properties with the inputs that the fuzzer has kept, and with the
//! inputs that once made the library fail. Each test has the name of a fuzz
//! target.

use std::fs;
use std::path::Path;

use crate::properties;

/// Checks a property with each input of a fuzz target.
fn replay(target: &str, check: fn(&[u8])) {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let corpus = fuzz.join("corpus").join(target);
    let regressions = fuzz.join("regressions").join(target);
    let files = |directory: &Path| {
        let files =
            fs::read_dir(directory).unwrap_or_else(|it| panic!("cannot read {directory:?}: {it}"));
        files.map(|file| file.unwrap().path()).collect::<Vec<_>>()
    };
    let mut inputs = files(&corpus);
    assert!(!inputs.is_empty(), "expected inputs in {corpus:?}");
    // A target that never failed has no such directory.
    if regressions.exists() {
        inputs.extend(files(&regressions));
    }
    for input in inputs {
        // If the test fails, the last of these paths is the failing input.
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
