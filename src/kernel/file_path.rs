//! Paths in two parts.

/// A path in two parts, which the system calls and the messages join.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilePath<'a> {
    /// A directory, or the path of a file.
    pub directory: &'a [u8],
    /// What follows it: a path that begins with a slash, a suffix, or nothing.
    pub name: &'static [u8],
}
