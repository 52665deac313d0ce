//! The checks that the fuzz targets run, which are those of the tests, and the oracles that they need.

#[path = "../../tests/oracles/mod.rs"]
pub mod oracles;
#[path = "../../tests/library/pieces.rs"]
pub mod pieces;
#[path = "../../tests/library/properties.rs"]
pub mod properties;
