//! The connections as procfs has them.

use network_connections::counts::Counts;
use network_connections::decimal::natural;
use network_connections::message::{self, File, Reason, Told};
use network_connections::options::Options;
use network_connections::packed::pack;
use network_connections::rows::Rows;
use network_connections::table::Table;
use network_connections::text::Text;
use network_connections::words::split_once;

use crate::Buffer;
use crate::errno::Errno;
use crate::system::{self, Open};

/// Counts the connections in the procfs directory that `options` name, from nothing. A failure is told in `text`.
///
/// # Errors
/// When a table can't be read, or isn't one. Only one that [is optional](Table::is_optional) may be
/// missing: it has no sockets. And when how full the table of tracked connections is isn't known, and is asked for.
pub fn count(
    options: &Options,
    buffer: &mut Buffer,
    counts: &mut Counts,
    text: &mut Text,
) -> Result<(), Told> {
    counts.clear(options.conntrack);
    let tables = if options.conntrack { Table::CONNTRACK } else { Table::SOCKETS };
    for &table in tables {
        let file = File { directory: options.procfs(), path: table.file() };
        let open = match Open::file(&file) {
            Err(Errno::MISSING) if table.is_optional() => continue,
            opened => opened.map_err(|errno| {
                let hint = if options.conntrack { hint(options, errno) } else { None };
                let reason = hint.unwrap_or_else(|| errno.reason());
                message::failure(&file, &reason, options.reader(), text)
            })?,
        };
        let mut rows = Rows::new(buffer, table);
        loop {
            let read = open.read(rows.room());
            let read = read.map_err(|errno| errno.told(&file, options.reader(), text))?;
            let taken = if table == Table::Conntrack {
                rows.take_tracked(read, |tracked| {
                    if options.select_tracked(&tracked) {
                        let [state, status] = tracked.labels;
                        counts.add(tracked.group.into(), state.into(), 1);
                        counts.add(tracked.group.into(), status.into(), 1);
                    }
                })
            } else {
                rows.take(read, |socket| {
                    if options.select(&socket) {
                        counts.add(table as usize, socket.state as usize, 1);
                    }
                })
            };
            if let Err(line) = taken {
                let reason = Reason::not_a_row(line);
                return Err(message::failure(&file, &reason, options.reader(), text));
            }
            if read == 0 {
                break;
            }
        }
    }
    if options.conntrack {
        fill(options, buffer, counts, text)?;
    }
    Ok(())
}

/// How many connections are tracked in the network namespace of the process that reads it.
const ENTRIES: &[u8] = b"/sys/net/netfilter/nf_conntrack_count";

/// Why the table of tracked connections can't be opened, if there is something that can be done.
fn hint(options: &Options, errno: Errno) -> Option<Reason<'static>> {
    let is_tracking = || Open::file(&File { directory: b"/proc", path: ENTRIES }).is_ok();
    Some(Reason::words(match errno {
        Errno::DENIED => pack!("Permission denied (only root may read it)"),
        Errno::MISSING if options.procfs() != b"/proc" => return None,
        Errno::MISSING if is_tracking() => pack!("The kernel lacks CONFIG_NF_CONNTRACK_PROCFS"),
        Errno::MISSING => {
            pack!("No such file or directory (is nf_conntrack loaded? OpenWrt: kmod-nf-conntrack)")
        }
        _ => return None,
    }))
}

/// Reads how full the table is. A process's directory doesn't have that: then what is in /proc holds, if this is
/// of the same namespace.
///
/// # Errors
/// When it isn't known, and is asked for.
fn fill(
    options: &Options,
    buffer: &mut Buffer,
    counts: &mut Counts,
    text: &mut Text,
) -> Result<(), Told> {
    let mut file = File { directory: options.procfs(), path: ENTRIES };
    let mut entries = number(&file, buffer);
    if entries.is_err() && is_own_namespace(file.directory, buffer) {
        file.directory = b"/proc";
        entries = number(&file, buffer);
    }
    let filled = entries.and_then(|entries| {
        file.path = b"/sys/net/netfilter/nf_conntrack_max";
        Ok((entries, number(&file, buffer)?))
    });
    match filled {
        Ok((entries, limit)) => counts.fill(entries, limit),
        Err(errno) => {
            if options.asked.iter().any(|asked| asked.key.is_of_table()) {
                return Err(errno.told(&file, options.reader(), text));
            }
        }
    }
    Ok(())
}

/// Whether a directory in procfs is that of a process in this one's network namespace.
fn is_own_namespace(directory: &[u8], buffer: &mut Buffer) -> bool {
    let path = b"/ns/net";
    let (one, other) = buffer.bytes().split_at_mut_checked(64).unwrap_or_default();
    let one = system::read_link(&File { directory, path }, one);
    one.is_ok() && one == system::read_link(&File { directory: b"/proc/self", path }, other)
}

/// The number that a file has.
#[inline(never)]
fn number(file: &File, buffer: &mut Buffer) -> Result<u32, Errno> {
    let bytes = buffer.bytes();
    let read = Open::file(file)?.read(bytes)?;
    let (digits, _) = split_once(bytes.get(..read).unwrap_or_default(), b'\n');
    natural(digits).map(|number| number as u32).ok_or(Errno::INVALID)
}
