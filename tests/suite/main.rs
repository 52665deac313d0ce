//! The whole test suite: the library's modules against tables of cases and a naive oracle, and the
//! program as its users run it.

mod cli;
mod fixtures;
mod live;
mod options;
mod oracle;
mod program;
mod report;
mod rows;
