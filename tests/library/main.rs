//! The library against tables of cases and against naive oracles.

#[path = "../oracles/mod.rs"]
#[allow(dead_code, reason = "each of the two test targets needs a part of the oracles")]
mod oracles;
#[path = "../samples/mod.rs"]
mod samples;

mod corpus;
mod pieces;
mod properties;

mod cli;
mod kernel;
mod output;
mod text;
