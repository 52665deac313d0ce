//! Tracked connections (--conntrack), as a user or a script runs the program.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::harness::supervisor::{Answer, Call, can_supervise, supervise};
use crate::harness::{
    NOBODY, become_user, failed, fails, in_namespace, native, program, refusal, report, skipped,
    without_privilege,
};
use crate::oracles::conntrack_table as conntrack_oracle;
use crate::samples::conntrack_table::fixtures;

/// A table of eight rows: of TCP, UDP, ICMP and GRE over IPv4, and of TCP over IPv6.
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

/// A procfs directory with this table, and with these files that tell how full it is.
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

/// That with the table above, of which a row isn't there any more, and which is half full.
fn half_full() -> TempDir {
    procfs(TABLE, &[(COUNT, "9\n"), (MAX, "18\n")])
}

/// The program, for tracked connections, with nothing in its environment that it would take for collectd's.
fn conntrack(arguments: &[&str], procfs: &Path) -> Command {
    let mut program = program();
    program.env("COLLECTD_HOSTNAME", "here").env_remove("COLLECTD_INTERVAL");
    program.arg("--conntrack").args(arguments).arg(procfs);
    program
}

/// The message for a failure on a file of such a directory.
fn message(procfs: &Path, file: &str, reason: &str) -> String {
    format!("network-connections: {}/{file}: {reason}\n", procfs.display())
}

/// Runs the program as a monitor's plugin, which must say nothing on standard error, and gives its status and
/// its line.
fn check(command: &mut Command) -> (Option<i32>, String) {
    checked(command.output().unwrap())
}

fn checked(output: Output) -> (Option<i32>, String) {
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

/// What it must say and exit with if it is that for lack of a number.
fn unknown(message: &str) -> (Option<i32>, String) {
    (Some(3), message.replace("network-connections: ", "NETWORK-CONNECTIONS UNKNOWN - "))
}

#[test]
fn numbers_that_are_asked_for() {
    let procfs = half_full();
    let cases: [(&str, u32); 26] = [
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
        ("udp4.UNKNOWN", 0),
        ("all.UNKNOWN", 1),
        ("all.UNREPLIED", 3),
        ("other4.UNREPLIED", 1),
        ("udp.REPLIED", 1),
        ("all.ASSURED", 2),
        ("tcp.OFFLOAD", 1),
        ("table.entries", 9),
        ("table.limit", 18),
        ("table.percent", 50),
        // Five rows.
        ("table.replied_percent", 27),
    ];
    let keys = cases.map(|(key, _)| format!("-q{key}"));
    let expected = cases.map(|(_, number)| format!("{number}\n")).concat();
    assert_eq!(report(conntrack(&[], procfs.path()).args(&keys)), expected);
    // Wherever the option stands that tells what the keys are of.
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
        let what = format!("invalid KEY '{key}' (expected GROUP or GROUP.STATE)");
        assert_eq!(refusal(&mut conntrack(&["-q", key], procfs.path())), what);
        assert_eq!(refusal(program().args(["-q", key, "--conntrack"])), what);
    }
    for key in ["other", "table.entries", "tcp.SYN_SENT2", "all.ASSURED"] {
        let what = format!("invalid KEY '{key}' (expected GROUP or GROUP.STATE)");
        assert_eq!(refusal(program().args(["-q", key])), what);
        // Behind two dashes there is no option.
        assert_eq!(refusal(program().args(["-q", key, "--", "--conntrack"])), what);
    }
}

#[test]
fn as_many_keys_as_there_are_of_sockets() {
    let procfs = half_full();
    let keys = |number| std::iter::repeat_n("-qtable.entries", number);
    let expected = "9\n".repeat(91);
    assert_eq!(report(conntrack(&[], procfs.path()).args(keys(91))), expected);
    let what = "too many of option '-q'";
    assert_eq!(refusal(conntrack(&[], procfs.path()).args(keys(92))), what);
}

#[test]
fn tables_of_every_kernel_generation_are_counted_as_by_the_oracle() {
    for fixture in fixtures() {
        let table = fs::read_to_string(fixture.join("net/nf_conntrack")).unwrap();
        let counts = conntrack_oracle::counts(&table);
        // (No more keys can be asked for at once.)
        let keys: Vec<&String> = counts.keys().collect();
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
fn ports_are_those_of_the_original_direction() {
    let procfs = half_full();
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
    // How full the table is doesn't depend on what is counted; what is replied does.
    let keys = ["-qtable.entries", "-qtable.percent", "-qtable.replied_percent"];
    let mut program = conntrack(&keys, procfs.path());
    assert_eq!(report(program.arg("--remote-port=443")), "9\n50\n16\n");
}

#[test]
fn a_table_that_many_reads_cut() {
    let rows = 5000;
    let procfs = procfs(&TABLE.repeat(rows), &[(COUNT, "40000\n"), (MAX, "65536\n")]);
    let keys = ["tcp4", "tcp6", "udp", "other4", "all.UNREPLIED", "table.percent"];
    let expected =
        format!("{}\n{}\n{}\n{}\n{}\n61\n", 3 * rows, rows, 2 * rows, 2 * rows, 3 * rows);
    let mut program = conntrack(&[], procfs.path());
    assert_eq!(report(program.args(keys.map(|key| format!("-q{key}")))), expected);
}

#[test]
fn a_check_of_the_table() {
    let procfs = half_full();
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
        // Of one key both ranges hold, in whatever order.
        (
            &["-c", "other=2", "-w", "other=1"],
            1,
            "WARNING - other is 2 (outside 0:1) | 'other'=2;1;2;0;",
        ),
    ];
    for (arguments, status, line) in cases {
        let expected = (Some(status), format!("NETWORK-CONNECTIONS {line}\n"));
        assert_eq!(check(&mut conntrack(arguments, procfs.path())), expected);
        let mut program = program();
        program.args(arguments).arg(procfs.path()).arg("--conntrack");
        assert_eq!(check(&mut program), expected, "{program:?}");
    }
    let (status, line) = check(&mut conntrack(&["-wtcp.entries=1"], procfs.path()));
    assert_eq!(status, Some(3));
    let start =
        "NETWORK-CONNECTIONS UNKNOWN - invalid KEY 'tcp.entries' (expected GROUP or GROUP.STATE)";
    assert!(line.starts_with(start), "{line}");
}

#[test]
fn the_file_has_what_standard_output_would_have() {
    let ways: [&[&str]; 7] = [
        &[],
        &["-fndjson"],
        &["-fprometheus"],
        &["-finflux"],
        &["-fcollectd"],
        &["-qtcp", "-qall.ASSURED"],
        &["-wtcp=0:"],
    ];
    for procfs in [half_full(), procfs(TABLE, &[])] {
        for way in ways {
            let expected = report(&mut conntrack(way, procfs.path()));
            assert!(expected.lines().count() > 0, "{way:?}");
            let directory = tempfile::tempdir().unwrap();
            let file = directory.path().join("FILE");
            assert_eq!(report(conntrack(way, procfs.path()).arg("-o").arg(&file)), "");
            assert_eq!(fs::read_to_string(&file).unwrap(), expected);
            assert_eq!(fs::read_dir(&directory).unwrap().count(), 1);
            // What can't be counted leaves it as it is.
            let nowhere = conntrack(way, Path::new("/nowhere")).arg("-o").arg(&file).output();
            assert!(!nowhere.unwrap().status.success());
            assert_eq!(fs::read_to_string(&file).unwrap(), expected);
        }
    }
}

#[test]
fn nothing_but_the_table_is_read() {
    // There are no socket tables in these directories; and with them there is the same.
    let procfs = half_full();
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
    let procfs = half_full();
    fs::remove_file(procfs.path().join("net/nf_conntrack")).unwrap();
    let message = message(procfs.path(), "net/nf_conntrack", "No such file or directory");
    for way in [&[][..], &["-fprometheus"], &["-qtcp"], &["-qtable.entries"], &["--source=auto"]] {
        fails(&mut conntrack(way, procfs.path()), 1, &message);
    }
    assert_eq!(check(&mut conntrack(&["-wtcp=1"], procfs.path())), unknown(&message));
    let message = "network-connections: /dev/null/net/nf_conntrack: Not a directory\n";
    fails(&mut conntrack(&[], Path::new("/dev/null")), 1, message);
}

#[test]
fn an_unreadable_table_is_an_error() {
    let procfs = half_full();
    let path = procfs.path().join("net/nf_conntrack");
    fs::set_permissions(&path, Permissions::from_mode(0o000)).unwrap();
    let message =
        message(procfs.path(), "net/nf_conntrack", "Permission denied (only root may read it)");
    for way in [&[][..], &["-qtcp"], &["-qtable.percent"]] {
        let mut program = conntrack(way, procfs.path());
        without_privilege(&mut program);
        fails(&mut program, 1, &message);
    }
    let mut program = conntrack(&["-ctcp=1"], procfs.path());
    without_privilege(&mut program);
    assert_eq!(check(&mut program), unknown(&message));

    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    let message = self::message(procfs.path(), "net/nf_conntrack", "Is a directory");
    fails(&mut conntrack(&[], procfs.path()), 1, &message);
    fs::remove_dir(&path).unwrap();
    // A file of procfs that can be opened, and not read at address 0.
    symlink("/proc/self/mem", &path).unwrap();
    let message = self::message(procfs.path(), "net/nf_conntrack", "Input/output error");
    fails(&mut conntrack(&[], procfs.path()), 1, &message);
}

#[test]
fn the_kernels_table_is_for_root_alone() {
    let test = test_name!();
    if !Path::new("/proc/net/nf_conntrack").exists() {
        return skipped(test, "this kernel has no such table");
    }
    let mut program = program();
    program.arg("--conntrack");
    match become_user(&mut program, NOBODY).output() {
        Ok(output) => {
            let message = "network-connections: /proc/net/nf_conntrack: Permission denied (only root may read it)\n";
            assert_eq!(String::from_utf8_lossy(&output.stderr), message);
            assert_eq!((output.status.code(), output.stdout), (Some(1), vec![]));
        }
        Err(error) => skipped(test, &format!("nobody can't run the program: {error}")),
    }
}

#[test]
fn a_message_says_what_is_needed() {
    let test = test_name!();
    if !can_supervise(test) {
        return;
    }
    // What can't be opened besides: nothing else, what tells how full the table is, or anything.
    let [table, tracking, all] = ["net/nf_conntrack", "nf_conntrack", ""];
    let not_loaded = "/proc/net/nf_conntrack: \
                      No such file or directory (is nf_conntrack loaded? OpenWrt: kmod-nf-conntrack)";
    let not_shown = "/proc/net/nf_conntrack: The kernel lacks CONFIG_NF_CONNTRACK_PROCFS";
    let cases: [(libc::c_int, &str, &[&str], &str); 9] = [
        (libc::ENOENT, tracking, &[], not_loaded),
        // There is no other source.
        (libc::ENOENT, tracking, &["--source=auto"], not_loaded),
        (libc::ENOENT, tracking, &["/proc"], not_loaded),
        (libc::ENOENT, table, &[], not_shown),
        // No procfs.
        (libc::ENOENT, all, &[], not_loaded),
        // In a directory of somebody else's choice it may be missing for other reasons.
        (
            libc::ENOENT,
            tracking,
            &["/proc/1"],
            "/proc/1/net/nf_conntrack: No such file or directory",
        ),
        (
            libc::EACCES,
            all,
            &[],
            "/proc/net/nf_conntrack: Permission denied (only root may read it)",
        ),
        (
            libc::EACCES,
            table,
            &[],
            "/proc/net/nf_conntrack: Permission denied (only root may read it)",
        ),
        (libc::EMFILE, all, &[], "/proc/net/nf_conntrack: Too many open files"),
    ];
    let is_tracking = Path::new("/proc/sys/net/netfilter/nf_conntrack_count").exists();
    for (errno, name, arguments, what) in cases {
        if what == not_shown && !is_tracking {
            skipped(test, "this kernel tracks nothing");
            continue;
        }
        let run =
            |option: &[&str]| {
                let mut program = program();
                program.arg("--conntrack").args(option).args(arguments);
                let is_meant = |call: &Call| call.name == "openat" && call.file.contains(name);
                supervise(&mut program, |call| {
                    if is_meant(call) { Answer::Fail(errno) } else { Answer::GoOn }
                })
                .output
            };
        let message = format!("network-connections: {what}\n");
        failed(run(&[]), 1, &message, what);
        assert_eq!(checked(run(&["-wtcp=1"])), unknown(&message));
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
        // There isn't room for a row of any length.
        (format!("{TABLE}{long}{TABLE}"), 9, &row[..91]),
        ("  sl  local_address rem_address   st\n".to_string(), 1, {
            "  sl  local_address rem_address   st"
        }),
    ];
    for (table, number, shown) in cases {
        let procfs = procfs(&table, &[(COUNT, "9\n"), (MAX, "18\n")]);
        let what = format!("line {number} is not a row of this table: '{shown}'");
        let message = message(procfs.path(), "net/nf_conntrack", &what);
        for way in [&[][..], &["-fcollectd"], &["-qtable.entries"], &["--local-port=80"]] {
            fails(&mut conntrack(way, procfs.path()), 1, &message);
        }
        assert_eq!(check(&mut conntrack(&["-wtcp=1"], procfs.path())), unknown(&message));
    }
    // An empty table is one, and so is one whose rows are as long as they may be.
    let empty = procfs("", &[]);
    assert_eq!(report(&mut conntrack(&["-qall"], empty.path())), "0\n");
    let long = procfs(&format!("{row} {}\n{TABLE}", "x".repeat(15_000)), &[]);
    assert_eq!(report(&mut conntrack(&["-qall"], long.path())), "9\n");
}

/// What there is in JSON for how full the table is.
fn fill(procfs: &Path) -> String {
    let json = report(&mut conntrack(&[], procfs));
    let (_, table) = json.split_once("\n    \"table\": ").unwrap();
    table.strip_suffix("\n}\n").unwrap().to_string()
}

const NULL: &str = "{\"entries\": null, \"limit\": null}";

#[test]
fn how_full_the_table_is_may_be_unknown() {
    let known: BTreeMap<&str, &str> = [(COUNT, "9\n"), (MAX, "18\n")].into();
    assert_eq!(fill(half_full().path()), "{\"entries\": 9, \"limit\": 18}");
    let numbers =
        ["", "\n", "x", "9x\n", " 9\n", "-9\n", "+9\n", "0x9\n", "9 \n", "9.0\n", "\09\n"];
    for file in [COUNT, MAX] {
        for number in numbers {
            let mut files = known.clone();
            files.insert(file, number);
            let files: Vec<(&str, &str)> = files.into_iter().collect();
            let procfs = procfs(TABLE, &files);
            assert_eq!(fill(procfs.path()), NULL, "{file}: {number:?}");
        }
    }
    // In the other formats it isn't there, and all the rest is.
    let (with, without) = (half_full(), procfs(TABLE, &[]));
    assert_eq!(fill(without.path()), NULL);
    for (format, lines) in [("prometheus", 6), ("influx", 1), ("collectd", 2)] {
        let [with, without] = [&with, &without].map(|procfs| {
            let text = report(&mut conntrack(&["-f", format], procfs.path()));
            text.lines().map(str::to_string).collect::<Vec<_>>()
        });
        assert_eq!(with[..with.len() - lines], without, "{format}");
    }
    // A number without a newline is one; and so is one of any size.
    let procfs = procfs(TABLE, &[(COUNT, "9"), (MAX, "99999999999999999999")]);
    let limit = report(&mut conntrack(&["-qtable.limit"], procfs.path()));
    assert!(limit.trim().parse::<u32>().unwrap() >= i32::MAX as u32, "{limit}");
    let keys = ["-qtable.entries", "-qtable.percent", "-qtable.replied_percent"];
    assert_eq!(report(&mut conntrack(&keys, procfs.path())), "9\n0\n0\n");
}

/// Asks for each number of the table, which can't be had for this reason.
fn can_not_be_had(procfs: &Path, file: &str, reason: &str) {
    let message = message(procfs, file, reason);
    for key in ["entries", "limit", "percent", "replied_percent"] {
        let query = format!("-qtable.{key}");
        fails(&mut conntrack(&["-qtcp", &query], procfs), 1, &message);
        for option in ["-w", "-c"] {
            let range = format!("{option}table.{key}=~:");
            assert_eq!(check(&mut conntrack(&[&range, "-wtcp=~:"], procfs)), unknown(&message));
        }
    }
    // All others can.
    assert_eq!(report(&mut conntrack(&["-qtcp", "-qall"], procfs)), "4\n8\n");
    let (status, line) = check(&mut conntrack(&["-wtcp=~:"], procfs));
    assert_eq!(
        (status, line.as_str()),
        (Some(0), "NETWORK-CONNECTIONS OK - tcp is 4 | 'tcp'=4;~:;;0;\n")
    );
}

#[test]
fn a_count_that_can_not_be_had_is_an_error_if_it_is_asked_for() {
    let missing = "No such file or directory";
    can_not_be_had(procfs(TABLE, &[]).path(), COUNT, missing);
    can_not_be_had(procfs(TABLE, &[(MAX, "18\n")]).path(), COUNT, missing);
    let garbage = procfs(TABLE, &[(COUNT, "many\n"), (MAX, "18\n")]);
    can_not_be_had(garbage.path(), COUNT, "Invalid argument");
}

#[test]
fn a_limit_that_can_not_be_had_is_an_error_if_it_is_asked_for() {
    can_not_be_had(procfs(TABLE, &[(COUNT, "9\n")]).path(), MAX, "No such file or directory");
    let garbage = procfs(TABLE, &[(COUNT, "9\n"), (MAX, "\n")]);
    can_not_be_had(garbage.path(), MAX, "Invalid argument");
    let directory = procfs(TABLE, &[(COUNT, "9\n")]);
    fs::create_dir(directory.path().join(MAX)).unwrap();
    can_not_be_had(directory.path(), MAX, "Is a directory");
}

#[test]
fn how_full_a_table_is_is_that_of_this_namespace_alone() {
    let test = test_name!();
    let kernels = Path::new("/proc").join(COUNT);
    if !kernels.exists() || !in_namespace(test, libc::CLONE_NEWNET) {
        if !kernels.exists() {
            skipped(test, "this kernel tracks no connections");
        }
        return;
    }
    // A directory that looks like that of a process of a namespace.
    let limit = fs::read_to_string(Path::new("/proc").join(MAX)).unwrap();
    let known = format!("{{\"entries\": 0, \"limit\": {}}}", limit.trim());
    let ours = fs::read_link("/proc/self/ns/net").unwrap();
    let ours = ours.to_str().unwrap();
    let longer = format!("{ours}0");
    let cases = [
        (Some(ours), known.as_str()),
        (Some(&ours[..ours.len() - 1]), NULL),
        (Some(&longer), NULL),
        (Some("net:[1]"), NULL),
        (None, NULL),
    ];
    for (namespace, expected) in cases {
        let procfs = procfs(TABLE, &[]);
        fs::create_dir(procfs.path().join("ns")).unwrap();
        if let Some(namespace) = namespace {
            symlink(namespace, procfs.path().join("ns/net")).unwrap();
        }
        assert_eq!(fill(procfs.path()), expected, "{namespace:?}");
    }
}

#[test]
fn netlink_has_no_tracked_connections() {
    let what = "--source netlink can't count with --conntrack";
    for line in [
        ["--conntrack", "--source=netlink", "-qall"],
        ["--source=netlink", "--conntrack", "--all"],
        ["--source=netlink", "/proc", "--conntrack"],
        ["-qother", "--conntrack", "--source=netlink"],
    ] {
        assert_eq!(refusal(program().args(line)), what, "{line:?}");
    }
    let mut program = program();
    let (status, line) = check(program.args(["-wother=1", "--source=netlink", "--conntrack"]));
    assert_eq!(status, Some(3));
    assert!(line.starts_with(&format!("NETWORK-CONNECTIONS UNKNOWN - {what}; see ")), "{line}");
    // The last source holds.
    let procfs = half_full();
    let mut last = conntrack(&["--source=netlink", "--source=auto", "-qall"], procfs.path());
    assert_eq!(report(&mut last), "8\n");
}

#[test]
fn the_option_takes_no_value() {
    let what = "option '--conntrack' takes no value";
    assert_eq!(refusal(program().arg("--conntrack=yes")), what);
    for option in ["--conntrac", "--conntracks", "--nf_conntrack"] {
        assert_eq!(refusal(program().arg(option)), format!("unknown option '{option}'"));
    }
    assert_eq!(refusal(program().arg("-C")), "unknown option '-C'");
    let procfs = half_full();
    assert_eq!(report(&mut conntrack(&["--conntrack", "-qall"], procfs.path())), "8\n");
}
