//! The sockets as procfs has them.

use network_connections::counts::Counts;
use network_connections::message::{Error, File};
use network_connections::options::Options;
use network_connections::rows::{self, Failure};
use network_connections::table::Table;

use crate::errno::Errno;
use crate::system::Open;

/// Bytes asked for at once. The kernel's seq_file (fs/seq_file.c) hands out a page at most, so that a
/// larger buffer gains nothing and a smaller one costs system calls. (Pages of more than 4 KiB, as on
/// some arm64 and powerpc systems, are read in pieces.)
const PAGE: usize = 4096;

/// Counts the sockets in the procfs directory that `options` name.
///
/// # Errors
/// When a table can't be read, or isn't one. Only one that [is optional](Table::is_optional) may be
/// missing: it has no sockets.
pub fn count<'a>(options: &Options<'a>) -> Result<Counts, Error<'a>> {
    let mut counts = Counts::default();
    let mut page = [0; PAGE];
    for table in Table::ALL {
        let file = File { directory: options.path, path: table.file() };
        let open = match Open::file(file.directory, file.path) {
            Err(Errno::MISSING) if table.is_optional() => continue,
            Err(errno) => return Err(Error::File { file, reason: errno.reason() }),
            Ok(open) => open,
        };
        rows::each(
            table.family(),
            &mut page,
            |page| open.read(page),
            |socket| {
                if options.all || !socket.remote_is_zero {
                    counts.add(table, socket.state, 1);
                }
            },
        )
        .map_err(|failure| match failure {
            Failure::Read(errno) => Error::File { file, reason: errno.reason() },
            Failure::NotARow(row) => Error::Row { file, row },
        })?;
    }
    Ok(counts)
}
