//! The inside of the program `network-connections`: bytes in, counts and text
//! out.
//!
//! The program around it (`src/bin/network-connections/`) opens, reads and
//! writes. This library makes no system call, allocates nothing and cannot
//! panic. It is no API: it changes with the program, and only the program, its
//! tests and its fuzzer use it.
//!
//! Data flows from [`cli`] through [`kernel`] to [`model`] and from there to
//! [`output`]:
//!
//! 1. [`cli`] parses the command line into a [request](cli::request): what to
//!    count, how to show it, and where.
//! 2. [`kernel`] parses what the kernel hands out: a
//!    [table](kernel::table_reader) of [sockets](kernel::socket_row) or of
//!    [tracked connections](kernel::conntrack_row) in procfs, or a
//!    [dump](kernel::sock_diag) by netlink.
//! 3. [`model`] [filters](model::filter) these and [counts](model::counts) them
//!    by the [schema](model::schema) of the report.
//! 4. [`output`] composes the counts in one of the [formats](output::formats),
//!    as the numbers of a [query](output::query), or as the line of a
//!    [check](output::check).
//! 5. [`cli`] composes an error message instead: a [usage
//!    error](cli::usage_error) or a [failure](cli::failure).
//!
//! Beneath them are [`text`], which fills in templates, and [`bytes`], which
//! knows nothing of connections. The folders are floors, from bottom to top:
//! `bytes`, `text`, `model`, `kernel` and `output`, `cli`. A module imports
//! from its own folder and from lower floors. `kernel` and `output` share a
//! floor, and neither imports the other.
//!
//! A target needs no line here: `.cargo/config.toml` defines the targets, and
//! only [`bytes::swar`] asks for the byte order.
//!
//! The words that the code uses:
//!
//! - A *socket* is an end of a connection on this system. A *connection* is one
//!   that the kernel tracks.
//! - A *table* is a file in procfs with a *row* for each socket or connection.
//! - A *group* is a part of the report, such as `tcp4`. A *column* is a state
//!   or a status, and every group has a number in each. A *key* names one
//!   number.

#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]
// What could panic is not written, so that nobody has to prove that it does
// not.
#![warn(clippy::indexing_slicing)]
#![warn(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod bytes;
pub mod text;
pub mod model;
pub mod kernel;
pub mod output;
pub mod cli;
