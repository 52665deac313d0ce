//! The messages for failures and usage errors.

use network_connections::cli::audience::Audience;
use network_connections::cli::failure::{Failure, Reason, Resource};
use network_connections::cli::request::{Plan, Queries};
use network_connections::cli::usage_error::{Problem, UsageError};
use network_connections::kernel::errno::Errno;
use network_connections::kernel::proc_file::ProcFile;
use network_connections::kernel::socket_row::HEAD_LENGTH;
use network_connections::kernel::table_reader::MalformedLine;

use crate::harness::text;

/// Composes the message for a failure on a file of this directory, or on this
/// `--output` file. Returns the message and the exit status.
fn compose_failure(path: &[u8], resource: Resource, reason: Reason, head: &[u8]) -> (String, u8) {
    let mut queries = Queries::new();
    let plan = Plan { procfs: path, output: Some(path), ..Plan::new(&mut queries) };
    let failure = Failure { resource, reason };
    text(|text| {
        // The message has to replace this text.
        text.push(b"an earlier text");
        failure.compose(&plan, head, Audience::Person, text)
    })
}

#[test]
fn a_failure_message_names_the_resource_and_the_reason() {
    let table = Resource::ProcFile(ProcFile::Tcp);
    let line = |number, head: &[u8]| {
        let head_length = head.len() as u8;
        Reason::MalformedLine(MalformedLine { number, head_length })
    };
    let unprintable = b"\x1b[2J\0\t\\\x7f\xff~";
    type Case<'a> = (&'a [u8], Resource, Reason, &'a [u8], &'a str);
    let cases: [Case; 18] = [
        (b"/proc", table, Reason::Errno(Errno::ACCES), b"", "/proc/net/tcp: Permission denied"),
        (b"/proc", table, Reason::Errno(Errno(132)), b"", "/proc/net/tcp: Unknown error 132"),
        (
            b"/proc",
            Resource::StandardOutput,
            Reason::Errno(Errno::NOSPC),
            b"",
            "standard output: No space left on device",
        ),
        (
            b"/proc",
            table,
            line(12, b"   0: 01"),
            b"   0: 01",
            "/proc/net/tcp: line 12 is not a row of this table: '   0: 01'",
        ),
        (
            b"/proc",
            table,
            line(1, b""),
            b"",
            "/proc/net/tcp: line 1 is not the header of a socket table: ''",
        ),
        (
            b"/proc",
            table,
            line(u32::MAX, unprintable),
            unprintable,
            "/proc/net/tcp: line 4294967295 is not a row of this table: \
             '\\x1b[2J\\x00\\x09\\x5c\\x7f\\xff~'",
        ),
        (
            b"/a\nb",
            Resource::ProcFile(ProcFile::Udp6),
            Reason::Errno(Errno::ISDIR),
            b"",
            "/a\\x0ab/net/udp6: Is a directory",
        ),
        (
            b"/x",
            Resource::OwnProcFile(ProcFile::ConntrackMax),
            Reason::Errno(Errno::INVAL),
            b"",
            "/proc/sys/net/netfilter/nf_conntrack_max: Invalid argument",
        ),
        (b"/f", Resource::OutputFile, Reason::NotARegularFile, b"", "/f: Not a regular file"),
        (
            b"/f\n",
            Resource::TemporaryFile,
            Reason::Errno(Errno::EXIST),
            b"",
            "/f\\x0a (temporary file in its directory): File exists",
        ),
        (b"/x", Resource::Timer, Reason::Errno(Errno::MFILE), b"", "timer: Too many open files"),
        (
            b"/a\n",
            Resource::ProcFile(ProcFile::NetworkNamespace),
            Reason::NamespaceChanged,
            b"",
            "/a\\x0a/ns/net: The process changed its network namespace",
        ),
        (
            b"/proc",
            table,
            Reason::NoNetworkFiles,
            b"",
            "/proc/net/tcp: No such file or directory \
             (is procfs mounted? with subset=pid, try PATH /proc/self)",
        ),
        (
            b"/x",
            Resource::ProcFile(ProcFile::Conntrack),
            Reason::OldConntrack,
            b"",
            "/x/net/nf_conntrack: No such file or directory (the kernel has only ip_conntrack, which is not supported)",
        ),
        (
            b"/x",
            Resource::Host,
            Reason::NotAHost,
            b"",
            "host name: Expected a name without a slash (set COLLECTD_HOSTNAME)",
        ),
        (
            b"/x",
            Resource::CollectdInterval,
            Reason::NotSeconds,
            b"",
            "COLLECTD_INTERVAL: Expected a number of seconds above 0",
        ),
        (b"/x", table, Reason::Errno(Errno::TIME), b"", "/x/net/tcp: Timer expired (--timeout)"),
        (
            b"/x",
            Resource::SockDiag,
            Reason::Errno(Errno::CONNREFUSED),
            b"",
            "sock_diag (needs tcp_diag and udp_diag; --source proc works without): \
             Connection refused",
        ),
    ];
    for (path, resource, reason, head, expected) in cases {
        let expected = format!("network-connections: {expected}\n");
        assert_eq!(compose_failure(path, resource, reason, head), (expected, 1), "{reason:?}");
    }
}

#[test]
fn usage_errors_have_exit_status_2_and_a_hint() {
    let cases: [(Problem, &[u8], &str); 20] = [
        (Problem::UnknownOption, b"\n", "unknown option '-\\x0a'"),
        (Problem::UnknownOption, b"-", "unknown option '--'"),
        (
            Problem::ReservedVerbose,
            b"v",
            "'-v' is not supported: the output has only one level of detail",
        ),
        (
            Problem::ReservedHostname,
            b"-hostname",
            "'--hostname' is not supported: the program counts on this host only",
        ),
        (Problem::UnwantedValue, b"-all", "option '--all' takes no value"),
        (Problem::MissingValue, b"i", "option '-i' needs a value"),
        (Problem::TooMany, b"-query", "too many of option '--query'"),
        (Problem::SecondPath, b"b", "more than one PATH: 'b'"),
        (Problem::EmptyPath, b"", "PATH is empty"),
        (Problem::EmptyFile, b"", "FILE is empty"),
        (Problem::InvalidPort, b"x", "invalid PORT 'x' (expected a number from 0 to 65535)"),
        (Problem::InvalidSource, b"x", "invalid SOURCE 'x' (expected proc, netlink or auto)"),
        (
            Problem::InvalidFormat,
            b"x",
            "invalid FORMAT 'x' (expected one of json ndjson prometheus influx collectd)",
        ),
        (Problem::InvalidKey, b"x", "invalid KEY 'x' (expected GROUP or GROUP.STATE)"),
        (Problem::ConntrackWithNetlink, b"", "--source netlink can't count with --conntrack"),
        (Problem::InvalidThreshold, b"x", "invalid threshold 'x' (expected KEY=RANGE)"),
        (
            Problem::InvalidRange,
            b"2:1",
            "invalid RANGE '2:1' (expected [@]END or [@][START]:[END], whole numbers in order)",
        ),
        (Problem::InvalidSeconds, b"0", "invalid SECONDS '0' (expected a number from 1 to 86400)"),
        (
            Problem::Conflict,
            b"",
            "only one of --format, --query and --warning/--critical may be used",
        ),
        (Problem::SecondPath, b"a|\"", "more than one PATH: 'a\\x7c\\x22'"),
    ];
    for (problem, argument, message) in cases {
        let expected =
            format!("network-connections: {message}; see 'network-connections --help'\n");
        let error = UsageError { problem, argument };
        let composed = text(|text| error.compose(Audience::Person, text));
        assert_eq!(composed, (expected, 2), "{problem:?}");
    }
}

#[test]
fn the_longest_messages_are_complete() {
    let path = [b'\n'; 5000];
    let head_length = HEAD_LENGTH as u8;
    let line = MalformedLine { number: u32::MAX, head_length };
    let (table, reason) = (Resource::ProcFile(ProcFile::Tcp6), Reason::MalformedLine(line));
    let quoted = "\\x0a".repeat(1024) + "...";
    let head = "\\xff".repeat(HEAD_LENGTH);
    let (message, _) = compose_failure(&path, table, reason, &[0xff; HEAD_LENGTH]);
    assert_eq!(
        message,
        format!(
            "network-connections: {quoted}/net/tcp6: line 4294967295 is not a row of this table: '{head}'\n"
        ),
    );
    let error = UsageError { problem: Problem::SecondPath, argument: &path };
    let (message, _) = text(|text| error.compose(Audience::Person, text));
    assert_eq!(
        message,
        format!(
            "network-connections: more than one PATH: '{quoted}'; see 'network-connections --help'\n"
        ),
    );
}

#[test]
fn a_message_for_a_monitor_has_its_own_prefix_and_status() {
    let mut queries = Queries::new();
    let plan = Plan::new(&mut queries);
    let failure =
        Failure { resource: Resource::ProcFile(ProcFile::Tcp), reason: Reason::Errno(Errno(132)) };
    let line = "NETWORK-CONNECTIONS UNKNOWN - /proc/net/tcp: Unknown error 132\n";
    assert_eq!(text(|text| failure.compose(&plan, b"", Audience::Monitor, text)), (line.into(), 3));
    let error = UsageError { problem: Problem::InvalidKey, argument: b"x" };
    let (line, status) = text(|text| error.compose(Audience::Monitor, text));
    assert!(line.starts_with("NETWORK-CONNECTIONS UNKNOWN - invalid KEY 'x' ("), "{line}");
    assert_eq!(status, 3);
}
