//! Writing a file that nobody ever sees half-written.

use network_connections::cli::failure::{Failure, Reason, Resource, Suffix};
use network_connections::kernel::errno::Errno;
use network_connections::kernel::file_path::FilePath;
use network_connections::text::buffer::TextBuffer;

use crate::system::{self, Fd};

/// Replaces a file by one with this text, or creates it.
///
/// A temporary file beside it takes its name when it is complete: a reader sees
/// the old contents or the new. The temporary file of a run that was killed is
/// removed. Runs in the same directory wait for each other.
///
/// # Errors
/// Then the file is as it was, and there is no temporary file.
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
    // A directory that can be written but not read can't be locked.
    let _lock = lock_directory(path);
    let _ = system::unlink(&temporary);
    let new = Fd::create_new(&temporary).map_err(failed_temporary)?;
    let written = new.write_and_close(contents).and_then(|()| system::rename(&temporary, &file));
    if written.is_err() {
        let _ = system::unlink(&temporary);
    }
    written.map_err(failed_temporary)
}

/// Locks the directory of a file until the result is dropped.
///
/// Other runs hold the lock for a moment. Something else may hold it for
/// longer, such as the shell command flock that started this run, so that the
/// wait ends after a second. Some file systems have no locks.
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
