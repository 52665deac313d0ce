//! Counts of tracked connections (`--conntrack`), as the program prints them.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Output};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::harness::supervisor::{Answer, Call, can_supervise, supervise};
use crate::harness::{
    NOBODY, become_user, failed, fails, has_table, in_namespace, mkfifo, native, program, refusal,
    report, skipped, without_privilege,
};
use crate::oracles::command_line::always_zero;
use crate::oracles::conntrack_table as conntrack_oracle;
use crate::samples::conntrack_table::fixtures;

/// A table of eight rows: TCP, UDP, ICMP and GRE over IPv4, and TCP over IPv6.
const TABLE: &str = "\
    ipv4     2 tcp      6 431999 ESTABLISHED src=192.0.2.1 dst=198.51.100.2 sport=40000 dport=443 \
     src=198.51.100.2 dst=203.0.113.3 sport=443 dport=1024 [ASSURED] mark=0 use=1\n\
    ipv4     2 tcp      6 117 SYN_SENT src=192.0.2.1 dst=198.51.100.2 sport=40001 dport=25 [UNREPLIED] \
     src=198.51.100.2 dst=203.0.113.3 sport=25 dport=40001 mark=0 use=1\n\
    ipv4     2 tcp      6 src=192.0.2.1 dst=198.51.100.2 sport=40002 dport=443 src=198.51.100.2 \
     dst=203.0.113.3 sport=443 dport=40002 [OFFLOAD] mark=0 use=2\n\
    ipv6     10 tcp      6 98 TIME_WAIT src=2001:0db8:: dst=2001:0db8:: sport=40000 dport=80 \
     src=2001:0db8:: dst=2001:0db8:: sport=80 dport=40000 [ASSURED] mark=0 use=1\n\
    ipv4     2 udp      17 29 src=192.0.2.1 dst=198.51.100.2 sport=40001 dport=53 [UNREPLIED] \
     src=198.51.100.2 dst=203.0.113.3 sport=53 dport=40001 mark=0 use=1\n\
    ipv4     2 udp      17 179 src=192.0.2.1 dst=198.51.100.2 sport=0 dport=443 src=198.51.100.2 \
     dst=203.0.113.3 sport=443 dport=0 mark=0 use=1\n\
    ipv4     2 icmp     1 29 src=192.0.2.1 dst=198.51.100.2 type=8 code=0 id=443 src=198.51.100.2 \
     dst=192.0.2.1 type=0 code=0 id=443 mark=0 use=1\n\
    ipv4     2 gre      47 29 timeout=30, stream_timeout=180 src=192.0.2.1 dst=198.51.100.2 srckey=0x0 \
     dstkey=0x1bb [UNREPLIED] src=198.51.100.2 dst=192.0.2.1 srckey=0x1bb dstkey=0x0 mark=0 use=1\n\
";

const COUNT: &str = "sys/net/netfilter/nf_conntrack_count";
const MAX: &str = "sys/net/netfilter/nf_conntrack_max";

/// Creates a procfs directory with a table, and with the files in `fill`, which
/// hold the number of entries or the limit of the table.
fn procfs(table: &str, fill: &[(&str, &str)]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("net")).unwrap();
    fs::write(directory.path().join("net/nf_conntrack"), table).unwrap();
    if !fill.is_empty() {
        fs::create_dir_all(directory.path().join("sys/net/netfilter")).unwrap();
    }
    for (name, content) in fill {
        fs::write(directory.path().join(name), content).unwrap();
    }
    directory
}

/// Creates a procfs directory with [`TABLE`] and a limit of 18. The number of
/// entries is 9, although the table has only 8 rows, because a row may end
/// between two reads.
fn half_full_procfs() -> TempDir {
    procfs(TABLE, &[(COUNT, "9\n"), (MAX, "18\n")])
}

/// Returns a command that counts tracked connections, with a fixed environment
/// for the collectd format.
fn conntrack(arguments: &[&str], procfs: &Path) -> Command {
    let mut program = program();
    program.env("COLLECTD_HOSTNAME", "here").env_remove("COLLECTD_INTERVAL");
    program.arg("--conntrack").args(arguments).arg(procfs);
    program
}

/// Returns the message for a failure on a file in a procfs directory.
fn message(procfs: &Path, file: &str, reason: &str) -> String {
    format!("network-connections: {}/{file}: {reason}\n", procfs.display())
}

/// Runs the program as a monitoring plugin. Returns the exit status and the
/// line.
fn run_check(command: &mut Command) -> (Option<i32>, String) {
    status_and_line(command.output().unwrap())
}

/// Asserts that standard error is empty. Returns the exit status and the text
/// on standard output.
fn status_and_line(output: Output) -> (Option<i32>, String) {
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

/// Returns the exit status and the line of a check that fails with this
/// message.
fn unknown_check(message: &str) -> (Option<i32>, String) {
    (Some(3), message.replace("network-connections: ", "NETWORK-CONNECTIONS UNKNOWN - "))
}

#[test]
fn conntrack_keys_are_valid_only_with_the_option() {
    let procfs = half_full_procfs();
    let cases: [(&str, u32); 25] = [
        ("tcp4", 3),
        ("tcp6", 1),
        ("tcp", 4),
        ("udp4", 2),
        ("udp6", 0),
        ("udp", 2),
        ("other4", 2),
        ("other6", 0),
        ("other", 2),
        ("all", 8),
        ("tcp.ESTABLISHED", 1),
        ("tcp6.TIME_WAIT", 1),
        ("tcp4.TIME_WAIT", 0),
        ("all.SYN_SENT", 1),
        ("tcp4.UNKNOWN", 1),
        ("all.UNKNOWN", 1),
        ("all.UNREPLIED", 3),
        ("other4.UNREPLIED", 1),
        ("udp.REPLIED", 1),
        ("all.ASSURED", 2),
        ("tcp.OFFLOAD", 1),
        ("table.entries", 9),
        ("table.limit", 18),
        ("table.percent", 50),
        // The 5 rows with a reply, as a percentage of the limit.
        ("table.replied_percent", 27),
    ];
    let keys = cases.map(|(key, _)| format!("-q{key}"));
    let expected = cases.map(|(_, number)| format!("{number}\n")).concat();
    assert_eq!(report(conntrack(&[], procfs.path()).args(&keys)), expected);
    // `--conntrack` may come before or after the keys.
    assert_eq!(report(program().args(&keys).arg(procfs.path()).arg("--conntrack")), expected);
    for line in [
        ["-q", "other4", "--conntrack"],
        ["--conntrack", "-q", "other4"],
        ["--conntrack", "--query", "other4"],
        ["--all", "--conntrack", "-qother4"],
    ] {
        assert_eq!(report(program().args(line).arg(procfs.path())), "2\n", "{line:?}");
    }
    for key in ["table", "tcp.entries", "table.ESTABLISHED", "tcp.FIN_WAIT1", "all.LISTEN"] {
        let reason = format!("invalid KEY '{key}' (expected GROUP or GROUP.STATE)");
        assert_eq!(refusal(&mut conntrack(&["-q", key], procfs.path())), reason);
        assert_eq!(refusal(program().args(["-q", key, "--conntrack"])), reason);
    }
    for key in ["other", "table.entries", "tcp.SYN_SENT2", "all.ASSURED"] {
        let reason = format!("invalid KEY '{key}' (expected GROUP or GROUP.STATE)");
        assert_eq!(refusal(program().args(["-q", key])), reason);
        // After `--`, `--conntrack` is a path.
        assert_eq!(refusal(program().args(["-q", key, "--", "--conntrack"])), reason);
    }
}

#[test]
fn as_many_queries_fit_as_sockets_have_keys() {
    let procfs = half_full_procfs();
    let keys = |number| std::iter::repeat_n("-qtable.entries", number);
    let expected = "9\n".repeat(91);
    assert_eq!(report(conntrack(&[], procfs.path()).args(keys(91))), expected);
    let reason = "too many of option '-q'";
    assert_eq!(refusal(conntrack(&[], procfs.path()).args(keys(92))), reason);
}

#[test]
fn the_program_agrees_with_the_oracle_on_every_kernel_generation() {
    for fixture in fixtures() {
        let table = fs::read_to_string(fixture.join("net/nf_conntrack")).unwrap();
        let counts = conntrack_oracle::counts(&table);
        // A command line has at most 91 queries.
        let keys: Vec<&String> =
            counts.keys().filter(|key| always_zero(true, false, &[], key).is_none()).collect();
        for keys in keys.chunks(91) {
            let mut program = conntrack(&[], &fixture);
            let expected = keys.iter().map(|key| format!("{}\n", counts[*key]));
            program.args(keys.iter().map(|key| format!("-q{key}")));
            assert_eq!(report(&mut program), expected.collect::<String>(), "{fixture:?}");
        }
        let json = report(&mut conntrack(&[], &fixture));
        let fill = [COUNT, MAX].map(|name| match fs::read_to_string(fixture.join(name)) {
            Ok(number) => number.trim().to_string(),
            Err(_) => "null".to_string(),
        });
        let fill = format!("\"table\": {{\"entries\": {}, \"limit\": {}}}\n}}\n", fill[0], fill[1]);
        assert!(json.ends_with(&fill), "{fixture:?}: {json}");
        assert_eq!(json, report(native().arg("--conntrack").arg(&fixture)), "{fixture:?}");
    }
}

#[test]
fn port_options_use_the_original_direction() {
    let procfs = half_full_procfs();
    let cases: [(&[&str], &str); 12] = [
        (&[], "4 2 2 8"),
        (&["--local-port=40000"], "2 0 0 2"),
        (&["--remote-port=40000"], "0 0 0 0"),
        (&["--remote-port=443"], "2 1 0 3"),
        (&["--local-port=443"], "0 0 0 0"),
        (&["--local-port=40001", "--remote-port=53"], "0 1 0 1"),
        (&["--local-port=40001", "--remote-port=443"], "0 0 0 0"),
        (&["--remote-port=25", "--remote-port=80"], "2 0 0 2"),
        (&["--local-port=0"], "0 1 0 1"),
        (&["--remote-port=0"], "0 0 0 0"),
        (&["--local-port=65535", "--local-port=255"], "0 0 0 0"),
        (&["--all", "--local-port=40001"], "1 1 0 2"),
    ];
    for (arguments, expected) in cases {
        let mut program = conntrack(&["-qtcp", "-qudp", "-qother", "-qall"], procfs.path());
        let counted = report(program.args(arguments)).replace('\n', " ");
        assert_eq!(counted.trim_end(), expected, "{arguments:?}");
    }
    // Only replied_percent depends on the ports.
    let keys = ["-qtable.entries", "-qtable.percent", "-qtable.replied_percent"];
    let mut program = conntrack(&keys, procfs.path());
    assert_eq!(report(program.arg("--remote-port=443")), "9\n50\n16\n");
}

#[test]
fn a_table_longer_than_one_read_is_counted() {
    let rows = 5000;
    let procfs = procfs(&TABLE.repeat(rows), &[(COUNT, "40000\n"), (MAX, "65536\n")]);
    let keys = ["tcp4", "tcp6", "udp", "other4", "all.UNREPLIED", "table.percent"];
    let expected =
        format!("{}\n{}\n{}\n{}\n{}\n61\n", 3 * rows, rows, 2 * rows, 2 * rows, 3 * rows);
    let mut program = conntrack(&[], procfs.path());
    assert_eq!(report(program.args(keys.map(|key| format!("-q{key}")))), expected);
}

#[test]
fn a_check_compares_counts_with_ranges() {
    let procfs = half_full_procfs();
    let cases: [(&[&str], i32, &str); 6] = [
        (
            &["-w", "table.percent=80", "-c", "table.percent=95"],
            0,
            "OK - table.percent is 50 | 'table.percent'=50;80;95;0;",
        ),
        (
            &["-w", "table.percent=49", "-c", "table.percent=95"],
            1,
            "WARNING - table.percent is 50 (outside 0:49) | 'table.percent'=50;49;95;0;",
        ),
        (
            &["-c", "table.replied_percent=26"],
            2,
            "CRITICAL - table.replied_percent is 27 (outside 0:26) | \
             'table.replied_percent'=27;;26;0;",
        ),
        (
            &["-w", "all.UNREPLIED=@3", "-c", "table.entries=8:9"],
            1,
            "WARNING - all.UNREPLIED is 3 (inside 0:3) | 'all.UNREPLIED'=3;@3;;0; \
             'table.entries'=9;;8:9;0;",
        ),
        (
            &["-w", "table.limit=18:18", "-w", "tcp.ESTABLISHED=1"],
            0,
            "OK - table.limit is 18, tcp.ESTABLISHED is 1 | 'table.limit'=18;18:18;;0; \
             'tcp.ESTABLISHED'=1;1;;0;",
        ),
        // Both ranges of a key apply, in any order.
        (
            &["-c", "other=2", "-w", "other=1"],
            1,
            "WARNING - other is 2 (outside 0:1) | 'other'=2;1;2;0;",
        ),
    ];
    for (arguments, status, line) in cases {
        let expected = (Some(status), format!("NETWORK-CONNECTIONS {line}\n"));
        assert_eq!(run_check(&mut conntrack(arguments, procfs.path())), expected);
        let mut program = program();
        program.args(arguments).arg(procfs.path()).arg("--conntrack");
        assert_eq!(run_check(&mut program), expected, "{program:?}");
    }
    let (status, line) = run_check(&mut conntrack(&["-wtcp.entries=1"], procfs.path()));
    assert_eq!(status, Some(3));
    let start =
        "NETWORK-CONNECTIONS UNKNOWN - invalid KEY 'tcp.entries' (expected GROUP or GROUP.STATE)";
    assert!(line.starts_with(start), "{line}");
}

#[test]
fn the_output_file_has_the_text_of_standard_output() {
    let cases: [&[&str]; 7] = [
        &[],
        &["-fndjson"],
        &["-fprometheus"],
        &["-finflux"],
        &["-fcollectd"],
        &["-qtcp", "-qall.ASSURED"],
        &["-wtcp=0:"],
    ];
    for procfs in [half_full_procfs(), procfs(TABLE, &[])] {
        for options in cases {
            let expected = report(&mut conntrack(options, procfs.path()));
            assert!(expected.lines().count() > 0, "{options:?}");
            let directory = tempfile::tempdir().unwrap();
            let file = directory.path().join("FILE");
            assert_eq!(report(conntrack(options, procfs.path()).arg("-o").arg(&file)), "");
            assert_eq!(fs::read_to_string(&file).unwrap(), expected);
            assert_eq!(fs::read_dir(&directory).unwrap().count(), 1);
            // A run that fails leaves the file unchanged.
            let failed_run =
                conntrack(options, Path::new("/nowhere")).arg("-o").arg(&file).output();
            assert!(!failed_run.unwrap().status.success());
            assert_eq!(fs::read_to_string(&file).unwrap(), expected);
        }
    }
}

#[test]
fn the_socket_tables_are_not_read() {
    let procfs = half_full_procfs();
    let expected = report(&mut conntrack(&[], procfs.path()));
    for table in ["tcp", "tcp6", "udp", "udp6"] {
        fs::write(procfs.path().join("net").join(table), "garbage\ngarbage\n").unwrap();
    }
    for arguments in [&[][..], &["--all"], &["--source=proc"], &["--source=auto"]] {
        assert_eq!(report(&mut conntrack(arguments, procfs.path())), expected, "{arguments:?}");
    }
}

#[test]
fn a_missing_table_is_an_error() {
    type Change = fn(&Path) -> io::Result<()>;
    let cases: [(&str, Change); 3] = [
        // The kernel of Ubuntu has only the files of the fill.
        ("The kernel lacks CONFIG_NF_CONNTRACK_PROCFS", |_| Ok(())),
        ("No such file or directory", |procfs| fs::remove_file(procfs.join(COUNT))),
        // A row as Linux 2.4 prints it.
        (
            "No such file or directory (the kernel has only ip_conntrack, which is not supported)",
            |procfs| fs::write(procfs.join("net/ip_conntrack"), TABLE.replace("ipv4     2 ", "")),
        ),
    ];
    for (reason, change) in cases {
        let procfs = half_full_procfs();
        fs::remove_file(procfs.path().join("net/nf_conntrack")).unwrap();
        change(procfs.path()).unwrap();
        let message = message(procfs.path(), "net/nf_conntrack", reason);
        for options in
            [&[][..], &["-fprometheus"], &["-qtcp"], &["-qtable.entries"], &["--source=auto"]]
        {
            fails(&mut conntrack(options, procfs.path()), 1, &message);
        }
        assert_eq!(run_check(&mut conntrack(&["-wtcp=1"], procfs.path())), unknown_check(&message));
    }
    let message = "network-connections: /dev/null: Not a directory\n";
    fails(&mut conntrack(&[], Path::new("/dev/null")), 1, message);
}

#[test]
fn an_unreadable_table_is_an_error() {
    let procfs = half_full_procfs();
    let path = procfs.path().join("net/nf_conntrack");
    fs::set_permissions(&path, Permissions::from_mode(0o000)).unwrap();
    let message =
        message(procfs.path(), "net/nf_conntrack", "Permission denied (only root may read it)");
    for options in [&[][..], &["-qtcp"], &["-qtable.percent"]] {
        let mut program = conntrack(options, procfs.path());
        without_privilege(&mut program);
        fails(&mut program, 1, &message);
    }
    let mut program = conntrack(&["-ctcp=1"], procfs.path());
    without_privilege(&mut program);
    assert_eq!(run_check(&mut program), unknown_check(&message));

    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    let message = self::message(procfs.path(), "net/nf_conntrack", "Is a directory");
    fails(&mut conntrack(&[], procfs.path()), 1, &message);
    fs::remove_dir(&path).unwrap();
    // The program can open this file, but a read at offset 0 fails.
    symlink("/proc/self/mem", &path).unwrap();
    let message = self::message(procfs.path(), "net/nf_conntrack", "Input/output error");
    fails(&mut conntrack(&[], procfs.path()), 1, &message);
}

#[test]
fn only_root_may_read_the_table_of_the_kernel() {
    let test = test_name!();
    if !has_table(test) {
        return;
    }
    let mut program = program();
    program.arg("--conntrack");
    match become_user(&mut program, NOBODY).output() {
        Ok(output) => {
            let message = "network-connections: /proc/net/nf_conntrack: Permission denied (only root may read it)\n";
            assert_eq!(String::from_utf8_lossy(&output.stderr), message);
            assert_eq!((output.status.code(), output.stdout), (Some(1), vec![]));
        }
        Err(error) => skipped(test, &format!("user nobody cannot run the program: {error}")),
    }
}

#[test]
fn a_failure_to_open_the_table_is_explained() {
    let test = test_name!();
    if !can_supervise(test) {
        return;
    }
    // The program cannot open a file whose path contains one of these texts:
    // only the table, the table and the files of its fill, or every file.
    let [table, tracking, all] = ["net/nf_conntrack", "nf_conntrack", ""];
    let not_loaded = "/proc/net/nf_conntrack: \
                      No such file or directory (is nf_conntrack loaded? OpenWrt: kmod-nf-conntrack)";
    let not_shown = "/proc/net/nf_conntrack: The kernel lacks CONFIG_NF_CONNTRACK_PROCFS";
    let not_mounted = "/proc/net/nf_conntrack: No such file or directory \
                       (is procfs mounted? with subset=pid, try PATH /proc/self)";
    let cases: [(libc::c_int, &str, &[&str], &str); 11] = [
        (libc::ENOENT, tracking, &[], not_loaded),
        // Without the table, auto has no other source.
        (libc::ENOENT, tracking, &["--source=auto"], not_loaded),
        (libc::ENOENT, tracking, &["/proc"], not_loaded),
        (libc::ENOENT, table, &[], not_shown),
        (libc::ENOENT, "/proc/net", &[], not_mounted),
        (libc::ENOENT, all, &[], "/proc: No such file or directory"),
        // In another directory than /proc, the table may be missing for other
        // reasons.
        (
            libc::ENOENT,
            tracking,
            &["/proc/1"],
            "/proc/1/net/nf_conntrack: No such file or directory",
        ),
        (libc::EACCES, all, &[], "/proc: Permission denied"),
        (
            libc::EACCES,
            table,
            &[],
            "/proc/net/nf_conntrack: Permission denied (only root may read it)",
        ),
        (libc::EMFILE, all, &[], "/proc: Too many open files"),
        (libc::EMFILE, table, &[], "/proc/net/nf_conntrack: Too many open files"),
    ];
    let is_tracking = Path::new("/proc/sys/net/netfilter/nf_conntrack_count").exists();
    for (errno, name, arguments, reason) in cases {
        if reason == not_shown && !is_tracking {
            skipped(test, "this kernel has no /proc/sys/net/netfilter/nf_conntrack_count");
            continue;
        }
        let run =
            |option: &[&str]| {
                let mut program = program();
                program.arg("--conntrack").args(option).args(arguments);
                let opens_it = |call: &Call| call.name == "openat" && call.file.contains(name);
                supervise(&mut program, |call| {
                    if opens_it(call) { Answer::Fail(errno) } else { Answer::GoOn }
                })
                .output
            };
        let message = format!("network-connections: {reason}\n");
        failed(run(&[]), 1, &message, reason);
        assert_eq!(status_and_line(run(&["-wtcp=1"])), unknown_check(&message));
    }
}

#[test]
fn a_line_that_is_not_a_row_is_an_error() {
    let garbage = "\x1b]0;hello\x07 w\u{f6}rld|\\\n";
    let shown = r"\x1b]0;hello\x07 w\xc3\xb6rld\x7c\x5c";
    let row = TABLE.lines().next().unwrap();
    let (cut, _) = row.split_once("src=").unwrap();
    let long = format!("{row} {}\n", "x".repeat(20_000));
    let cases = [
        (garbage.to_string(), 1, shown),
        (format!("{TABLE}{garbage}{TABLE}"), 9, shown),
        (format!("{TABLE}\n{TABLE}"), 9, ""),
        (format!("{TABLE}{cut}\n{TABLE}"), 9, cut),
        (format!("{TABLE}{cut}"), 9, cut),
        (format!("{}{garbage}", TABLE.repeat(1000)), 8001, shown),
        // A row that is longer than the buffer is malformed.
        (format!("{TABLE}{long}{TABLE}"), 9, &row[..91]),
        ("  sl  local_address rem_address   st\n".to_string(), 1, {
            "  sl  local_address rem_address   st"
        }),
    ];
    for (table, number, shown) in cases {
        let procfs = procfs(&table, &[(COUNT, "9\n"), (MAX, "18\n")]);
        let reason = format!("line {number} is not a row of this table: '{shown}'");
        let message = message(procfs.path(), "net/nf_conntrack", &reason);
        for options in [&[][..], &["-fcollectd"], &["-qtable.entries"], &["--local-port=80"]] {
            fails(&mut conntrack(options, procfs.path()), 1, &message);
        }
        assert_eq!(run_check(&mut conntrack(&["-wtcp=1"], procfs.path())), unknown_check(&message));
    }
    // An empty table is valid, and so is a row that nearly fills the buffer.
    let empty = procfs("", &[]);
    assert_eq!(report(&mut conntrack(&["-qall"], empty.path())), "0\n");
    let long = procfs(&format!("{row} {}\n{TABLE}", "x".repeat(15_000)), &[]);
    assert_eq!(report(&mut conntrack(&["-qall"], long.path())), "9\n");
}

/// Returns the entries and the limit of the table in the JSON report.
fn reported_fill(procfs: &Path) -> String {
    let json = report(&mut conntrack(&[], procfs));
    let (_, table) = json.split_once("\n    \"table\": ").unwrap();
    table.strip_suffix("\n}\n").unwrap().to_string()
}

const UNKNOWN_FILL: &str = "{\"entries\": null, \"limit\": null}";

#[test]
fn a_report_without_the_fill_of_the_table_succeeds() {
    let known: BTreeMap<&str, &str> = [(COUNT, "9\n"), (MAX, "18\n")].into();
    assert_eq!(reported_fill(half_full_procfs().path()), "{\"entries\": 9, \"limit\": 18}");
    let numbers =
        ["", "\n", "x", "9x\n", " 9\n", "-9\n", "+9\n", "0x9\n", "9 \n", "9.0\n", "\09\n"];
    for file in [COUNT, MAX] {
        for number in numbers {
            let mut files = known.clone();
            files.insert(file, number);
            let files: Vec<(&str, &str)> = files.into_iter().collect();
            let procfs = procfs(TABLE, &files);
            assert_eq!(reported_fill(procfs.path()), UNKNOWN_FILL, "{file}: {number:?}");
        }
    }
    // The other formats omit an unknown fill, and only the fill.
    let (with, without) = (half_full_procfs(), procfs(TABLE, &[]));
    assert_eq!(reported_fill(without.path()), UNKNOWN_FILL);
    for (format, lines) in [("prometheus", 6), ("influx", 1), ("collectd", 2)] {
        let [with, without] = [&with, &without].map(|procfs| {
            let text = report(&mut conntrack(&["-f", format], procfs.path()));
            text.lines().map(str::to_string).collect::<Vec<_>>()
        });
        assert_eq!(with[..with.len() - lines], without, "{format}");
    }
    // A number needs no newline. A number that is too large saturates.
    let procfs = procfs(TABLE, &[(COUNT, "9"), (MAX, "99999999999999999999")]);
    let keys = ["-qtable.limit", "-qtable.entries", "-qtable.percent", "-qtable.replied_percent"];
    assert_eq!(report(&mut conntrack(&keys, procfs.path())), "4294967295\n9\n0\n0\n");
}

#[test]
fn a_limit_of_minus_1_is_no_limit() {
    let procfs = procfs(TABLE, &[(COUNT, "9\n"), (MAX, "-1\n")]);
    let keys = ["-qtable.limit", "-qtable.percent"];
    assert_eq!(report(&mut conntrack(&keys, procfs.path())), "0\n0\n");
}

#[test]
fn a_number_may_come_in_parts() {
    let procfs = procfs(TABLE, &[(MAX, "500000\n")]);
    let fifo = procfs.path().join(COUNT);
    mkfifo(&fifo).unwrap();
    let writer = thread::spawn(move || {
        let mut file = OpenOptions::new().write(true).open(fifo).unwrap();
        file.write_all(b"2").unwrap();
        thread::sleep(Duration::from_millis(100));
        file.write_all(b"50000\n").unwrap();
    });
    assert_eq!(report(&mut conntrack(&["-qtable.entries"], procfs.path())), "250000\n");
    writer.join().unwrap();
}

#[test]
fn a_limit_of_32_bits_is_counted_and_checked() {
    for (limit, status) in
        [("3000000000\n", 1), ("3999999999\n", 1), ("4000000000\n", 0), ("4294967295\n", 0)]
    {
        let procfs = procfs(TABLE, &[(COUNT, "9\n"), (MAX, limit)]);
        assert_eq!(report(&mut conntrack(&["-qtable.limit"], procfs.path())), limit);
        let check = &mut conntrack(&["-wtable.limit=4000000000:"], procfs.path());
        let (exit_status, line) = run_check(check);
        assert_eq!(exit_status, Some(status), "{line}");
        assert!(line.contains(&format!(" - table.limit is {}", limit.trim_end())), "{line}");
    }
}

/// Asserts that queries and checks of the fill fail, because the program cannot
/// read `file`, and that queries and checks of counts succeed.
fn assert_only_fill_fails(procfs: &Path, file: &str, reason: &str) {
    let message = message(procfs, file, reason);
    for key in ["entries", "limit", "percent", "replied_percent"] {
        let query = format!("-qtable.{key}");
        fails(&mut conntrack(&["-qtcp", &query], procfs), 1, &message);
        for option in ["-w", "-c"] {
            let range = format!("{option}table.{key}=~:");
            assert_eq!(
                run_check(&mut conntrack(&[&range, "-wtcp=~:"], procfs)),
                unknown_check(&message)
            );
        }
    }
    assert_eq!(report(&mut conntrack(&["-qtcp", "-qall"], procfs)), "4\n8\n");
    let (status, line) = run_check(&mut conntrack(&["-wtcp=~:"], procfs));
    assert_eq!(
        (status, line.as_str()),
        (Some(0), "NETWORK-CONNECTIONS OK - tcp is 4 | 'tcp'=4;~:;;0;\n")
    );
}

#[test]
fn a_query_for_an_unreadable_count_fails() {
    let missing = "No such file or directory";
    assert_only_fill_fails(procfs(TABLE, &[]).path(), COUNT, missing);
    assert_only_fill_fails(procfs(TABLE, &[(MAX, "18\n")]).path(), COUNT, missing);
    let garbage = procfs(TABLE, &[(COUNT, "many\n"), (MAX, "18\n")]);
    assert_only_fill_fails(garbage.path(), COUNT, "Invalid argument");
}

#[test]
fn a_query_for_an_unreadable_limit_fails() {
    assert_only_fill_fails(
        procfs(TABLE, &[(COUNT, "9\n")]).path(),
        MAX,
        "No such file or directory",
    );
    let garbage = procfs(TABLE, &[(COUNT, "9\n"), (MAX, "\n")]);
    assert_only_fill_fails(garbage.path(), MAX, "Invalid argument");
    let directory = procfs(TABLE, &[(COUNT, "9\n")]);
    fs::create_dir(directory.path().join(MAX)).unwrap();
    assert_only_fill_fails(directory.path(), MAX, "Is a directory");
}

#[test]
fn the_fill_is_known_only_in_the_programs_network_namespace() {
    let test = test_name!();
    let count = Path::new("/proc").join(COUNT);
    if !count.exists() || !in_namespace(test, libc::CLONE_NEWNET) {
        if !count.exists() {
            skipped(test, "this kernel tracks no connections");
        }
        return;
    }
    // `ns/net` makes the directory look like the directory of a process.
    let limit = fs::read_to_string(Path::new("/proc").join(MAX)).unwrap();
    let own_fill = format!("{{\"entries\": 0, \"limit\": {}}}", limit.trim());
    let ours = fs::read_link("/proc/self/ns/net").unwrap();
    let ours = ours.to_str().unwrap();
    let longer = format!("{ours}0");
    let cases = [
        (Some(ours), own_fill.as_str()),
        (Some(&ours[..ours.len() - 1]), UNKNOWN_FILL),
        (Some(&longer), UNKNOWN_FILL),
        (Some("net:[1]"), UNKNOWN_FILL),
        (None, UNKNOWN_FILL),
    ];
    for (namespace, expected) in cases {
        let procfs = procfs(TABLE, &[]);
        fs::create_dir(procfs.path().join("ns")).unwrap();
        if let Some(namespace) = namespace {
            symlink(namespace, procfs.path().join("ns/net")).unwrap();
        }
        assert_eq!(reported_fill(procfs.path()), expected, "{namespace:?}");
    }
}

#[test]
fn conntrack_with_source_netlink_is_refused() {
    let reason = "--source netlink can't count with --conntrack";
    for line in [
        ["--conntrack", "--source=netlink", "-qall"],
        ["--source=netlink", "--conntrack", "--all"],
        ["--source=netlink", "/proc", "--conntrack"],
        ["-qother", "--conntrack", "--source=netlink"],
    ] {
        assert_eq!(refusal(program().args(line)), reason, "{line:?}");
    }
    let mut program = program();
    let (status, line) = run_check(program.args(["-wother=1", "--source=netlink", "--conntrack"]));
    assert_eq!(status, Some(3));
    assert!(line.starts_with(&format!("NETWORK-CONNECTIONS UNKNOWN - {reason}; see ")), "{line}");
    // The last `--source` wins.
    let procfs = half_full_procfs();
    let mut last = conntrack(&["--source=netlink", "--source=auto", "-qall"], procfs.path());
    assert_eq!(report(&mut last), "8\n");
}

#[test]
fn the_option_takes_no_value() {
    let reason = "option '--conntrack' takes no value";
    assert_eq!(refusal(program().arg("--conntrack=yes")), reason);
    for option in ["--conntrac", "--conntracks", "--nf_conntrack"] {
        assert_eq!(refusal(program().arg(option)), format!("unknown option '{option}'"));
    }
    assert_eq!(refusal(program().arg("-C")), "unknown option '-C'");
    let procfs = half_full_procfs();
    assert_eq!(report(&mut conntrack(&["--conntrack", "-qall"], procfs.path())), "8\n");
}
