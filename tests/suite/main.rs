//! The whole test suite: the library's modules against tables of cases and a naive oracle, and the
//! program as its users run it.

mod allowed;
mod bounds;
mod check;
mod check_oracle;
mod cli;
mod conntrack;
mod conntrack_oracle;
mod conntrack_program;
mod conntrack_report;
mod corpus;
mod diag;
mod diag_oracle;
mod failures;
mod filter;
mod fixtures;
mod formats;
mod forwarded;
mod fuzzed;
mod hostile;
mod interval;
mod manual;
mod netlink;
mod options;
mod options_oracle;
mod oracle;
mod output;

mod ports;
mod privilege;
mod program;
mod read;
mod report;
mod rows;
mod states;
mod supervisor;
mod tables;
mod template;
