//! What the targets run: the checks of the tests, and the oracles that these need.

#[path = "../../tests/suite/check_oracle.rs"]
pub mod check_oracle;
#[path = "../../tests/suite/conntrack_oracle.rs"]
pub mod conntrack_oracle;
#[path = "../../tests/suite/diag_oracle.rs"]
pub mod diag_oracle;
#[path = "../../tests/suite/fuzzed.rs"]
pub mod fuzzed;
#[path = "../../tests/suite/options_oracle.rs"]
pub mod options_oracle;
#[path = "../../tests/suite/oracle.rs"]
pub mod oracle;
#[path = "../../tests/suite/read.rs"]
pub mod read;
