//! The sockets as procfs has them.

use network_connections::counts::Counts;
use network_connections::message::{self, File, Reason, Told};
use network_connections::options::Options;
use network_connections::rows::{self, HEAD, Lines};
use network_connections::table::Table;
use network_connections::text::Text;

use crate::errno::Errno;
use crate::netlink;
use crate::system::Open;

/// Bytes asked for at once. The kernel's seq_file (fs/seq_file.c) hands out a page at most, so that a
/// larger buffer gains nothing and a smaller one costs system calls. (Pages of more than 4 KiB, as on
/// some arm64 and powerpc systems, are read in pieces.)
const PAGE: usize = 4096;

const BUFFER: usize = HEAD + PAGE;

/// Counts the sockets in the procfs directory that `options` name. A failure is told in `text`.
///
/// # Errors
/// When a table can't be read, or isn't one. Only one that [is optional](Table::is_optional) may be
/// missing: it has no sockets.
pub fn count(
    options: &Options,
    buffer: &mut [u8; netlink::BUFFER],
    counts: &mut Counts,
    text: &mut Text,
) -> Result<(), Told> {
    let Some(page) = buffer.first_chunk_mut::<BUFFER>() else { return Ok(()) };
    for &table in &Table::ALL {
        let file = File { directory: options.procfs(), path: table.file() };
        let open = match Open::file(&file) {
            Err(Errno::MISSING) if table.is_optional() => continue,
            opened => opened.map_err(|errno| errno.told(&file, options.reader(), text))?,
        };
        let mut lines = Lines::new(page);
        while let Some(line) = lines
            .next(|room| open.read(room))
            .map_err(|errno| errno.told(&file, options.reader(), text))?
        {
            let Some(socket) = rows::socket(line.head, table.family()) else {
                return Err(message::failure(
                    &file,
                    &Reason::not_a_row(line),
                    options.reader(),
                    text,
                ));
            };
            if options.select(&socket) {
                counts.add(table, socket.state, 1);
            }
        }
    }
    Ok(())
}
