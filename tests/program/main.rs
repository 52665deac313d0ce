//! Tests that run the program, as its users do.

#[path = "../oracles/mod.rs"]
#[allow(dead_code, reason = "this target uses only some of the oracles")]
mod oracles;
#[path = "../samples/mod.rs"]
#[allow(dead_code, reason = "this target uses only some of the samples")]
mod samples;

/// Returns the path of the enclosing test, as `cargo test` prints the path.
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
