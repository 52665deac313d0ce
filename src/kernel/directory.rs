//! The entries of a directory, in the format of getdents64(2).

use core::mem::offset_of;

use libc::dirent64;

use crate::bytes::split::split_once;

/// The names in a list of directory entries. The iterator ends at the first
/// malformed entry.
#[derive(Clone, Debug)]
pub struct EntryNames<'a> {
    /// The entries that the iterator has not returned yet, each a
    /// `struct linux_dirent64`.
    pub entries: &'a [u8],
}

impl<'a> Iterator for EntryNames<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let length = self.entries.get(offset_of!(dirent64, d_reclen)..)?.first_chunk()?;
        let length = usize::from(u16::from_ne_bytes(*length));
        let (entry, rest) = self.entries.split_at_checked(length)?;
        let name = entry.get(offset_of!(dirent64, d_name)..)?;
        self.entries = rest;
        // A null byte ends the name.
        Some(split_once(name, 0).0)
    }
}
