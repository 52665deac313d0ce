//! The failures of a run that counts and reports.

use super::audience::Audience;
use super::request::Plan;
use crate::kernel::errno::Errno;
use crate::kernel::proc_file::{PROCFS, ProcFile};
use crate::kernel::socket_row::HEAD_LENGTH;
use crate::kernel::table_reader::MalformedLine;
use crate::text::buffer::{LONGEST_ESCAPE, LONGEST_VALUE, TextBuffer};

/// The reason why a run failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The resource that the run used when the fault happened.
    pub resource: Resource,
    /// The fault.
    pub reason: Reason,
}

/// A file, or another service of the kernel, that a run uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// The directory [`Plan::procfs`].
    Procfs,
    /// A file in the directory [`Plan::procfs`].
    ProcFile(ProcFile),
    /// A file in `/proc` that the program reads instead of the same file in the
    /// directory [`Plan::procfs`].
    OwnProcFile(ProcFile),
    /// The socket dumps of sock_diag(7).
    SockDiag,
    /// The timer of `--interval` or `--timeout`.
    Timer,
    /// The name of the host in the format of collectd.
    Host,
    /// The environment variable COLLECTD_INTERVAL.
    CollectdInterval,
    /// Standard output.
    StandardOutput,
    /// The file of `--output`.
    OutputFile,
    /// The temporary file in the directory of the `--output` file.
    TemporaryFile,
}

/// A fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A system call failed.
    Errno(Errno),
    /// A line is not a row of its table, or not the header.
    MalformedLine(MalformedLine),
    /// The process of the procfs directory changed its network namespace before
    /// the program had read all tables.
    NamespaceChanged,
    /// `/proc` has no directory `net`.
    NoNetworkFiles,
    /// The file to write exists, but is a directory, a device, a symbolic link
    /// or another file that is not regular.
    NotARegularFile,
    /// Only root may read the table of tracked connections.
    OnlyForRoot,
    /// The kernel tracks connections, but has no table of them in procfs.
    NoConntrackTable,
    /// The kernel is so old that it has only the predecessor of the table.
    OldConntrack,
    /// The kernel does not track connections.
    NoConntrack,
    /// The name of the host is empty or has a slash, so the name is no host in
    /// an identifier of collectd.
    NotAHost,
    /// The text is not a number of seconds above 0.
    NotSeconds,
}

/// The greatest length of a message, in bytes. The longest message consists of
/// words, a path, and the head of a malformed line. Every byte of the path and
/// of the head is escaped.
pub const LONGEST_MESSAGE: usize = {
    const WORDS: usize = 256;
    WORDS + LONGEST_ESCAPE * (LONGEST_VALUE + HEAD_LENGTH)
};

impl Failure {
    /// Composes the message, and returns the exit status.
    ///
    /// `head` is the start of the line if the reason is
    /// [`Reason::MalformedLine`], and is empty for every other reason.
    pub fn compose(
        &self,
        plan: &Plan,
        head: &[u8],
        audience: Audience,
        text: &mut TextBuffer,
    ) -> u8 {
        audience.begin(text);
        self.resource.compose(plan, text);
        text.push(b": ");
        self.reason.compose(self.resource, head, text);
        text.push(b"\n");
        audience.exit_status(1)
    }
}

impl Resource {
    fn compose(self, plan: &Plan, text: &mut TextBuffer) {
        let output = plan.output.unwrap_or_default();
        let mut push_file = |directory: &[u8], file: ProcFile| {
            text.push_escaped(directory.strip_suffix(b"/").unwrap_or(directory));
            text.push(b"/");
            text.push(file.name());
        };
        match self {
            Resource::Procfs => text.push_escaped(plan.procfs),
            Resource::ProcFile(file) => push_file(plan.procfs, file),
            Resource::OwnProcFile(file) => push_file(PROCFS, file),
            Resource::SockDiag => {
                text.push(b"sock_diag (needs tcp_diag and udp_diag; --source proc works without)");
            }
            Resource::Timer => text.push(b"timer"),
            Resource::Host => text.push(b"host name"),
            Resource::CollectdInterval => text.push(b"COLLECTD_INTERVAL"),
            Resource::StandardOutput => text.push(b"standard output"),
            Resource::OutputFile => text.push_escaped(output),
            Resource::TemporaryFile => {
                text.push_escaped(output);
                text.push(b" (temporary file in its directory)");
            }
        }
    }
}

impl Reason {
    fn compose(self, resource: Resource, head: &[u8], text: &mut TextBuffer) {
        let words: &[u8] = match self {
            Reason::MalformedLine(line) => {
                text.push(b"line ");
                text.push_number(line.number);
                let is_header =
                    line.number == 1 && resource != Resource::ProcFile(ProcFile::Conntrack);
                text.push(if is_header {
                    b" is not the header of a socket table: '"
                } else {
                    b" is not a row of this table: '"
                });
                text.push_escaped(head);
                return text.push(b"'");
            }
            Reason::Errno(errno) => match errno.words() {
                Some(words) => words,
                None => {
                    text.push(b"Unknown error ");
                    return text.push_number(errno.0 as u32);
                }
            },
            Reason::NamespaceChanged => b"The process changed its network namespace",
            Reason::NoNetworkFiles => {
                b"No such file or directory (is procfs mounted? with subset=pid, try PATH /proc/self)"
            }
            Reason::NotARegularFile => b"Not a regular file",
            Reason::OnlyForRoot => b"Permission denied (only root may read it)",
            Reason::NoConntrackTable => b"The kernel lacks CONFIG_NF_CONNTRACK_PROCFS",
            Reason::OldConntrack => {
                b"No such file or directory (the kernel has only ip_conntrack, which is not supported)"
            }
            Reason::NoConntrack => {
                b"No such file or directory (is nf_conntrack loaded? OpenWrt: kmod-nf-conntrack)"
            }
            Reason::NotAHost => b"Expected a name without a slash (set COLLECTD_HOSTNAME)",
            Reason::NotSeconds => b"Expected a number of seconds above 0",
        };
        text.push(words);
    }
}
