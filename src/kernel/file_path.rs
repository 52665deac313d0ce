//! Paths in two parts.

/// A path in two parts. The system calls and the messages join both parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilePath<'a> {
    /// A directory, or the path of a file.
    pub directory: &'a [u8],
    /// The bytes after `directory`: a path that begins with a slash, a suffix,
    /// or nothing.
    pub name: &'static [u8],
}
