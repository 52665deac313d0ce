//! What the program takes, whatever it is given: memory, page faults, descriptors and time.

use std::env;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::mem::zeroed;
use std::net::{TcpListener, UdpSocket};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::harness::netlink;
use crate::harness::{
    before_exec, fails, in_namespace, is_dynamic, lacking, limit, message, mkfifo, numbered,
    procfs, program, program_file, report, skipped, sources,
};
use crate::samples::socket_table::HEADER;

/// Of a static program: page faults of one run, and KiB in memory.
const MOST: (libc::c_long, u64) = (24, 128);

/// The same between any numbers of rows: few touch only some of the pages of the buffer, of which there are four. (Some
/// more because addresses are random. The loader of a dynamic program has its own reasons for more.)
const DIFFERENCE: (libc::c_long, u64) = (8, 24);

/// How far a pipe's reader can be behind its writer.
const PIPE: usize = 65536;

/// What the program reads tables into.
const BUFFER: usize = 16384;

const ROW: &str = "   0: 0100007F:1F90 0200007F:C001 01 00000000:00000000 00:00000000 00000000  1000        \
                   0 4711 1 0000000000000000 20 4 30 10 -1\n";

const TRACKED: &str = "ipv4     2 tcp      6 431999 ESTABLISHED src=192.0.2.1 dst=198.51.100.2 sport=40000 \
                       dport=443 src=198.51.100.2 dst=203.0.113.3 sport=443 dport=1024 [ASSURED] mark=0 \
                       zone=0 use=2\n";

/// Whether the program isn't run by another, whose memory it would be that is measured.
fn is_native(test: &str) -> bool {
    let is_native = env::var_os("RUNNER").is_none();
    if !is_native {
        skipped(test, "what runs it has memory and limits of its own");
    }
    is_native
}

/// A run of the program.
struct Run {
    printed: String,
    faults: libc::c_long,
}

/// Runs the program to its end, and measures that. (Nothing is done behind fork, which would be page faults as well.)
// What waits for it is wait4.
#[allow(clippy::zombie_processes)]
fn run(arguments: &[&str]) -> Run {
    let mut command = Command::new(program_file());
    let child =
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut status = 0;
    // SAFETY: all zeros are numbers.
    let mut usage: libc::rusage = unsafe { zeroed() };
    let id = child.id() as libc::pid_t;
    // SAFETY: it is given the addresses of a number and of a rusage.
    assert_eq!(unsafe { libc::wait4(id, &mut status, 0, &mut usage) }, id);
    assert!(ExitStatus::from_raw(status).success(), "{command:?}");
    let mut printed = String::new();
    child.stdout.unwrap().read_to_string(&mut printed).unwrap();
    Run { printed, faults: usage.ru_minflt + usage.ru_majflt }
}

/// KiB that a process has in memory.
fn memory(process: &Child) -> u64 {
    let file = format!("/proc/{}/smaps_rollup", process.id());
    let text = fs::read_to_string(&file).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("Rss:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse().unwrap()
}

/// KiB that the program has in memory when it has counted. It gives nothing back before its end: so it never had more.
fn memory_of(arguments: &[&str]) -> u64 {
    let mut command = program();
    command.args(arguments).arg("-i86400").stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let read = child.stdout.as_mut().unwrap().read(&mut [0; 4096]);
    let memory = memory(&child);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(read.unwrap() > 0, "{command:?}");
    memory
}

/// Whether page faults and memory are as they should be, of runs with different numbers of rows.
fn check(runs: &[(libc::c_long, u64)], what: &str) {
    let is_static = !is_dynamic(&program_file());
    for (faults, memory) in runs {
        assert!(!is_static || *faults <= MOST.0, "{what}: {runs:?} page faults and KiB");
        assert!(!is_static || *memory <= MOST.1, "{what}: {runs:?} page faults and KiB");
        assert!((faults - runs[0].0).abs() <= DIFFERENCE.0, "{what}: {runs:?} page faults and KiB");
        let loaders = if is_static { 0 } else { 512 };
        let difference = memory.abs_diff(runs[0].1);
        assert!(difference <= DIFFERENCE.1 + loaders, "{what}: {runs:?} page faults and KiB");
    }
}

#[test]
fn as_many_rows_as_there_are_take_the_same_memory() {
    if !is_native(test_name!()) {
        return;
    }
    let cases: [&[&str]; 4] =
        [&["-qall"], &["-qall", "-a"], &["-qall", "--local-port=8080"], &["-qall", "--conntrack"]];
    let mut runs = [const { vec![] }; 4];
    for rows in [0, 1_000, 100_000] {
        let tcp = [HEADER, &ROW.repeat(rows)].concat();
        let procfs = procfs(&[("tcp", &tcp), ("nf_conntrack", &TRACKED.repeat(rows))]);
        let path = procfs.path().to_str().unwrap();
        for (case, runs) in cases.iter().zip(&mut runs) {
            let arguments = [case, &[path][..]].concat();
            let Run { printed, faults } = run(&arguments);
            assert_eq!(printed, format!("{rows}\n"), "{case:?}");
            runs.push((faults, memory_of(&arguments)));
        }
    }
    for (case, runs) in cases.iter().zip(&runs) {
        check(runs, &format!("{case:?}"));
    }
}

#[test]
fn as_many_sockets_as_there_are_take_the_same_memory() {
    let test = test_name!();
    const NUMBERS: [usize; 3] = [0, 1_000, 10_000];
    if !is_native(test) || !in_namespace(test, libc::CLONE_NEWNET) {
        return;
    }
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: it is given the address of a limit.
    assert_eq!(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) }, 0);
    limit.rlim_cur = limit.rlim_max;
    if limit.rlim_max < NUMBERS[2] as libc::rlim_t + 100 {
        return lacking(test, &format!("a process may have {} descriptors only", limit.rlim_max));
    }
    // SAFETY: it is given the address of a limit.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) }, 0);

    let sources = sources(test);
    let mut runs = vec![vec![]; sources.len()];
    let (mut tcp, mut udp) = (vec![], vec![]);
    for number in NUMBERS {
        while tcp.len() + udp.len() < number {
            tcp.push(TcpListener::bind(("::", 0)).unwrap());
            udp.push(UdpSocket::bind(("0.0.0.0", 0)).unwrap());
        }
        for (source, runs) in sources.iter().zip(&mut runs) {
            let arguments = [source, &["-a", "-qall"][..]].concat();
            let Run { printed, faults } = run(&arguments);
            assert_eq!(printed, format!("{number}\n"), "{source:?}");
            runs.push((faults, memory_of(&arguments)));
        }
    }
    for (source, runs) in sources.iter().zip(&runs) {
        check(runs, &format!("{source:?}"));
    }
}

/// Opens a FIFO to write to, when the program has opened it. (Without waiting, for it may never do so.)
fn open_to_write(fifo: &Path) -> File {
    let mut options = OpenOptions::new();
    options.write(true).custom_flags(libc::O_NONBLOCK);
    let deadline = Instant::now() + Duration::from_secs(20);
    let file = loop {
        match options.open(fifo) {
            Err(error)
                if error.raw_os_error() == Some(libc::ENXIO) && Instant::now() < deadline =>
            {
                thread::sleep(Duration::from_millis(1));
            }
            opened => break opened.unwrap(),
        }
    };
    // SAFETY: it takes numbers. From now on what is written waits for its reader.
    assert_eq!(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETFL, 0) }, 0);
    file
}

/// Writes something to a FIFO again and again, as often as this, or until its reader has gone. Gives how many bytes
/// were taken.
fn feed(fifo: &mut File, bytes: &[u8], times: usize) -> usize {
    let mut taken = 0;
    for _ in 0..times {
        match fifo.write(bytes) {
            Ok(length) => taken += length,
            Err(error) if error.kind() == ErrorKind::BrokenPipe => break,
            Err(error) => panic!("{error}"),
        }
    }
    taken
}

#[test]
fn what_is_no_table_is_told_before_its_end() {
    let tables = [
        // Under a header, and behind a row.
        ("tcp", HEADER, "x", 2, "x".repeat(91)),
        ("udp6", HEADER, "\0", 2, "\\x00".repeat(91)),
        ("tcp", HEADER, "\n", 2, String::new()),
        ("tcp", &[HEADER, ROW].concat(), "0", 3, "0".repeat(91)),
        ("nf_conntrack", "", "x", 1, "x".repeat(91)),
        ("nf_conntrack", "", "\0", 1, "\\x00".repeat(91)),
        ("nf_conntrack", "", "\n", 1, String::new()),
        ("nf_conntrack", TRACKED.trim_end(), " x", 1, TRACKED[..91].to_string()),
        ("nf_conntrack", TRACKED, "\x1b", 2, "\\x1b".repeat(91)),
    ];
    for (table, start, garbage, line, shown) in tables {
        let procfs = procfs(&[]);
        let path = procfs.path().join("net").join(table);
        let _ = fs::remove_file(&path);
        let mut command = program();
        if table == "nf_conntrack" {
            command.arg("--conntrack");
        }
        command.arg(procfs.path());
        let what = format!("line {line} is not a row of this table: '{shown}'");
        let message = message(procfs.path(), table, &what);

        // Without an end.
        mkfifo(&path).unwrap();
        let (fifo, start) = (path.clone(), start.to_string());
        let garbage = garbage.repeat(4096 / garbage.len());
        let first = start.clone();
        let writer = thread::spawn(move || {
            let mut fifo = open_to_write(&fifo);
            feed(&mut fifo, first.as_bytes(), 1) + feed(&mut fifo, garbage.as_bytes(), usize::MAX)
        });
        fails(&mut command, 1, &message);
        let taken = writer.join().unwrap();
        assert!(taken <= PIPE + 2 * BUFFER, "{taken} bytes of {table}");

        // Of 4 GB, none of which are on the disk.
        if shown.starts_with("\\x00") {
            fs::remove_file(&path).unwrap();
            fs::write(&path, start).unwrap();
            OpenOptions::new().write(true).open(&path).unwrap().set_len(1 << 32).unwrap();
            fails(&mut command, 1, &message);
        }
    }
}

#[test]
fn what_has_no_end_takes_no_more_memory() {
    const CHUNK: usize = 1 << 20;
    let test = test_name!();
    if !is_native(test) {
        return;
    }
    let row = ROW.trim_end();
    // What a table begins with, what comes then again and again, and how many rows there are of 1 MB of that.
    let tables = [
        ("tcp", HEADER, ROW, CHUNK / ROW.len()),
        ("nf_conntrack", "", TRACKED, CHUNK / TRACKED.len()),
        // A header, and a row, of any length.
        ("tcp", "", "  sl", 0),
        ("tcp", "", "\0", 0),
        ("tcp", &[HEADER, row].concat(), " 0A", 0),
    ];
    for (table, start, again, rows) in tables {
        let procfs = procfs(&[]);
        let path = procfs.path().join("net").join(table);
        let _ = fs::remove_file(&path);
        mkfifo(&path).unwrap();
        let mut command = program();
        let conntrack: &[&str] = if rows > 0 && start.is_empty() { &["--conntrack"] } else { &[] };
        command.args(conntrack).arg("-qall").arg(procfs.path()).stdout(Stdio::piped());
        let child = command.spawn().unwrap();
        let mut fifo = open_to_write(&path);
        feed(&mut fifo, start.as_bytes(), 1);
        let chunk = again.repeat(CHUNK / again.len());
        let few = feed(&mut fifo, chunk.as_bytes(), 1);
        let before = memory(&child);
        let many = feed(&mut fifo, chunk.as_bytes(), 63);
        let behind = memory(&child);
        drop(fifo);
        assert_eq!((few, many), (chunk.len(), 63 * chunk.len()), "{again:?}");
        assert!(behind <= before, "{before} KiB behind 1 MB, {behind} behind 64 MB of {again:?}");
        let output = child.wait_with_output().unwrap();
        let expected = if rows > 0 { 64 * rows } else { start.matches("0100007F").count() };
        assert_eq!(String::from_utf8_lossy(&output.stdout), format!("{expected}\n"), "{again:?}");
        assert!(output.status.success(), "{again:?}");
    }
}

/// The program, in ways that take the most: each source, all that can be asked for, what is tracked, a file to write.
fn ways(test: &str, directory: &Path) -> Vec<Vec<String>> {
    let numbered = directory.to_str().unwrap();
    let file = directory.join("FILE");
    let mut ways = sources(test);
    ways.extend([&["--help"][..], &["-fcollectd"], &["-a", "-wtcp=~:", "-ctcp6=~:"]]);
    let mut ways: Vec<Vec<String>> =
        ways.into_iter().map(|way| way.iter().map(|&word| word.to_string()).collect()).collect();
    ways.push(["--conntrack", numbered].map(str::to_string).to_vec());
    ways.push(["-fprometheus", "-o", file.to_str().unwrap()].map(str::to_string).to_vec());
    ways
}

#[test]
fn one_descriptor_is_enough_and_two_for_a_file() {
    let test = test_name!();
    let procfs = numbered();
    fs::write(procfs.path().join("net/nf_conntrack"), TRACKED).unwrap();
    let file = procfs.path().join("FILE");
    let run = |way: &[String], descriptors: libc::rlim_t| {
        let mut program = program();
        program.args(way);
        // What the test has inherited, by mistake of others, is no concern of the program.
        // (Older kernels than Linux 5.11 can't close it so.)
        before_exec(&mut program, || {
            let flags = libc::CLOSE_RANGE_CLOEXEC;
            // SAFETY: the descriptors are closed when the program takes the child's place.
            unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, flags) };
            0
        });
        // Besides standard input, output and error.
        limit(&mut program, libc::RLIMIT_NOFILE as i32, 3 + descriptors);
        program
    };
    for way in ways(test, procfs.path()) {
        let needed = if way.iter().any(|word| word == "-o") { 2 } else { 1 };
        report(&mut run(&way, needed));
        // With none the loader of a dynamic program can't load it, and QEMU can't either.
        if needed == 2 {
            let message =
                format!("network-connections: {}.tmp: Too many open files\n", file.display());
            fails(&mut run(&way, 1), 1, &message);
        } else if way != ["--help"]
            && env::var_os("RUNNER").is_none()
            && !is_dynamic(&program_file())
        {
            let what = match &way[..] {
                [source] if source == "--source=netlink" => netlink::NAME.to_string(),
                [way, path] if way == "--conntrack" => format!("{path}/net/nf_conntrack"),
                _ => "/proc/net/tcp".to_string(),
            };
            let output = run(&way, 0).output().unwrap();
            let told = [output.stdout, output.stderr].concat();
            let told = String::from_utf8(told).unwrap();
            assert!(told.ends_with(&format!("{what}: Too many open files\n")), "{way:?}: {told}");
            assert!(!output.status.success(), "{way:?}");
        }
    }
}

#[test]
fn little_memory_is_enough() {
    let test = test_name!();
    if !is_native(test) {
        return;
    }
    if is_dynamic(&program_file()) {
        return skipped(test, "the program is dynamic, and the C library needs more");
    }
    const KIB: u64 = 1024;
    // Enough, and too little. (The kernel leaves up to 8 KiB of the stack unused, and has the arguments and the
    // environment on it. It reserves 128 KiB of addresses for it.)
    let limits = [
        (libc::RLIMIT_STACK as i32, 32 * KIB, 4 * KIB),
        (libc::RLIMIT_AS as i32, 256 * KIB, 128 * KIB),
        (libc::RLIMIT_DATA as i32, 48 * KIB, 24 * KIB),
    ];
    let procfs = numbered();
    fs::write(procfs.path().join("net/nf_conntrack"), TRACKED).unwrap();
    for way in ways(test, procfs.path()) {
        let expected = report(program().args(&way));
        // Addresses are random.
        for _ in 0..10 {
            let mut program = program();
            program.env_clear().args(&way);
            for (resource, enough, _) in limits {
                limit(&mut program, resource, enough);
            }
            let output = program.env("COLLECTD_HOSTNAME", "x").output().unwrap();
            assert!(output.status.success(), "{way:?}: {output:?}");
            assert_eq!(output.stdout.is_empty(), expected.is_empty(), "{way:?}");
        }
        for (resource, _, too_little) in limits {
            let mut program = program();
            limit(program.env_clear().args(&way), resource, too_little);
            let output = program.output().unwrap();
            assert!(output.status.signal().is_some(), "{way:?} with {too_little}: {output:?}");
        }
    }
}
