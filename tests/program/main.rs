//! The program as its users run it.

#[path = "../oracles/mod.rs"]
#[allow(dead_code, reason = "each of the two test targets needs a part of the oracles")]
mod oracles;
#[path = "../samples/mod.rs"]
#[allow(dead_code, reason = "the library's tests need more of the samples")]
mod samples;

/// Returns the path of the test that it stands in, as `cargo test` prints it.
macro_rules! test_name {
    () => {{
        fn here() {}
        let path = std::any::type_name_of_val(&here).strip_suffix("::here").unwrap();
        path.trim_end_matches("::{{closure}}").split_once("::").unwrap().1
    }};
}

mod harness;

mod cli;
mod kernel;
mod output;
mod system;
