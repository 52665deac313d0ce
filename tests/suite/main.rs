//! The whole test suite: the library's modules against tables of cases and a naive oracle.

mod oracle;
mod rows;
