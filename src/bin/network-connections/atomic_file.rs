//! A file that the program replaces, and that no reader sees incomplete.

use network_connections::cli::failure::{Failure, Reason, Resource, Suffix};
use network_connections::kernel::errno::Errno;
use network_connections::kernel::file_path::FilePath;
use network_connections::text::buffer::TextBuffer;

use crate::system::{self, Fd};

/// Replaces or creates the file at `path`. The new file holds `text`.
///
/// The function writes a temporary file in the same directory, and renames the
/// temporary file after the last byte. So a reader sees the old contents or the
/// new contents. The function also removes a temporary file that a killed run
/// left. Runs that write in the same directory wait for each other, at most a
/// second.
///
/// # Errors
/// Returns a failure if a system call fails, if `path` is a symbolic link or
/// another file that is not regular, or if `text` is truncated. After a
/// failure, the file at `path` still has the old contents. The function tries
/// to remove its own temporary file.
pub fn replace(path: &[u8], text: &TextBuffer) -> Result<(), Failure> {
    let suffix = if path.ends_with(Suffix::Tmp.name()) { Suffix::New } else { Suffix::Tmp };
    let file = FilePath { directory: path, name: b"" };
    let temporary = FilePath { directory: path, name: suffix.name() };
    let failed = |reason| Failure { resource: Resource::OutputFile, reason };
    let failed_temporary =
        |errno| Failure { resource: Resource::TemporaryFile(suffix), reason: Reason::Errno(errno) };

    let contents = text.complete().ok_or(failed(Reason::Errno(Errno::MSGSIZE)))?;
    match system::is_regular_file(&file) {
        Ok(true) | Err(Errno::NOENT) => {}
        Ok(false) => return Err(failed(Reason::NotARegularFile)),
        Err(errno) => return Err(failed(Reason::Errno(errno))),
    }
    // The run continues without a lock if the program can't open the directory:
    // a user may have the permission to write to the directory, but not the
    // permission to read the directory.
    let _lock = lock_directory(path);
    let _ = system::unlink(&temporary);
    let new = Fd::create_new(&temporary).map_err(failed_temporary)?;
    let written = new.write_and_close(contents).and_then(|()| system::rename(&temporary, &file));
    if written.is_err() {
        let _ = system::unlink(&temporary);
    }
    written.map_err(failed_temporary)
}

/// Locks the directory of a file until the caller drops the result.
///
/// Other runs of this program hold the lock only for a moment. Another program
/// may hold the lock for longer, for example the shell command `flock` that
/// started this run. So the wait ends after a second, and the run continues
/// without the lock. The run also continues without the lock on a file system
/// that has no locks.
fn lock_directory(path: &[u8]) -> Result<Fd, Errno> {
    const ATTEMPTS: usize = 100;
    const MILLISECONDS: i32 = 10;
    let slash = path.iter().rposition(|&byte| byte == b'/');
    let directory = slash.and_then(|slash| path.get(..=slash)).unwrap_or(b"./");
    let directory = Fd::open(&FilePath { directory, name: b"" })?;
    for _ in 0..ATTEMPTS {
        if directory.lock() != Err(Errno::AGAIN) {
            break;
        }
        system::sleep(MILLISECONDS);
    }
    Ok(directory)
}
