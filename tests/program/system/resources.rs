//! Tests that limit the memory, the page faults and the descriptors of the
//! program, and the bytes that the program reads of a malformed table.

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

/// The most page faults of one run, and the most KiB in memory, of a static
/// program.
const MOST: (libc::c_long, u64) = (24, 128);

/// The largest differences in page faults and in KiB between runs with
/// different numbers of rows.
///
/// A run with few rows touches only some of the four pages of the buffer. The
/// differences are larger because addresses are random. The loader of a dynamic
/// program adds more.
const DIFFERENCE: (libc::c_long, u64) = (8, 24);

/// The capacity of a pipe, in bytes.
const PIPE: usize = 65536;

/// The length of the buffer into which the program reads tables, in bytes.
const BUFFER: usize = 16384;

const ROW: &str = "   0: 0100007F:1F90 0200007F:C001 01 00000000:00000000 00:00000000 00000000  1000        \
                   0 4711 1 0000000000000000 20 4 30 10 -1\n";

const TRACKED: &str = "ipv4     2 tcp      6 431999 ESTABLISHED src=192.0.2.1 dst=198.51.100.2 sport=40000 \
                       dport=443 src=198.51.100.2 dst=203.0.113.3 sport=443 dport=1024 [ASSURED] mark=0 \
                       zone=0 use=2\n";

/// Returns whether the program has no runner. With a runner, the test would
/// measure the memory of the runner, so the function prints that the test is
/// skipped.
fn has_no_runner(test: &str) -> bool {
    let has_no_runner = env::var_os("RUNNER").is_none();
    if !has_no_runner {
        skipped(test, "the runner of the program has its own memory and limits");
    }
    has_no_runner
}

/// The result of a run.
struct Run {
    stdout: String,
    /// The number of page faults.
    faults: libc::c_long,
}

/// Runs the program three times, and returns the run with the fewest page
/// faults. On a busy machine the kernel maps fewer pages of a file at once, so
/// that a run may have more.
fn run(arguments: &[&str]) -> Run {
    (0..3).map(|_| run_once(arguments)).min_by_key(|run| run.faults).unwrap()
}

/// Runs the program to its end, and counts its page faults. The child must not
/// do anything between fork and exec, because that would cause page faults too.
// Clippy does not know that wait4 waits for the child.
#[allow(clippy::zombie_processes)]
fn run_once(arguments: &[&str]) -> Run {
    let mut command = Command::new(program_file());
    let child =
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut status = 0;
    // SAFETY: all fields are numbers, so all zeros are a valid value.
    let mut usage: libc::rusage = unsafe { zeroed() };
    let id = child.id() as libc::pid_t;
    // SAFETY: `status` and `usage` are writable memory for the two results.
    assert_eq!(unsafe { libc::wait4(id, &mut status, 0, &mut usage) }, id);
    assert!(ExitStatus::from_raw(status).success(), "{command:?}");
    let mut stdout = String::new();
    child.stdout.unwrap().read_to_string(&mut stdout).unwrap();
    Run { stdout, faults: usage.ru_minflt + usage.ru_majflt }
}

/// Returns the resident memory of a process, in KiB.
fn read_memory(process: &Child) -> u64 {
    let file = format!("/proc/{}/smaps_rollup", process.id());
    let text = fs::read_to_string(&file).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("Rss:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse().unwrap()
}

/// Returns the resident memory of the program after the first report, in KiB,
/// as the least of three runs: the kernel may map more pages of a file than the
/// program needs. The program frees no memory before its end, so this is also
/// the maximum.
fn measure_memory(arguments: &[&str]) -> u64 {
    (0..3).map(|_| measure_memory_once(arguments)).min().unwrap()
}

fn measure_memory_once(arguments: &[&str]) -> u64 {
    let mut command = program();
    command.args(arguments).arg("-i86400").stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let read = child.stdout.as_mut().unwrap().read(&mut [0; 4096]);
    let memory = read_memory(&child);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(read.unwrap() > 0, "the program must print a report: {command:?}");
    memory
}

/// Asserts that runs with different numbers of rows stay within [`MOST`] and
/// [`DIFFERENCE`]. A run is its page faults and its KiB in memory.
fn check_runs(runs: &[(libc::c_long, u64)], case: &str) {
    let is_static = !is_dynamic(&program_file());
    let what = format!("{case} has these page faults and KiB: {runs:?}");
    for (faults, memory) in runs {
        assert!(!is_static || *faults <= MOST.0, "expected at most {MOST:?}, but {what}");
        assert!(!is_static || *memory <= MOST.1, "expected at most {MOST:?}, but {what}");
        let difference = (faults - runs[0].0).abs();
        let most = DIFFERENCE.0;
        assert!(difference <= most, "expected differences of at most {most} faults, but {what}");
        let loader = if is_static { 0 } else { 512 };
        let most = DIFFERENCE.1 + loader;
        let difference = memory.abs_diff(runs[0].1);
        assert!(difference <= most, "expected differences of at most {most} KiB, but {what}");
    }
}

#[test]
fn memory_does_not_grow_with_the_number_of_rows() {
    if !has_no_runner(test_name!()) {
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
            let Run { stdout, faults } = run(&arguments);
            assert_eq!(stdout, format!("{rows}\n"), "{case:?}");
            runs.push((faults, measure_memory(&arguments)));
        }
    }
    for (case, runs) in cases.iter().zip(&runs) {
        check_runs(runs, &format!("{case:?}"));
    }
}

#[test]
fn memory_does_not_grow_with_the_number_of_sockets() {
    let test = test_name!();
    const NUMBERS: [usize; 3] = [0, 1_000, 10_000];
    if !has_no_runner(test) || !in_namespace(test, libc::CLONE_NEWNET) {
        return;
    }
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is writable memory for a limit.
    assert_eq!(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) }, 0);
    limit.rlim_cur = limit.rlim_max;
    if limit.rlim_max < NUMBERS[2] as libc::rlim_t + 100 {
        return lacking(test, &format!("a process may have only {} descriptors", limit.rlim_max));
    }
    // SAFETY: `limit` is an initialised limit.
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
            let Run { stdout, faults } = run(&arguments);
            assert_eq!(stdout, format!("{number}\n"), "{source:?}");
            runs.push((faults, measure_memory(&arguments)));
        }
    }
    for (source, runs) in sources.iter().zip(&runs) {
        check_runs(runs, &format!("{source:?}"));
    }
}

/// Opens a FIFO for writing after the program has opened the FIFO for reading.
/// The function tries again and again until a deadline, because an open that
/// waits would never return if the program never opened the FIFO.
fn open_for_writing(fifo: &Path) -> File {
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
    // Without O_NONBLOCK, a write waits until the pipe has room.
    // SAFETY: with F_SETFL, fcntl takes only numbers.
    assert_eq!(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETFL, 0) }, 0);
    file
}

/// Writes `bytes` to a FIFO this many times, or until the reader has closed the
/// FIFO. Returns the number of bytes that the FIFO has accepted.
fn feed(fifo: &mut File, bytes: &[u8], times: usize) -> usize {
    let mut accepted = 0;
    for _ in 0..times {
        match fifo.write(bytes) {
            Ok(length) => accepted += length,
            Err(error) if error.kind() == ErrorKind::BrokenPipe => break,
            Err(error) => panic!("a write to the FIFO must succeed: {error}"),
        }
    }
    accepted
}

#[test]
fn a_malformed_table_is_rejected_before_its_end() {
    let tables = [
        // The table, its start, the bytes that repeat after the start, the
        // number of the malformed line, and the start of the line as the
        // message shows it.
        ("tcp", "", " ", 1, " ".repeat(91)),
        ("udp", "", "\0", 1, "\\x00".repeat(91)),
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
        let is_header = line == 1 && table != "nf_conntrack";
        let what = if is_header { "the header of a socket table" } else { "a row of this table" };
        let what = format!("line {line} is not {what}: '{shown}'");
        let message = message(procfs.path(), table, &what);

        // A table without end.
        mkfifo(&path).unwrap();
        let (fifo, start) = (path.clone(), start.to_string());
        let garbage = garbage.repeat(4096 / garbage.len());
        let first = start.clone();
        let writer = thread::spawn(move || {
            let mut fifo = open_for_writing(&fifo);
            feed(&mut fifo, first.as_bytes(), 1) + feed(&mut fifo, garbage.as_bytes(), usize::MAX)
        });
        fails(&mut command, 1, &message);
        let accepted = writer.join().unwrap();
        let most = PIPE + 2 * BUFFER;
        assert!(accepted <= most, "{table}: {accepted} bytes, expected at most {most}");

        // A sparse file of 4 GB.
        if shown.starts_with("\\x00") {
            fs::remove_file(&path).unwrap();
            fs::write(&path, start).unwrap();
            OpenOptions::new().write(true).open(&path).unwrap().set_len(1 << 32).unwrap();
            fails(&mut command, 1, &message);
        }
    }
}

#[test]
fn memory_does_not_grow_with_the_length_of_a_table() {
    const CHUNK: usize = 1 << 20;
    let test = test_name!();
    if !has_no_runner(test) {
        return;
    }
    let row = ROW.trim_end();
    // The table, its start, the bytes that repeat after the start, and the
    // number of rows in a chunk of these bytes.
    let tables = [
        ("tcp", HEADER, ROW, CHUNK / ROW.len()),
        ("nf_conntrack", "", TRACKED, CHUNK / TRACKED.len()),
        // A header without end, and a row without end.
        ("tcp", "  sl ", "  sl ", 0),
        ("tcp", "  sl ", "\0", 0),
        ("tcp", &[HEADER, row].concat(), " 0A", 0),
    ];
    for (table, start, again, rows) in tables {
        let procfs = procfs(&[]);
        let path = procfs.path().join("net").join(table);
        let _ = fs::remove_file(&path);
        mkfifo(&path).unwrap();
        let mut command = program();
        let conntrack: &[&str] = if table == "nf_conntrack" { &["--conntrack"] } else { &[] };
        command.args(conntrack).arg("-qall").arg(procfs.path()).stdout(Stdio::piped());
        let child = command.spawn().unwrap();
        let mut fifo = open_for_writing(&path);
        feed(&mut fifo, start.as_bytes(), 1);
        let chunk = again.repeat(CHUNK / again.len());
        let few = feed(&mut fifo, chunk.as_bytes(), 1);
        let early = read_memory(&child);
        let many = feed(&mut fifo, chunk.as_bytes(), 63);
        let late = read_memory(&child);
        drop(fifo);
        assert_eq!((few, many), (chunk.len(), 63 * chunk.len()), "{again:?}");
        assert!(late <= early, "{late} KiB after 64 MB of {again:?}, expected at most {early}");
        let output = child.wait_with_output().unwrap();
        let expected = if rows > 0 { 64 * rows } else { start.matches("0100007F").count() };
        assert_eq!(String::from_utf8_lossy(&output.stdout), format!("{expected}\n"), "{again:?}");
        assert!(output.status.success(), "the run must succeed with {again:?}");
    }
}

/// Returns the arguments of the runs that need the most memory and descriptors:
/// every source, the largest outputs, tracked connections, and a file.
fn demanding_arguments(test: &str, directory: &Path) -> Vec<Vec<String>> {
    let procfs = directory.to_str().unwrap();
    let file = directory.join("FILE");
    let mut cases = sources(test);
    cases.extend([&["--help"][..], &["-fcollectd"], &["-a", "-wtcp=~:", "-ctcp6=~:"]]);
    let mut cases: Vec<Vec<String>> =
        cases.into_iter().map(|case| case.iter().map(|&word| word.to_string()).collect()).collect();
    cases.push(["--conntrack", procfs].map(str::to_string).to_vec());
    cases.push(["-fprometheus", "-o", file.to_str().unwrap()].map(str::to_string).to_vec());
    cases
}

#[test]
fn two_descriptors_are_enough() {
    let test = test_name!();
    let procfs = numbered();
    fs::write(procfs.path().join("net/nf_conntrack"), TRACKED).unwrap();
    let limited = |case: &[String], descriptors: libc::rlim_t| {
        let mut program = program();
        program.args(case);
        // The program must not inherit a descriptor that the test has inherited
        // by mistake. Before Linux 5.11 this call fails, without an effect.
        before_exec(&mut program, || {
            let flags = libc::CLOSE_RANGE_CLOEXEC;
            // SAFETY: the call only sets a flag, so all descriptors stay open
            // until exec.
            unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, flags) };
            0
        });
        // Standard input, output and error have the other three descriptors.
        limit(&mut program, libc::RLIMIT_NOFILE as i32, 3 + descriptors);
        program
    };
    for case in demanding_arguments(test, procfs.path()) {
        report(&mut limited(&case, 2));
        // The number of descriptors that is too low, and the file that the
        // program cannot open.
        let (number, resource) = match &case[..] {
            [help] if help == "--help" => continue,
            [source] if source == "--source=netlink" => (0, netlink::NAME.to_string()),
            [source] if source == "--source=auto" => (0, "/proc".to_string()),
            [option, path] if option == "--conntrack" => (1, format!("{path}/net/nf_conntrack")),
            _ => (1, "/proc/net/tcp".to_string()),
        };
        // With no descriptor, neither the loader of a dynamic program nor QEMU
        // can load the program.
        if number == 0 && (env::var_os("RUNNER").is_some() || is_dynamic(&program_file())) {
            continue;
        }
        let output = limited(&case, number).output().unwrap();
        let printed = [output.stdout, output.stderr].concat();
        let printed = String::from_utf8(printed).unwrap();
        let expected = format!("{resource}: Too many open files\n");
        assert!(printed.ends_with(&expected), "{case:?}: {printed}, expected {expected}");
        assert!(!output.status.success(), "{case:?} must fail");
    }
}

#[test]
fn little_memory_is_enough() {
    let test = test_name!();
    if !has_no_runner(test) {
        return;
    }
    if is_dynamic(&program_file()) {
        return skipped(test, "the program is dynamic, and the C library needs more");
    }
    const KIB: u64 = 1024;
    // A resource, a limit that is enough, and a limit that is too low. The
    // kernel leaves up to 8 KiB of the stack unused, and stores the arguments
    // and the environment on the stack. The kernel reserves 128 KiB of
    // addresses for the stack.
    let limits = [
        (libc::RLIMIT_STACK as i32, 32 * KIB, 4 * KIB),
        (libc::RLIMIT_AS as i32, 256 * KIB, 128 * KIB),
        (libc::RLIMIT_DATA as i32, 48 * KIB, 24 * KIB),
    ];
    let procfs = numbered();
    fs::write(procfs.path().join("net/nf_conntrack"), TRACKED).unwrap();
    for case in demanding_arguments(test, procfs.path()) {
        let expected = report(program().args(&case));
        // Addresses are random, so each run needs slightly different memory.
        for _ in 0..10 {
            let mut program = program();
            program.env_clear().args(&case);
            for (resource, enough, _) in limits {
                limit(&mut program, resource, enough);
            }
            let output = program.env("COLLECTD_HOSTNAME", "x").output().unwrap();
            assert!(output.status.success(), "{case:?} must succeed: {output:?}");
            assert_eq!(output.stdout.is_empty(), expected.is_empty(), "{case:?}");
        }
        for (resource, _, too_low) in limits {
            let mut program = program();
            limit(program.env_clear().args(&case), resource, too_low);
            let output = program.output().unwrap();
            let signal = output.status.signal();
            assert!(signal.is_some(), "{too_low} bytes must be too low for {case:?}: {output:?}");
        }
    }
}
