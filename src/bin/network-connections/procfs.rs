//! Counts the sockets and the tracked connections in the tables of procfs.
//!
//! A count opens the procfs directory once, and finds every file from the open
//! directory. So all files belong to the same process, even if the process ends
//! and another process gets its PID.

use network_connections::bytes::decimal::parse_decimal;
use network_connections::bytes::split::split_once;
use network_connections::cli::failure::{Failure, Reason, Resource};
use network_connections::kernel::errno::Errno;
use network_connections::kernel::proc_file::{PROCFS, ProcFile, SOCKET_TABLES, is_optional};
use network_connections::kernel::table_reader::TableReader;
use network_connections::model::connection::TableFill;
use network_connections::model::counts::Counts;
use network_connections::model::filter::Filter;

use crate::Buffer;
use crate::system::Fd;

/// The procfs directory of a system or of a process, open for one count.
pub struct Procfs {
    directory: Fd,
    /// Whether the path is [`PROCFS`], whose tables show the network namespace
    /// of the program itself.
    is_own: bool,
    /// The network namespace of the process when the count began. None if the
    /// directory belongs to no process, or if the program may not read the
    /// link.
    namespace: Option<Namespace>,
}

/// The target of the link `ns/net` of a process, such as "net:[4026531840]",
/// with zeros after the target.
type Namespace = [u8; 64];

impl Procfs {
    /// Opens the directory at `path`.
    ///
    /// # Errors
    /// Returns a failure if the program can't open the directory, or if a
    /// system call for the namespace fails.
    pub fn open(path: &[u8]) -> Result<Procfs, Failure> {
        let directory = Fd::open_directory(path).map_err(|errno| {
            let reason = Reason::Errno(errno);
            Failure { resource: Resource::Procfs, reason }
        })?;
        let mut procfs = Procfs { directory, is_own: path == PROCFS, namespace: None };
        if procfs.is_own {
            return Ok(procfs);
        }
        match namespace(&procfs.directory) {
            Ok(namespace) => procfs.namespace = Some(namespace),
            // The directory belongs to no process, or the program may not read
            // the link.
            Err(Errno::NOENT | Errno::NOTDIR | Errno::INVAL | Errno::ACCES | Errno::PERM) => {}
            Err(errno) => return Err(namespace_failure(Reason::Errno(errno))),
        }
        Ok(procfs)
    }

    /// Checks that the process of the directory is still in the network
    /// namespace in which the process was when the count began.
    ///
    /// The function can't notice that the process was in another network
    /// namespace in the meantime.
    ///
    /// # Errors
    /// Returns a failure if the process is in another network namespace, or has
    /// ended.
    pub fn check_namespace(&self) -> Result<(), Failure> {
        let Some(before) = &self.namespace else { return Ok(()) };
        let reason = match namespace(&self.directory) {
            Ok(now) if now == *before => return Ok(()),
            Ok(_) => Reason::NamespaceChanged,
            Err(errno) => Reason::Errno(errno),
        };
        Err(namespace_failure(reason))
    }

    fn open_file(&self, file: ProcFile) -> Result<Fd, Errno> {
        self.directory.open(file.name())
    }

    fn lacks(&self, file: ProcFile) -> bool {
        self.open_file(file).err() == Some(Errno::NOENT)
    }
}

/// Reads the network namespace of the process with this procfs directory.
fn namespace(directory: &Fd) -> Result<Namespace, Errno> {
    let mut target = [0; 64];
    directory.read_link(ProcFile::NetworkNamespace.name(), &mut target)?;
    Ok(target)
}

/// Returns a failure to read the network namespace of a process.
const fn namespace_failure(reason: Reason) -> Failure {
    Failure { resource: Resource::ProcFile(ProcFile::NetworkNamespace), reason }
}

/// Counts the sockets in the tables of a procfs directory.
///
/// # Errors
/// Returns a failure if the program can't read a table, or if a table is
/// malformed. A missing table that is [optional](is_optional) is no failure and
/// counts as a table without sockets.
pub fn count_sockets(
    procfs: &Procfs,
    filter: &Filter,
    buffer: &mut Buffer,
    counts: &mut Counts,
) -> Result<(), Failure> {
    for &(table, file) in SOCKET_TABLES {
        let failed = |reason| Failure { resource: Resource::ProcFile(file), reason };
        let failed_call = |errno| failed(Reason::Errno(errno));
        let fd = match procfs.open_file(file) {
            Err(Errno::NOENT) if is_optional(table) => continue,
            opened => opened.map_err(|errno| failed(explain(procfs, errno)))?,
        };
        let mut reader = TableReader::new(buffer);
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
    procfs: &Procfs,
    filter: &Filter,
    buffer: &mut Buffer,
    counts: &mut Counts,
) -> Result<(), Failure> {
    let failed = |reason| Failure { resource: Resource::ProcFile(ProcFile::Conntrack), reason };
    let failed_call = |errno| failed(Reason::Errno(errno));
    let fd = procfs
        .open_file(ProcFile::Conntrack)
        .map_err(|errno| failed(explain_conntrack(procfs, errno)))?;
    let mut reader = TableReader::new(buffer);
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

/// Returns the reason why the program can't open a table. The reason says what
/// an administrator can do.
fn explain(procfs: &Procfs, errno: Errno) -> Reason {
    if errno == Errno::NOENT && procfs.is_own && procfs.lacks(ProcFile::Net) {
        return Reason::NoNetworkFiles;
    }
    Reason::Errno(errno)
}

/// Returns the reason why the program can't open the table of tracked
/// connections. The reason says what an administrator can do.
fn explain_conntrack(procfs: &Procfs, errno: Errno) -> Reason {
    // A user who is not root may not open some of these files.
    let exists = |file| !procfs.lacks(file);
    match explain(procfs, errno) {
        Reason::Errno(Errno::ACCES) => Reason::OnlyForRoot,
        Reason::Errno(Errno::NOENT) if exists(ProcFile::IpConntrack) => Reason::OldConntrack,
        Reason::Errno(Errno::NOENT) if exists(ProcFile::ConntrackCount) => Reason::NoConntrackTable,
        Reason::Errno(Errno::NOENT) if procfs.is_own => Reason::NoConntrack,
        reason => reason,
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
pub fn read_table_fill(procfs: &Procfs, buffer: &mut Buffer) -> Result<TableFill, Failure> {
    let own = open_own(procfs);
    let (directory, resource): (_, fn(ProcFile) -> Resource) = match &own {
        Some(own) => (own, Resource::OwnProcFile),
        None => (&procfs.directory, Resource::ProcFile),
    };
    let mut read = |file| {
        let failed = |errno| Failure { resource: resource(file), reason: Reason::Errno(errno) };
        read_number(directory, file, buffer).map_err(failed)
    };
    Ok(TableFill { entries: read(ProcFile::ConntrackCount)?, limit: read(ProcFile::ConntrackMax)? })
}

/// Opens the directory [`PROCFS`] if `procfs` is the directory of a process in
/// the program's own network namespace.
fn open_own(procfs: &Procfs) -> Option<Fd> {
    procfs.namespace?;
    if Procfs::open(b"/proc/self").ok()?.namespace != procfs.namespace {
        return None;
    }
    Fd::open_directory(PROCFS).ok()
}

/// Reads the number on the first line of a file. The last line needs no
/// newline.
///
/// # Errors
/// Returns the error of a system call, or [`Errno::INVAL`] if the line is not a
/// number.
fn read_number(directory: &Fd, file: ProcFile, buffer: &mut Buffer) -> Result<u32, Errno> {
    let fd = directory.open(file.name())?;
    let bytes = buffer.bytes_mut();
    let mut length = 0;
    loop {
        let read = fd.read(bytes.get_mut(length..).unwrap_or_default())?;
        length += read;
        match split_once(bytes.get(..length).unwrap_or_default(), b'\n') {
            (_, None) if read > 0 => {}
            // Some kernels print the greatest limit, which is no limit, with a
            // sign.
            (b"-1", _) if file == ProcFile::ConntrackMax => return Ok(TableFill::NO_LIMIT),
            (digits, _) => return parse_decimal(digits).ok_or(Errno::INVAL),
        }
    }
}
