//! Compares the library with tables of cases and with naive oracles.

#[path = "../oracles/mod.rs"]
#[allow(dead_code, reason = "each of the two test targets needs a part of the oracles")]
mod oracles;
#[path = "../samples/mod.rs"]
mod samples;

mod corpus;
mod harness;
mod properties;
mod sample_counts;

mod bytes;
mod cli;
mod kernel;
mod model;
mod output;
mod text;
