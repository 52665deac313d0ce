//! The sockets as procfs has them.

use network_connections::counts::Counts;
use network_connections::message::{self, File, Reason, Told};
use network_connections::options::Options;
use network_connections::rows::Rows;
use network_connections::table::Table;
use network_connections::text::Text;

use crate::Buffer;
use crate::errno::Errno;
use crate::system::Open;

/// Counts the sockets in the procfs directory that `options` name, from nothing. A failure is told in `text`.
///
/// # Errors
/// When a table can't be read, or isn't one. Only one that [is optional](Table::is_optional) may be
/// missing: it has no sockets.
pub fn count(
    options: &Options,
    buffer: &mut Buffer,
    counts: &mut Counts,
    text: &mut Text,
) -> Result<(), Told> {
    counts.clear();
    for &table in &Table::ALL {
        let file = File { directory: options.procfs(), path: table.file() };
        let open = match Open::file(&file) {
            Err(Errno::MISSING) if table.is_optional() => continue,
            opened => opened.map_err(|errno| errno.told(&file, options.reader(), text))?,
        };
        let counters = counts.of(table);
        let mut rows = Rows::new(buffer, table.family());
        loop {
            let read = open.read(rows.room());
            let read = read.map_err(|errno| errno.told(&file, options.reader(), text))?;
            let taken = rows.take(read, |socket| {
                if options.select(&socket) {
                    counters.add(socket.state, 1);
                }
            });
            if let Err(line) = taken {
                let reason = Reason::not_a_row(line);
                return Err(message::failure(&file, &reason, options.reader(), text));
            }
            if read == 0 {
                break;
            }
        }
    }
    Ok(())
}
