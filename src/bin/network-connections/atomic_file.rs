//! A file that the program replaces, and that no reader sees incomplete.

use network_connections::bytes::split::split_path;
use network_connections::cli::failure::{Failure, Reason, Resource};
use network_connections::kernel::directory::EntryNames;
use network_connections::kernel::errno::Errno;
use network_connections::output::temporary_name::{LONGEST_NAME, TemporaryName};
use network_connections::text::buffer::TextBuffer;

use crate::Buffer;
use crate::system::{self, Fd};

/// Replaces or creates the file at `path`. The new file holds `text`, and
/// everybody may read the file.
///
/// The function writes a temporary file in the same directory, and renames the
/// temporary file after the last byte. So a reader sees the old contents or the
/// new contents. Every run has a temporary file of its own, so runs that
/// replace the same file need no lock: the last rename decides. The function
/// also removes the temporary files that killed runs left in the directory.
///
/// # Errors
/// Returns a failure if a system call fails, if `path` is a symbolic link or
/// another file that is not regular, or if `text` is truncated. After a
/// failure, the file at `path` still has the old contents. The function tries
/// to remove its own temporary file.
pub fn replace(path: &[u8], text: &TextBuffer, buffer: &mut Buffer) -> Result<(), Failure> {
    let failed = |reason| Failure { resource: Resource::OutputFile, reason };
    let failed_call = |errno| failed(Reason::Errno(errno));
    let failed_temporary =
        |errno| Failure { resource: Resource::TemporaryFile, reason: Reason::Errno(errno) };

    let contents = text.complete().ok_or(failed_call(Errno::MSGSIZE))?;
    let (directory, file) = split_path(path);
    let directory = Fd::open_directory(directory).map_err(failed_call)?;
    match directory.has_regular_file(file) {
        Ok(true) | Err(Errno::NOENT) => {}
        Ok(false) => return Err(failed(Reason::NotARegularFile)),
        Err(errno) => return Err(failed_call(errno)),
    }
    let (process, random) = (system::process_id(), system::random_number());
    remove_leftovers(&directory, process, buffer);

    let mut name = [0; LONGEST_NAME];
    let mut name = TextBuffer::new(&mut name);
    TemporaryName { process, random }.compose(&mut name);
    // A run in another PID namespace may remove the temporary file as a
    // leftover, because the PID of this run means nothing there. So the
    // function tries again if the file is missing.
    let mut retries = 0..9;
    loop {
        match write(&directory, name.fitted(), contents, file) {
            Err(Errno::NOENT) if retries.next().is_some() => {}
            written => return written.map_err(failed_temporary),
        }
    }
}

/// Creates the temporary file, and renames the file after the last byte. After
/// a failure, the function tries to remove the temporary file.
fn write(directory: &Fd, temporary: &[u8], contents: &[u8], file: &[u8]) -> Result<(), Errno> {
    // The mode of the new file depends on the umask of the process, and on the
    // default ACL of the directory.
    const EVERYBODY_MAY_READ: u32 = 0o644;
    let new = directory.create_new(temporary)?;
    let written = new
        .set_mode(EVERYBODY_MAY_READ)
        .and_then(|()| new.write_and_close(contents))
        .and_then(|()| directory.rename(temporary, file));
    if written.is_err() {
        directory.remove(temporary);
    }
    written
}

/// Removes the temporary files of runs that have ended, or that have no PID in
/// this PID namespace. A run leaves its file only if the run is killed, or if
/// the system crashes.
///
/// The function reads at most 1 MiB of the directory, which is at least 3,700
/// names, so the time has a limit in a large directory. The function does
/// nothing if this user may not read the directory.
///
/// `own_process` is the PID of this run, which has not created its own file
/// yet.
fn remove_leftovers(directory: &Fd, own_process: u32, buffer: &mut Buffer) {
    let Ok(readable) = directory.open_entries() else { return };
    for _ in 0..64 {
        let entries = buffer.bytes_mut();
        let length = readable.read_entries(entries).unwrap_or(0);
        let entries = entries.get(..length).unwrap_or_default();
        if entries.is_empty() {
            return;
        }
        for name in (EntryNames { entries }) {
            let Some(TemporaryName { process, .. }) = TemporaryName::parse(name) else { continue };
            if process == own_process || !system::is_running(process) {
                directory.remove(name);
            }
        }
    }
}
