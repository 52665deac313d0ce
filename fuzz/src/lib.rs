//! The properties that the fuzz targets check. The tests of the library check
//! the same properties.

#[path = "../../tests/library/harness.rs"]
pub mod harness;
#[path = "../../tests/oracles/mod.rs"]
pub mod oracles;
#[path = "../../tests/library/properties.rs"]
pub mod properties;
