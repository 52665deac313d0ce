//! Where the text goes: to standard output, or into a file that is never seen half-written.

use network_connections::message::File;

use crate::errno::Errno;
use crate::system::{self, Open};

/// Puts a file with these contents in the place of another, or where there is none.
///
/// They are written to a file beside it first, which then takes its name: whoever reads it sees the old
/// contents or the new. Of a run that was killed the other file may be left; it is removed here. Runs in
/// the same directory do this one after the other.
///
/// # Errors
/// What there was before stays then, and nothing else. The file that the problem is with is this one, with
/// something behind its name if it is the other.
pub fn replace(name: &[u8], contents: &[u8]) -> Result<(), (&'static [u8], Errno)> {
    // Whoever looks for files with the ending of this one shouldn't find the other.
    let suffix: &[u8] = if name.ends_with(b".tmp") { b".new" } else { b".tmp" };
    let file = File { directory: name, path: b"" };
    let temporary = File { directory: name, path: suffix };

    match system::is_regular(&file) {
        Ok(true) | Err(Errno::MISSING) => {}
        Ok(false) => return Err((&b""[..], Errno::NOT_REGULAR)),
        Err(errno) => return Err((&b""[..], errno)),
    }
    // (A directory that may not be read can't be locked, and still be written.)
    let _lock = lock(name);
    let _ = system::unlink(&temporary);
    let new = Open::new_file(&temporary).map_err(|errno| (suffix, errno))?;
    let written = new.write(contents).and_then(|_| system::rename(&temporary, &file));
    if let Err(errno) = written {
        let _ = system::unlink(&temporary);
        return Err((suffix, errno));
    }
    Ok(())
}

/// Locks the directory of a file until what is given is dropped. Other runs have it locked for a moment. If
/// it is locked for a second, it is by something else (or a run that hangs), such as the shell command flock
/// that has started this one: then it isn't waited for any longer. Not every file system has locks.
fn lock(name: &[u8]) -> Result<Open, Errno> {
    let slash = name.iter().rposition(|&byte| byte == b'/');
    let directory = slash.and_then(|slash| name.get(..=slash)).unwrap_or(b"./");
    let directory = Open::file(&File { directory, path: b"" })?;
    for _ in 0..100 {
        if directory.lock() != Err(Errno::AGAIN) {
            break;
        }
        system::sleep();
    }
    Ok(directory)
}
