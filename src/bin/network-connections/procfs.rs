//! Counting by the tables in procfs.

use network_connections::bytes::decimal::parse_decimal;
use network_connections::bytes::split::split_once;
use network_connections::cli::failure::{Failure, Reason, Resource};
use network_connections::kernel::errno::Errno;
use network_connections::kernel::file_path::FilePath;
use network_connections::kernel::proc_file::{PROCFS, ProcFile, SOCKET_TABLES, is_optional};
use network_connections::kernel::table_reader::TableReader;
use network_connections::model::connection::TableFill;
use network_connections::model::counts::Counts;
use network_connections::model::filter::Filter;

use crate::Buffer;
use crate::system::{self, Fd};

/// Counts the sockets in the tables of a procfs directory.
///
/// # Errors
/// If a table can't be read or is malformed. A missing table that is
/// [optional](is_optional) has no sockets.
pub fn count_sockets(
    procfs: &[u8],
    filter: &Filter,
    buffer: &mut Buffer,
    counts: &mut Counts,
) -> Result<(), Failure> {
    for &(table, file) in SOCKET_TABLES {
        let failed = |reason| Failure { resource: Resource::ProcFile(file), reason };
        let failed_call = |errno| failed(Reason::Errno(errno));
        let fd = match open(procfs, file) {
            Err(Errno::NOENT) if is_optional(table) => continue,
            opened => opened.map_err(failed_call)?,
        };
        let mut reader = TableReader::socket_table(buffer);
        loop {
            let read = fd.read(reader.spare_mut()).map_err(failed_call)?;
            let consumed = reader.consume_sockets(read, table.family(), |socket| {
                if filter.selects_socket(&socket) {
                    counts.count_socket(table, &socket);
                }
            });
            consumed.map_err(|line| failed(Reason::MalformedLine(line)))?;
            if read == 0 {
                break;
            }
        }
    }
    Ok(())
}

/// Counts the tracked connections in the table of a procfs directory.
///
/// # Errors
/// If the table can't be read or is malformed.
pub fn count_connections(
    procfs: &[u8],
    filter: &Filter,
    buffer: &mut Buffer,
    counts: &mut Counts,
) -> Result<(), Failure> {
    let failed = |reason| Failure { resource: Resource::ProcFile(ProcFile::Conntrack), reason };
    let failed_call = |errno| failed(Reason::Errno(errno));
    let fd = open(procfs, ProcFile::Conntrack)
        .map_err(|errno| failed(explain_missing_conntrack(procfs, errno)))?;
    let mut reader = TableReader::conntrack_table(buffer);
    loop {
        let read = fd.read(reader.spare_mut()).map_err(failed_call)?;
        let consumed = reader.consume_connections(read, |row| {
            if filter.selects_connection(|| row.original_ports()) {
                counts.count_connection(row.connection);
            }
        });
        consumed.map_err(|line| failed(Reason::MalformedLine(line)))?;
        if read == 0 {
            return Ok(());
        }
    }
}

fn open(directory: &[u8], file: ProcFile) -> Result<Fd, Errno> {
    Fd::open(&FilePath { directory, name: file.name() })
}

/// Returns why the table of tracked connections can't be opened, in terms of
/// what an administrator can do.
fn explain_missing_conntrack(procfs: &[u8], errno: Errno) -> Reason {
    match errno {
        Errno::ACCES => Reason::OnlyForRoot,
        Errno::NOENT if procfs == PROCFS => match open(PROCFS, ProcFile::ConntrackCount) {
            Ok(_) => Reason::NoConntrackTable,
            Err(_) => Reason::NoConntrack,
        },
        errno => Reason::Errno(errno),
    }
}

/// Reads how full the table of tracked connections is.
///
/// The directory of a process does not tell that. Then /proc does, if the
/// process is in the program's own network namespace.
///
/// # Errors
/// If a file can't be read or holds no number.
pub fn read_table_fill(procfs: &[u8], buffer: &mut Buffer) -> Result<TableFill, Failure> {
    let mut directory = procfs;
    let mut entries = read_number(directory, ProcFile::ConntrackCount, buffer);
    let is_own = entries.is_err() && is_own_namespace(procfs, buffer);
    if is_own {
        directory = PROCFS;
        entries = read_number(directory, ProcFile::ConntrackCount, buffer);
    }
    let failed = |file, errno| {
        let resource = if is_own { Resource::OwnProcFile(file) } else { Resource::ProcFile(file) };
        Failure { resource, reason: Reason::Errno(errno) }
    };
    let limit = |buffer| read_number(directory, ProcFile::ConntrackMax, buffer);
    Ok(TableFill {
        entries: entries.map_err(|errno| failed(ProcFile::ConntrackCount, errno))?,
        limit: limit(buffer).map_err(|errno| failed(ProcFile::ConntrackMax, errno))?,
    })
}

/// Returns whether a directory in procfs is of a process in the program's own
/// network namespace.
fn is_own_namespace(directory: &[u8], buffer: &mut Buffer) -> bool {
    // The links read "net:[4026531840]".
    const LONGEST_LINK: usize = 64;
    let own = FilePath { directory: b"/proc/self", name: ProcFile::NetworkNamespace.name() };
    let (a, b) = buffer.bytes_mut().split_at_mut_checked(LONGEST_LINK).unwrap_or_default();
    let namespace = system::read_link(&FilePath { directory, ..own }, a);
    namespace.is_ok() && namespace == system::read_link(&own, b)
}

/// Reads a file that holds one number.
fn read_number(directory: &[u8], file: ProcFile, buffer: &mut Buffer) -> Result<u32, Errno> {
    let bytes = buffer.bytes_mut();
    let read = open(directory, file)?.read(bytes)?;
    let (digits, _) = split_once(bytes.get(..read).unwrap_or_default(), b'\n');
    parse_decimal(digits).map(i32::unsigned_abs).ok_or(Errno::INVAL)
}
