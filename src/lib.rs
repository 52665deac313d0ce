//! The inside of the program `network-connections`: bytes in, counts and text
//! out.
//!
//! The program in `src/bin/network-connections/` opens, reads and writes files
//! and sockets. This library makes no system call, allocates nothing and cannot
//! panic. The library is not a public API: its interface changes with the
//! program, and only the program, its tests and its fuzzer use the library.
//!
//! Data flows from [`cli`] through [`kernel`] and [`model`] to [`output`]:
//!
//! 1. [`cli`] parses the command line into a [request](cli::request): what to
//!    count, how to show the counts, and where to write the output.
//! 2. [`kernel`] parses the data of the kernel: a [table](kernel::table_reader)
//!    of [sockets](kernel::socket_row) or of [tracked
//!    connections](kernel::conntrack_row) in procfs, or a
//!    [dump](kernel::sock_diag) of sockets by sock_diag.
//! 3. [`model`] [filters](model::filter) the sockets or connections, and
//!    [counts](model::counts) them by the [schema](model::schema) of the
//!    report.
//! 4. [`output`] composes the counts in one of the [formats](output::formats),
//!    as the numbers of a [query](output::query), or as the line of a
//!    [check](output::check).
//! 5. After an error, [`cli`] composes a message: a [usage
//!    error](cli::usage_error) or a [failure](cli::failure).
//!
//! The folders [`text`] and [`bytes`] serve all other folders: `text` fills in
//! templates, and `bytes` has tools for byte strings.
//!
//! The folders are the floors of a house, from bottom to top: `bytes`, `text`,
//! `model`, `kernel` and `output`, `cli`. A module imports from its own folder
//! and from lower floors. `kernel` and `output` share a floor, and neither
//! imports the other.
//!
//! A new target needs no change in this library: `.cargo/config.toml` defines
//! the targets, and only [`bytes::swar`] has code for each byte order.
//!
//! The words that the code uses:
//!
//! - A *socket* is a TCP or UDP endpoint on this system. The word *connection*
//!   means only a connection that the kernel tracks with conntrack.
//! - A *table* is a file in procfs with a *row* for each socket or connection.
//! - A *group* is a part of the report, such as `tcp4`. A *column* is a state
//!   or a status, and every group has one number in each column. A *key* names
//!   one number of the report.

#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]
// The code contains no operation that could panic, so nobody has to prove that
// an operation never panics.
#![warn(clippy::indexing_slicing)]
#![warn(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod bytes;
pub mod text;
pub mod model;
pub mod kernel;
pub mod output;
pub mod cli;
