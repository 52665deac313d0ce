//! Paths in two parts.

/// A path in two parts. The system calls and the messages join both parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilePath<'a> {
    /// A directory, or the path of a file.
    pub directory: &'a [u8],
    /// The bytes after `directory`: a suffix, a path that begins with a slash,
    /// or no bytes.
    pub name: &'static [u8],
}
