//! The files of the socket tables: files that are missing, unreadable or
//! malformed, and a file that arrives in small pieces.

use std::ffi::CStr;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::thread;

use crate::harness::socket_rows::{ESTABLISHED, LISTEN};
use crate::harness::{
    TABLES, counts, fails, in_namespace, lacking, message, mkfifo, nonzero, procfs, program,
    report, without_privilege,
};
use crate::samples::socket_table::HEADER;

#[test]
fn the_tables_of_this_system_are_counted() {
    assert!(report(&mut program()).starts_with("{\n    \"tcp4\": {\n        \"FIN_WAIT1\": "));
    report(program().args(["-a", "/proc/self"]));
}

#[test]
fn missing_ipv6_tables_are_zero() {
    let procfs = procfs(&[("tcp", &[HEADER, ESTABLISHED].concat())]);
    assert_eq!(nonzero(counts(program().arg(procfs.path()))), ["tcp4.ESTABLISHED 1"]);
}

#[test]
fn a_disconnected_udp_socket_may_have_a_remote_address() {
    // connect(2) with AF_UNSPEC clears the remote port of a UDP socket over
    // IPv6, and keeps the address: `__udp_disconnect` in net/ipv4/udp.c.
    let row = "14570: 00000000000000000000000000000000:1388 \
               00000000000000000000000001000000:0000 07 00000000:00000000\n";
    let procfs = procfs(&[("udp6", &[HEADER, row].concat())]);
    for options in [&[][..], &["-a"]] {
        let counts = counts(program().args(options).arg(procfs.path()));
        assert_eq!(nonzero(counts), ["udp6.CLOSE 1"], "{options:?}");
    }
}

#[test]
fn missing_ipv4_tables_are_errors() {
    for table in ["tcp", "udp"] {
        let procfs = procfs(&[]);
        fs::remove_file(procfs.path().join("net").join(table)).unwrap();
        let message = message(procfs.path(), table, "No such file or directory");
        fails(program().arg(procfs.path()), 1, &message);
    }
    let message = "network-connections: /nowhere: No such file or directory\n";
    fails(program().arg("/nowhere"), 1, message);
    let message = "network-connections: /dev/null: Not a directory\n";
    fails(program().arg("/dev/null"), 1, message);
}

#[test]
fn unreadable_tables_are_errors() {
    type MakeUnreadable = fn(&Path) -> io::Result<()>;
    let cases: [(MakeUnreadable, &str); 4] = [
        (|table| fs::create_dir(table), "Is a directory"),
        (|table| symlink(table, table), "Too many levels of symbolic links"),
        (|table| UnixListener::bind(table).map(drop), "No such device or address"),
        // The program can open this file of procfs, but a read at offset 0
        // fails.
        (|table| symlink("/proc/self/mem", table), "Input/output error"),
    ];
    for table in TABLES {
        for (make_unreadable, reason) in cases {
            let procfs = procfs(&[]);
            let path = procfs.path().join("net").join(table);
            let _ = fs::remove_file(&path);
            make_unreadable(&path).unwrap();
            fails(program().arg(procfs.path()), 1, &message(procfs.path(), table, reason));
        }
    }
}

#[test]
fn a_table_without_read_permission_is_an_error() {
    for table in TABLES {
        let procfs = procfs(&[(table, HEADER)]);
        let path = procfs.path().join("net").join(table);
        fs::set_permissions(&path, Permissions::from_mode(0o000)).unwrap();
        let mut program = program();
        without_privilege(&mut program);
        let message = message(procfs.path(), table, "Permission denied");
        fails(program.arg(procfs.path()), 1, &message);
    }
}

#[test]
fn a_path_that_is_too_long_is_an_error() {
    let path = "/x".repeat(2500);
    let shown = &path[..1024];
    let message = format!("network-connections: {shown}...: File name too long\n");
    fails(program().arg(&path), 1, &message);
}

#[test]
fn a_line_that_is_not_a_row_is_an_error() {
    for table in TABLES {
        let content = format!("{HEADER}\x1b]0;hello\x07 w\u{f6}rld\\\n");
        let procfs = procfs(&[(table, &content)]);
        let error = r"line 2 is not a row of this table: '\x1b]0;hello\x07 w\xc3\xb6rld\x5c'";
        fails(program().arg(procfs.path()), 1, &message(procfs.path(), table, error));
    }
    let garbage = "x".repeat(10_000);
    let procfs = procfs(&[("tcp", &[HEADER, ESTABLISHED, LISTEN, &garbage].concat())]);
    let error = format!("line 4 is not a row of this table: '{}'", "x".repeat(91));
    fails(program().arg(procfs.path()), 1, &message(procfs.path(), "tcp", &error));
}

#[test]
fn a_file_without_the_header_is_an_error() {
    let rows = [ESTABLISHED, LISTEN].concat();
    let cases = [
        // WSL 1 and illumos have empty files.
        ("", String::new()),
        ("\n", String::new()),
        ("Permission denied by policy\n", "Permission denied by policy".into()),
        (&rows, ESTABLISHED.trim_end().into()),
    ];
    for table in TABLES {
        for (content, shown) in &cases {
            let procfs = procfs(&[(table, content)]);
            let reason = format!("line 1 is not the header of a socket table: '{shown}'");
            let message = message(procfs.path(), table, &reason);
            for option in ["-a", "-qtcp", "-fprometheus"] {
                fails(program().arg(option).arg(procfs.path()), 1, &message);
            }
        }
    }
}

#[test]
fn a_missing_net_directory_is_explained_for_procfs() {
    let test = test_name!();
    if !in_namespace(test, libc::CLONE_NEWNS) {
        return;
    }
    let mount = |source: &CStr, directory: &CStr, flags, options: &CStr| {
        let (source, directory) = (source.as_ptr(), directory.as_ptr());
        let (kind, options) = (c"proc".as_ptr(), options.as_ptr().cast());
        // SAFETY: all pointers point at C strings.
        unsafe { libc::mount(source, directory, kind, flags, options) }
    };
    // With private mounts, other namespaces do not see the new procfs.
    assert_eq!(mount(c"/", c"/", libc::MS_REC | libc::MS_PRIVATE, c""), 0);
    let is_mounted = mount(c"proc", c"/proc", 0, c"subset=pid");
    if is_mounted != 0 {
        return lacking(
            test,
            &format!("no procfs with subset=pid: {}", io::Error::last_os_error()),
        );
    }
    let reason =
        "No such file or directory (is procfs mounted? with subset=pid, try PATH /proc/self)";
    let failure = |table| message(Path::new("/proc"), table, reason);
    fails(&mut program(), 1, &failure("tcp"));
    fails(program().arg("--conntrack"), 1, &failure("nf_conntrack"));
    report(program().arg("/proc/self"));
}

#[test]
fn a_table_that_arrives_byte_by_byte_is_counted() {
    let procfs = procfs(&[]);
    let fifo = procfs.path().join("net/tcp6");
    let address = "00000000000000000000000001000000";
    let row = |slot, state| format!("{slot:4}: {address}:1F90 {address}:C001 {state} 0000\n");
    let table = [HEADER, &row(0, "01"), &row(12345, "06"), &row(2, "08")].concat();
    mkfifo(&fifo).unwrap();
    let writer = thread::spawn(move || {
        let mut fifo = OpenOptions::new().write(true).open(fifo).unwrap();
        for byte in table.as_bytes() {
            fifo.write_all(&[*byte]).unwrap();
            while unread(&fifo) > 0 {
                thread::yield_now();
            }
        }
    });
    let expected = ["tcp6.CLOSE_WAIT 1", "tcp6.ESTABLISHED 1", "tcp6.TIME_WAIT 1"];
    assert_eq!(nonzero(counts(program().arg(procfs.path()))), expected);
    writer.join().unwrap();
}

/// Returns the number of bytes in a pipe that nobody has read yet.
fn unread(pipe: &File) -> libc::c_int {
    let mut bytes = 0;
    // SAFETY: FIONREAD writes one int, and `bytes` is an int that outlives the
    // call.
    assert_eq!(unsafe { libc::ioctl(pipe.as_raw_fd(), libc::FIONREAD, &mut bytes) }, 0);
    bytes
}
