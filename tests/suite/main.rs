//! The whole test suite: the library's modules against tables of cases and a naive oracle.

mod options;
mod oracle;
mod program;
mod report;
mod rows;
