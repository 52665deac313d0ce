//! The counts as text.

pub mod format;
pub mod formats;
pub mod query;
pub mod check;
pub mod temporary_name;
