//! Counts the sockets and the tracked connections in the tables of procfs.

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
/// Returns a failure if the program can't read a table, or if a table is
/// malformed. A missing table that is [optional](is_optional) is no failure and
/// counts as a table without sockets.
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
/// Returns a failure if the program can't read the table, or if the table is
/// malformed.
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

/// Returns the reason why the program can't open the table of tracked
/// connections. The reason says what an administrator can do.
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

/// Reads the number of entries in the table of tracked connections, and the
/// limit of the table.
///
/// The procfs directory of a process, such as `/proc/PID`, lacks the files with
/// these numbers. If the process is in the program's own network namespace, the
/// function reads the files in `/proc` instead.
///
/// # Errors
/// Returns a failure if the program can't read a file, or if a file has no
/// number.
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

/// Returns whether `directory` is the procfs directory of a process in the
/// program's own network namespace.
fn is_own_namespace(directory: &[u8], buffer: &mut Buffer) -> bool {
    // The target of the link `ns/net` is a text such as "net:[4026531840]", of
    // at most 64 bytes.
    const LONGEST_LINK: usize = 64;
    let own = FilePath { directory: b"/proc/self", name: ProcFile::NetworkNamespace.name() };
    let (a, b) = buffer.bytes_mut().split_at_mut_checked(LONGEST_LINK).unwrap_or_default();
    let namespace = system::read_link(&FilePath { directory, ..own }, a);
    namespace.is_ok() && namespace == system::read_link(&own, b)
}

/// Reads the number on the first line of a file.
///
/// # Errors
/// Returns the error of a system call, or [`Errno::INVAL`] if the line is not a
/// number.
fn read_number(directory: &[u8], file: ProcFile, buffer: &mut Buffer) -> Result<u32, Errno> {
    let bytes = buffer.bytes_mut();
    let read = open(directory, file)?.read(bytes)?;
    let (digits, _) = split_once(bytes.get(..read).unwrap_or_default(), b'\n');
    parse_decimal(digits).map(i32::unsigned_abs).ok_or(Errno::INVAL)
}
