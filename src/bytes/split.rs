//! Functions that split a text at a separator.

/// Returns the bytes before the first separator and the bytes after the first
/// separator. If `text` has no separator, returns all of `text` and `None`.
pub const fn split_once(text: &[u8], separator: u8) -> (&[u8], Option<&[u8]>) {
    let mut index = 0;
    while index < text.len() {
        let (before, rest) = text.split_at(index);
        match rest {
            [byte, after @ ..] if *byte == separator => return (before, Some(after)),
            _ => index += 1,
        }
    }
    (text, None)
}

/// Splits a path into the path of the directory and the name of the file.
pub fn split_path(path: &[u8]) -> (&[u8], &[u8]) {
    let slash = path.iter().rposition(|&byte| byte == b'/');
    let split = slash.and_then(|slash| path.split_at_checked(slash + 1));
    match split.unwrap_or((b".", path)) {
        // A path that ends in a slash names a directory.
        (directory, b"") => (directory, b"."),
        split => split,
    }
}

/// Returns the field with this index, or an empty field if the index is past
/// the last field. The first field has the index 0.
pub const fn nth_field(text: &[u8], separator: u8, index: usize) -> &[u8] {
    let mut rest = text;
    let mut skipped = 0;
    while skipped < index {
        rest = match split_once(rest, separator) {
            (_, Some(after)) => after,
            (_, None) => b"",
        };
        skipped += 1;
    }
    split_once(rest, separator).0
}
