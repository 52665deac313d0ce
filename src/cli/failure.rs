//! The failures of a run that counts and reports.

use super::audience::Audience;
use super::request::Plan;
use crate::bytes::name_list::named_enum;
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
    /// A file in the directory [`Plan::procfs`].
    ProcFile(ProcFile),
    /// A file in `/proc` that the program reads instead of the same file in the
    /// directory [`Plan::procfs`].
    OwnProcFile(ProcFile),
    /// The socket dumps of sock_diag(7).
    SockDiag,
    /// The timer of `--interval`.
    IntervalTimer,
    /// Standard output.
    StandardOutput,
    /// The file of `--output`.
    OutputFile,
    /// The temporary file in the directory of the `--output` file.
    TemporaryFile(Suffix),
}

named_enum! {
    /// The end of a temporary file's path. The start is the `--output` path.
    pub enum Suffix {
        Tmp = ".tmp",
        /// The suffix if the `--output` path ends in `.tmp`. A program that
        /// finds the `--output` file by the pattern `*.tmp` must not find the
        /// temporary file.
        New = ".new",
    }
}

/// A fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A system call failed.
    Errno(Errno),
    /// A line is not a row of its table.
    MalformedLine(MalformedLine),
    /// The file to write exists, but is a directory, a device, a symbolic link
    /// or another file that is not regular.
    NotARegularFile,
    /// Only root may read the table of tracked connections.
    OnlyForRoot,
    /// The kernel tracks connections, but has no table of them in procfs.
    NoConntrackTable,
    /// The kernel does not track connections.
    NoConntrack,
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
        self.reason.compose(head, text);
        text.push(b"\n");
        audience.exit_status(1)
    }
}

impl Resource {
    fn compose(self, plan: &Plan, text: &mut TextBuffer) {
        let output = plan.output.unwrap_or_default();
        let (path, suffix): (&[u8], &[u8]) = match self {
            Resource::ProcFile(file) => (plan.procfs, file.name()),
            Resource::OwnProcFile(file) => (PROCFS, file.name()),
            Resource::SockDiag => {
                (b"sock_diag (needs tcp_diag and udp_diag; --source proc works without)", b"")
            }
            Resource::IntervalTimer => (b"interval timer", b""),
            Resource::StandardOutput => (b"standard output", b""),
            Resource::OutputFile => (output, b""),
            Resource::TemporaryFile(suffix) => (output, suffix.name()),
        };
        text.push_escaped(path);
        text.push(suffix);
    }
}

impl Reason {
    fn compose(self, head: &[u8], text: &mut TextBuffer) {
        let words: &[u8] = match self {
            Reason::MalformedLine(line) => {
                text.push(b"line ");
                text.push_number(line.number);
                text.push(b" is not a row of this table: '");
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
            Reason::NotARegularFile => b"Not a regular file",
            Reason::OnlyForRoot => b"Permission denied (only root may read it)",
            Reason::NoConntrackTable => b"The kernel lacks CONFIG_NF_CONNTRACK_PROCFS",
            Reason::NoConntrack => {
                b"No such file or directory (is nf_conntrack loaded? OpenWrt: kmod-nf-conntrack)"
            }
        };
        text.push(words);
    }
}
