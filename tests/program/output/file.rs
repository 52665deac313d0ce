//! Output to a file instead of standard output (`-o`).

use std::collections::BTreeSet;
use std::ffi::{CStr, CString};
use std::fmt::Display;
use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::harness::supervisor::{Answer, can_supervise, supervise};
use crate::harness::{
    before_exec, fails, in_namespace, lacking, limit, lock, message, mkfifo, numbered, procfs,
    procfs_of, program, refusal, report, without_privilege,
};
use crate::samples::socket_table::HEADER;

const OLD: &str = "the old contents\n";

/// Creates a directory with a file named FILE.
fn directory() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("FILE"), OLD).unwrap();
    directory
}

/// Returns a command that runs the program with `file` as the output file.
fn program_to(file: &Path) -> Command {
    let mut program = program();
    program.arg("-o").arg(file);
    program
}

/// Returns the name, inode, mode and contents of each file in a directory. The
/// contents of a symbolic link are its target.
fn listing(directory: &Path) -> Vec<(String, u64, u32, Vec<u8>)> {
    let files = fs::read_dir(directory).unwrap().map(|file| {
        let path = file.unwrap().path();
        let metadata = path.symlink_metadata().unwrap();
        let contents = match metadata.file_type() {
            kind if kind.is_file() => fs::read(&path).unwrap(),
            kind if kind.is_symlink() => {
                fs::read_link(&path).unwrap().as_os_str().as_bytes().to_vec()
            }
            _ => Vec::new(),
        };
        let name = path.file_name().unwrap().to_str().unwrap().to_string();
        (name, metadata.ino(), metadata.mode(), contents)
    });
    let mut files: Vec<_> = files.collect();
    files.sort();
    files
}

fn names(directory: &Path) -> Vec<String> {
    listing(directory).into_iter().map(|(name, ..)| name).collect()
}

fn fails_and_changes_nothing(program: &mut Command, directory: &Path, message: &str) {
    let before = listing(directory);
    fails(program, 1, message);
    assert_eq!(listing(directory), before, "{program:?}");
}

/// Returns the message that the program prints after a failure on the temporary
/// file for `file`.
fn temporary_failure(file: &Path, reason: &str) -> String {
    let file = format!("{} (temporary file in its directory)", file.display());
    failure(Path::new(&file), reason)
}

/// Returns the name of a temporary file of this process.
fn temporary_name(process: impl Display) -> String {
    format!(".network-connections.tmp.{process}.4294967295")
}

/// A PID that no process has, because it is above the kernel's limit.
const NO_PROCESS: i32 = 999_999_999;

/// Returns the message that the program prints after a failure on `file`.
fn failure(file: &Path, reason: &str) -> String {
    format!("network-connections: {}: {reason}\n", file.display())
}

#[test]
fn the_file_has_what_standard_output_would_have() {
    let procfs = numbered();
    let ways: [&[&str]; 7] = [
        &[],
        &["-fndjson"],
        &["-fprometheus"],
        &["-finflux"],
        &["-fcollectd"],
        &["-qtcp", "-qudp4.CLOSE"],
        &["-wtcp=0:"],
    ];
    for way in ways {
        let expected = report(program().args(way).arg(procfs.path()));
        let directory = directory();
        let file = directory.path().join("FILE");
        for file in [&file, &directory.path().join("another")] {
            assert_eq!(report(program_to(file).args(way).arg(procfs.path())), "");
            assert_eq!(fs::read_to_string(file).unwrap(), expected);
        }
        assert_eq!(names(directory.path()), ["FILE", "another"]);
    }
}

#[test]
fn everybody_may_read_the_file_whatever_the_umask_and_the_old_mode() {
    for umask in [0o077, 0o000, 0o022, 0o777] {
        for mode in [None, Some(0o600), Some(0o777)] {
            let directory = directory();
            let file = directory.path().join("FILE");
            match mode {
                Some(mode) => fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap(),
                None => fs::remove_file(&file).unwrap(),
            }
            let mut program = program_to(&file);
            // SAFETY: umask has no preconditions.
            before_exec(&mut program, move || unsafe { libc::umask(umask) } as libc::c_int);
            report(&mut program);
            assert_eq!(file.metadata().unwrap().mode() & 0o7777, 0o644, "{umask:03o} {mode:?}");
        }
    }
}

#[test]
fn a_new_file_replaces_the_old_one() {
    let directory = directory();
    let file = directory.path().join("FILE");
    let link = directory.path().join("link");
    fs::hard_link(&file, &link).unwrap();
    report(&mut program_to(&file));
    // The old contents stay for a process that has the old file open, and under
    // another name of the old file.
    assert_eq!(fs::read_to_string(&link).unwrap(), OLD);
    assert_ne!(file.metadata().unwrap().ino(), link.metadata().unwrap().ino());
}

#[test]
fn a_relative_path_starts_in_the_current_directory() {
    for name in ["FILE", "FILE.tmp", ".tmp", "-x", "a b", "./FILE", "../FILE", "d//FILE"] {
        let parent = tempfile::tempdir().unwrap();
        let current = parent.path().join("current");
        fs::create_dir_all(current.join("d")).unwrap();
        report(program_to(Path::new(name)).current_dir(&current));
        assert!(fs::read_to_string(current.join(name)).unwrap().ends_with("}\n}\n"), "{name}");
        report(program().arg(format!("--output={name}")).current_dir(&current));
        let files = [parent.path(), &current, &current.join("d")].map(|path| names(path).len());
        assert_eq!(files.iter().sum::<usize>(), 3, "{name}");
    }
    for arguments in [&["-o", ""][..], &["--output="]] {
        assert_eq!(refusal(program().args(arguments)), "FILE is empty");
    }
    // A run would remove this file.
    for name in ["", "d/", "/d/"].map(|directory| directory.to_string() + &temporary_name(1)) {
        assert_eq!(
            refusal(program().args(["-o", &name])),
            format!("FILE has the name of a temporary file: '{name}'")
        );
    }
}

#[test]
fn a_run_without_counts_leaves_the_directory_unchanged() {
    let garbage = [HEADER, "garbage\n"].concat();
    let directory = directory();
    let file = directory.path().join("FILE");
    for way in ["-fjson", "-finflux", "-qtcp"] {
        let procfs = procfs(&[("udp6", &garbage)]);
        let message =
            message(procfs.path(), "udp6", "line 2 is not a row of this table: 'garbage'");
        let mut program = program_to(&file);
        fails_and_changes_nothing(program.arg(way).arg(procfs.path()), directory.path(), &message);
    }
    let procfs = procfs(&[]);
    fs::remove_file(procfs.path().join("net/udp")).unwrap();
    let message = message(procfs.path(), "udp", "No such file or directory");
    let mut program = program_to(&file);
    fails_and_changes_nothing(program.arg(procfs.path()), directory.path(), &message);
    // A usage error or `--help` creates no file.
    refusal(program_to(&directory.path().join("new")).arg("--what"));
    report(program_to(&directory.path().join("new")).arg("--help"));
    assert_eq!(names(directory.path()), ["FILE"]);
}

#[test]
fn a_path_that_can_not_be_written_is_an_error() {
    let directory = directory();
    let too_long = "x".repeat(256);
    let cases = [
        ("nowhere/FILE", "No such file or directory"),
        ("nowhere/", "No such file or directory"),
        ("FILE/FILE", "Not a directory"),
        ("FILE/", "Not a directory"),
        ("./", "Not a regular file"),
        ("..", "Not a regular file"),
        (&too_long, "File name too long"),
        (&"x/".repeat(2500), "File name too long"),
    ];
    for (name, reason) in cases {
        let before = listing(directory.path());
        let mut program = program_to(Path::new(name));
        let output = program.current_dir(&directory).output().unwrap();
        let shown =
            if name.len() > 1024 { format!("{}...", &name[..1024]) } else { name.to_string() };
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(stderr, format!("network-connections: {shown}: {reason}\n"));
        assert_eq!(output.status.code(), Some(1), "{name}");
        assert_eq!(output.stdout, b"", "{name}");
        assert_eq!(listing(directory.path()), before, "{name}");
    }
    let longest = "x".repeat(255);
    report(&mut program_to(&directory.path().join(&longest)));
    assert_eq!(names(directory.path()), ["FILE", &longest]);
}

#[test]
fn a_directory_without_write_permission_is_an_error() {
    let directory = directory();
    fs::set_permissions(&directory, Permissions::from_mode(0o555)).unwrap();
    for name in ["FILE", "new"] {
        let file = directory.path().join(name);
        let mut program = program_to(&file);
        without_privilege(&mut program);
        let message = temporary_failure(&file, "Permission denied");
        fails_and_changes_nothing(&mut program, directory.path(), &message);
    }
    fs::set_permissions(&directory, Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_full_file_system_is_an_error() {
    if !in_namespace(test_name!(), libc::CLONE_NEWNS) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = CString::new(directory.path().as_os_str().as_bytes()).unwrap();
    let mount = |directory: &CStr, flags, options: &CStr| {
        let (kind, directory) = (c"tmpfs".as_ptr(), directory.as_ptr());
        // SAFETY: all pointers point at C strings, which tmpfs accepts as data.
        let result = unsafe { libc::mount(kind, directory, kind, flags, options.as_ptr().cast()) };
        assert_eq!(result, 0, "{}", io::Error::last_os_error());
    };
    // With private mounts, other namespaces do not see the file system.
    mount(c"/", libc::MS_REC | libc::MS_PRIVATE, c"");
    mount(&path, 0, c"size=64k");
    let file = directory.path().join("FILE");
    fs::write(&file, OLD).unwrap();
    let mut filler = File::create(directory.path().join("filler")).unwrap();
    while filler.write_all(&[b'x'; 1024]).is_ok() {}
    let message = temporary_failure(&file, "No space left on device");
    fails_and_changes_nothing(&mut program_to(&file), directory.path(), &message);
    // The run first removes a temporary file of a killed run, and so has space.
    let leftover = directory.path().join(temporary_name(NO_PROCESS));
    fs::rename(directory.path().join("filler"), leftover).unwrap();
    drop(filler);
    report(&mut program_to(&file));
    assert_eq!(names(directory.path()), ["FILE"]);
}

#[test]
fn a_file_size_limit_leaves_the_old_file() {
    for ignored in [true, false] {
        let directory = directory();
        let file = directory.path().join("FILE");
        let before = listing(directory.path());
        let mut program = program_to(&file);
        before_exec(&mut program, move || {
            let action = if ignored { libc::SIG_IGN } else { libc::SIG_DFL };
            // SAFETY: the action is not a signal handler.
            unsafe { libc::signal(libc::SIGXFSZ, action) };
            0
        });
        limit(&mut program, libc::RLIMIT_FSIZE as i32, 100);
        if ignored {
            let message = temporary_failure(&file, "File too large");
            fails_and_changes_nothing(&mut program, directory.path(), &message);
        } else {
            // The signal kills the program. A core file would exceed the limit.
            assert_eq!(program.output().unwrap().status.signal(), Some(libc::SIGXFSZ));
            let kept = listing(directory.path());
            assert!(before.iter().all(|file| kept.contains(file)), "{kept:?}");
        }
    }
}

#[test]
fn a_file_that_is_not_regular_is_never_replaced() {
    type Make = fn(&Path) -> io::Result<()>;
    let cases: [(&str, Make); 8] = [
        ("a directory", |path| fs::create_dir(path)),
        ("a FIFO", mkfifo),
        ("a socket", |path| UnixListener::bind(path).map(drop)),
        ("a link to a file", |path| symlink("precious", path)),
        ("a link to a directory", |path| symlink(".", path)),
        ("a link to a device", |path| symlink("/dev/null", path)),
        ("a link to nothing", |path| symlink("nowhere", path)),
        ("a link to itself", |path| symlink("other", path)),
    ];
    for (kind, make) in cases {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("precious"), OLD).unwrap();
        let file = directory.path().join("other");
        make(&file).unwrap_or_else(|error| panic!("expected to create {kind}: {error}"));
        let message = failure(&file, "Not a regular file");
        fails_and_changes_nothing(&mut program_to(&file), directory.path(), &message);
    }
    fails(
        &mut program_to(Path::new("/dev/null")),
        1,
        &failure(Path::new("/dev/null"), "Not a regular file"),
    );
    assert!(fs::symlink_metadata("/dev/null").unwrap().file_type().is_char_device());
    fails(&mut program_to(Path::new("/")), 1, &failure(Path::new("/"), "Not a regular file"));
}

#[test]
fn a_leftover_temporary_file_is_replaced() {
    type Leave = fn(&Path) -> io::Result<()>;
    let cases: [(&str, Leave); 5] = [
        ("a file", |path| fs::write(path, "half of the conte")),
        ("a read-only file", |path| {
            fs::write(path, "")?;
            fs::set_permissions(path, Permissions::from_mode(0o400))
        }),
        // Links that another user may create in a shared directory.
        ("a link to a file", |path| symlink("precious", path)),
        ("a link to nothing", |path| symlink("nowhere", path)),
        ("another name of a file", |path| fs::hard_link(path.with_file_name("precious"), path)),
    ];
    for name in ["FILE", "FILE.tmp"] {
        for (kind, leave) in cases {
            let directory = tempfile::tempdir().unwrap();
            let precious = directory.path().join("precious");
            fs::write(&precious, OLD).unwrap();
            fs::set_permissions(&precious, Permissions::from_mode(0o600)).unwrap();
            leave(&directory.path().join(temporary_name(NO_PROCESS))).unwrap();
            let file = directory.path().join(name);
            report(&mut program_to(&file));
            let metadata = file.symlink_metadata().unwrap();
            assert_eq!(metadata.mode(), libc::S_IFREG | 0o644, "{kind}");
            assert!(fs::read_to_string(&file).unwrap().ends_with("}\n}\n"), "{kind}");
            assert_eq!(names(directory.path()), [name, "precious"], "{kind}");
            assert_eq!(fs::read_to_string(&precious).unwrap(), OLD, "{kind}");
            assert_eq!(precious.metadata().unwrap().mode() & 0o7777, 0o600, "{kind}");
        }
    }
}

#[test]
fn a_file_of_a_running_process_or_with_another_name_stays() {
    let directory = directory();
    let own = std::process::id();
    let kept = [
        temporary_name(own),
        temporary_name(0),
        temporary_name(NO_PROCESS) + "~",
        temporary_name(NO_PROCESS) + ".tmp",
        temporary_name(""),
        temporary_name("x"),
        temporary_name(-1),
        format!("x{}", temporary_name(NO_PROCESS)),
        format!(".network-connections.tmp.{NO_PROCESS}"),
        format!(".network-connections.tmp.{NO_PROCESS}."),
        format!(".network-connections.{NO_PROCESS}.1.tmp"),
        "FILE.tmp".into(),
    ];
    for name in &kept {
        fs::write(directory.path().join(name), OLD).unwrap();
    }
    // Nobody can remove a directory with entries like a file.
    let occupied = temporary_name(NO_PROCESS);
    fs::create_dir_all(directory.path().join(&occupied).join("x")).unwrap();
    report(&mut program_to(&directory.path().join("FILE")));
    let mut expected: Vec<String> = kept.into_iter().chain([occupied, "FILE".into()]).collect();
    expected.sort();
    assert_eq!(names(directory.path()), expected);
}

#[test]
fn a_leftover_in_a_large_directory_is_removed() {
    let directory = directory();
    // One read of the directory returns less than this.
    for number in 0..500 {
        fs::write(directory.path().join(format!("{number:0>250}")), "").unwrap();
    }
    let names_before = names(directory.path());
    for process in NO_PROCESS..NO_PROCESS + 50 {
        fs::write(directory.path().join(temporary_name(process)), OLD).unwrap();
    }
    report(&mut program_to(&directory.path().join("FILE")));
    assert_eq!(names(directory.path()), names_before);
}

#[test]
fn a_directory_without_read_permission_is_enough() {
    let directory = directory();
    let leftover = temporary_name(NO_PROCESS);
    fs::write(directory.path().join(&leftover), OLD).unwrap();
    let file = directory.path().join("FILE");
    fs::set_permissions(&directory, Permissions::from_mode(0o333)).unwrap();
    let mut program = program_to(&file);
    without_privilege(&mut program);
    report(&mut program);
    fs::set_permissions(&directory, Permissions::from_mode(0o755)).unwrap();
    assert_ne!(fs::read_to_string(&file).unwrap(), OLD);
    // The run could not see the file of the killed run.
    assert_eq!(names(directory.path()), [leftover, "FILE".into()]);
}

/// Returns two procfs directories and their reports, which differ in contents
/// and in length.
fn two_systems() -> [(TempDir, String); 2] {
    [procfs(&[]), procfs_of(|_, state| 10 + 9 * state)].map(|procfs| {
        let report = report(program().arg(procfs.path()));
        (procfs, report)
    })
}

#[test]
fn readers_see_all_of_one_report_while_several_processes_write() {
    const DEADLINE: Duration = Duration::from_secs(20);
    let systems = two_systems();
    let directory = directory();
    let file = directory.path().join("FILE");
    fs::write(&file, &systems[0].1).unwrap();
    // The test lasts at least a second, until more than four runs have finished
    // and the reader has seen both reports.
    let start = Instant::now();
    let is_over = AtomicBool::new(false);
    let written = AtomicUsize::new(0);
    thread::scope(|scope| {
        for writer in 0..4 {
            let (systems, file, written, is_over) = (&systems, &file, &written, &is_over);
            scope.spawn(move || {
                while !is_over.load(Ordering::Relaxed) && start.elapsed() < DEADLINE {
                    assert_eq!(report(program_to(file).arg(systems[writer % 2].0.path())), "");
                    written.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let mut seen = [0, 0];
        let is_enough = |seen: [u32; 2]| {
            let all = seen.iter().all(|&times| times > 0) && written.load(Ordering::Relaxed) > 4;
            all && start.elapsed() > Duration::from_secs(1)
        };
        while !is_enough(seen) {
            assert!(
                start.elapsed() < DEADLINE,
                "expected more writes than {written:?} and both reports, not {seen:?}"
            );
            let contents = fs::read_to_string(&file).unwrap();
            let index = systems.iter().position(|(_, report)| *report == contents);
            seen[index.unwrap_or_else(|| panic!("expected a complete report: {contents}"))] += 1;
        }
        is_over.store(true, Ordering::Relaxed);
    });
    assert_eq!(names(directory.path()), ["FILE"]);
}

#[test]
fn a_killed_run_leaves_the_old_file_or_the_new_one() {
    let name = test_name!();
    if !can_supervise(name) {
        return;
    }
    let procfs = numbered();
    let new = report(program().arg(procfs.path()));
    let directory = directory();
    let file = directory.path().join("FILE");
    // Whether FILE is new, and the names in the directory.
    let mut left = BTreeSet::new();
    // The first run dies before its first system call, the next run before its
    // second call, and so on. Each run finds the files that its predecessor
    // left.
    for last in 0.. {
        fs::write(&file, OLD).unwrap();
        let run = supervise(program_to(&file).arg(procfs.path()), |call| {
            if call.index == last { Answer::Kill } else { Answer::GoOn }
        });
        let contents = fs::read_to_string(&file).unwrap();
        assert!(contents == OLD || contents == new, "expected old or new contents: {contents}");
        let mut names = names(directory.path());
        for name in names.iter_mut().filter(|name| name.starts_with(".network-connections.")) {
            *name = "TEMPORARY".into();
        }
        if run.output.status.success() {
            assert_eq!((contents, &names[..]), (new, &["FILE".to_string()][..]));
            break;
        }
        assert_eq!(run.output.status.signal(), Some(libc::SIGKILL));
        left.insert((contents == new, names.join(" ")));
    }
    // Before the program creates the temporary file, while the temporary file
    // exists, and after the rename.
    let expected = [(false, "FILE"), (false, "TEMPORARY FILE"), (true, "FILE")];
    assert_eq!(left, expected.map(|(is_new, names)| (is_new, names.to_string())).into());
}

#[test]
fn runs_with_slow_renames_do_not_wait_for_each_other() {
    let name = test_name!();
    if !can_supervise(name) {
        return;
    }
    let systems = two_systems();
    let directory = directory();
    let file = directory.path().join("FILE");
    // Another process has locked the directory and the file.
    let locked = [&file, directory.path()].map(|path| File::open(path).unwrap());
    locked.iter().for_each(lock);
    let start = Instant::now();
    let runs: Vec<usize> = (0..10).collect();
    thread::scope(|scope| {
        for run in runs {
            let (systems, file) = (&systems, &file);
            scope.spawn(move || {
                let mut program = program_to(file);
                let run = supervise(program.arg(systems[run % 2].0.path()), |call| {
                    if call.name == "renameat" {
                        thread::sleep(Duration::from_secs(1));
                    }
                    Answer::GoOn
                });
                assert_eq!(String::from_utf8_lossy(&run.output.stderr), "");
                assert!(run.output.status.success());
            });
        }
    });
    // One after the other, the runs would take ten seconds.
    assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
    let contents = fs::read_to_string(&file).unwrap();
    assert!(systems.iter().any(|(_, report)| *report == contents), "{contents}");
    assert_eq!(names(directory.path()), ["FILE"]);
}

#[test]
fn a_temporary_file_that_another_run_removes_is_written_again() {
    let name = test_name!();
    if !can_supervise(name) {
        return;
    }
    let procfs = numbered();
    let new = report(program().arg(procfs.path()));
    // A run in another PID namespace takes the file for the file of a killed
    // run.
    for times in [1, 9, 10] {
        let directory = directory();
        let file = directory.path().join("FILE");
        let mut removed = 0;
        let run = supervise(program_to(&file).arg(procfs.path()), |call| {
            if call.name == "renameat" && removed < times {
                removed += 1;
                fs::remove_file(&call.file).unwrap();
            }
            Answer::GoOn
        });
        let stderr = String::from_utf8(run.output.stderr).unwrap();
        let contents = fs::read_to_string(&file).unwrap();
        if times < 10 {
            assert_eq!((&stderr[..], contents), ("", new.clone()));
        } else {
            assert_eq!(stderr, temporary_failure(&file, "No such file or directory"));
            assert_eq!(contents, OLD);
        }
        assert_eq!(names(directory.path()), ["FILE"]);
    }
}

#[test]
fn everybody_may_read_the_file_under_a_default_acl() {
    // The default entries of `setfacl -d -m u::rw,g::r,o::-`, in the format of
    // include/uapi/linux/posix_acl_xattr.h. Without fchmod, the mode of a new
    // file would be 0640.
    let entry = |tag: u16, permissions: u16| {
        [&tag.to_le_bytes()[..], &permissions.to_le_bytes(), &u32::MAX.to_le_bytes()].concat()
    };
    let acl = [2_u32.to_le_bytes().to_vec(), entry(1, 6), entry(4, 4), entry(0x20, 0)].concat();
    let directory = directory();
    let path = CString::new(directory.path().as_os_str().as_bytes()).unwrap();
    let name = c"system.posix_acl_default".as_ptr();
    // SAFETY: the path and the name are C strings, and `acl` is readable memory
    // of this length.
    let set = unsafe { libc::setxattr(path.as_ptr(), name, acl.as_ptr().cast(), acl.len(), 0) };
    if set != 0 {
        return lacking(test_name!(), &format!("ACLs: {}", io::Error::last_os_error()));
    }
    let control = directory.path().join("control");
    fs::write(&control, OLD).unwrap();
    assert_eq!(control.metadata().unwrap().mode() & 0o7777, 0o640);
    let file = directory.path().join("FILE");
    report(&mut program_to(&file));
    assert_eq!(file.metadata().unwrap().mode() & 0o7777, 0o644);
}
