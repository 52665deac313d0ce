//! Tests that run the program with as few privileges as possible: as user
//! nobody, without capabilities, and in a read-only root directory that has no
//! files of the system except procfs.

use std::env;
use std::ffi::{CStr, CString};
use std::fs;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{self, Command, Stdio};

use tempfile::TempDir;

use crate::harness::netlink::open_sockets;
use crate::harness::{
    NOBODY, become_user, before_exec, can_read_tracked_connections, fails, in_namespace,
    is_dynamic, no_namespace, program, program_file, report, skipped, sources,
};

/// The path of the program in the root directory of the tests.
const PROGRAM: &str = "/network-connections";

/// Mounts a tmpfs, or a directory with MS_BIND, or changes a mount. Only the
/// mount namespace of this process shows the mount.
fn mount(source: &CStr, directory: &Path, flags: libc::c_ulong, options: &CStr) {
    let directory = CString::new(directory.as_os_str().as_bytes()).unwrap();
    let (kind, data) = (c"tmpfs".as_ptr(), options.as_ptr().cast());
    // SAFETY: `source`, `directory`, `kind` and `data` point at C strings.
    let result = unsafe { libc::mount(source.as_ptr(), directory.as_ptr(), kind, flags, data) };
    assert_eq!(result, 0, "{directory:?}: {}", io::Error::last_os_error());
}

/// A mount point that is the root directory of confined programs. Drop unmounts
/// and removes the directory.
struct Root(TempDir);

impl Root {
    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        let directory = CString::new(self.path().as_os_str().as_bytes()).unwrap();
        // SAFETY: `directory` is a C string.
        unsafe { libc::umount2(directory.as_ptr(), libc::MNT_DETACH) };
    }
}

/// Creates a root directory with procfs, the program, and the directory `out`,
/// in which only the user nobody may write.
fn create_root() -> Root {
    let root = Root(tempfile::tempdir().unwrap());
    let (path, out) = (root.path(), root.path().join("out"));
    mount(c"/", Path::new("/"), libc::MS_REC | libc::MS_PRIVATE, c"");
    mount(c"tmpfs", path, 0, c"mode=755");
    fs::create_dir(path.join("proc")).unwrap();
    fs::create_dir(&out).unwrap();
    let file = path.join(PROGRAM.trim_start_matches('/'));
    fs::copy(program_file(), &file).unwrap();
    fs::set_permissions(file, PermissionsExt::from_mode(0o555)).unwrap();
    mount(c"/proc", &path.join("proc"), libc::MS_BIND | libc::MS_REC, c"");
    mount(c"tmpfs", &out, 0, c"mode=700,uid=65534,gid=65534");
    mount(c"tmpfs", path, libc::MS_REMOUNT | libc::MS_BIND | libc::MS_RDONLY, c"");
    root
}

/// Returns the program in a root directory, as this user. The program is only
/// in the group of the user, and neither has nor can get a capability.
fn confined(root: &Root, user: libc::uid_t) -> Command {
    let mut program = Command::new(PROGRAM);
    let root = CString::new(root.path().as_os_str().as_bytes()).unwrap();
    let last = fs::read_to_string("/proc/sys/kernel/cap_last_cap").unwrap();
    let last: libc::c_ulong = last.trim().parse().unwrap();
    program.env_clear().stdin(Stdio::null());
    // SAFETY: alarm has no preconditions.
    before_exec(&mut program, || unsafe { libc::alarm(60) } as libc::c_int);
    before_exec(&mut program, move || {
        // SAFETY: `root` is a C string.
        let root = unsafe { libc::chroot(root.as_ptr()) };
        // SAFETY: the path is a C string.
        root.min(unsafe { libc::chdir(c"/".as_ptr()) })
    });
    for capability in 0..=last {
        // SAFETY: with PR_CAPBSET_DROP, prctl takes only numbers.
        before_exec(&mut program, move || unsafe {
            libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0)
        });
    }
    become_user(&mut program, user);
    // SAFETY: with PR_SET_NO_NEW_PRIVS, prctl takes only numbers.
    before_exec(&mut program, || unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) });
    program
}

/// Runs the test again, in a process that has its own mount and network
/// namespace, and returns a root directory in that process. Returns nothing in
/// the first process. Also returns nothing if this machine cannot run the test,
/// and prints that the test is skipped.
fn root_for(test: &str) -> Option<Root> {
    let reason = if env::var_os("RUNNER").is_some() {
        "the root directory lacks the runner of the program"
    } else if is_dynamic(&program_file()) {
        "the program is dynamic, and the root directory lacks the C library"
    // SAFETY: geteuid has no preconditions.
    } else if unsafe { libc::geteuid() } != 0 {
        "only root can become nobody"
    } else {
        if !in_namespace(test, libc::CLONE_NEWNS | libc::CLONE_NEWNET) {
            return None;
        }
        let root = create_root();
        match confined(&root, NOBODY).arg("--version").output() {
            Ok(_) => return Some(root),
            Err(error) => no_namespace(test, &error),
        }
        return None;
    };
    skipped(test, reason);
    None
}

#[test]
fn sockets_are_counted_without_any_privilege() {
    let test = test_name!();
    let Some(root) = root_for(test) else { return };
    let _sockets = open_sockets();
    let process_of_root = format!("/proc/{}", process::id());
    let mut cases: Vec<Vec<&str>> = sources(test).into_iter().map(<[&str]>::to_vec).collect();
    let formats = ["json", "ndjson", "prometheus", "influx", "collectd"];
    cases.extend(formats.map(|format| vec!["-f", format]));
    cases.push(vec!["-qtcp6.LISTEN", "-qudp", "--source=netlink"]);
    cases.push(vec!["-wtcp6=5", "-cudp=10", "--source=netlink"]);
    cases.push(vec!["--local-port=1", "/proc/self"]);
    // The user nobody may read only a few files of a process of root, among
    // them the socket tables.
    cases.push(vec![&process_of_root]);
    let out = root.path().join("out/FILE");
    let mut running = vec![];
    for case in cases {
        let report_all = |program: &mut Command| {
            let collectd = [("COLLECTD_HOSTNAME", "here"), ("COLLECTD_INTERVAL", "1")];
            report(program.envs(collectd).arg("-a").args(&case))
        };
        let expected = report_all(&mut program());
        assert_eq!(report_all(&mut confined(&root, NOBODY)), expected, "{case:?}");
        assert_eq!(report_all(confined(&root, NOBODY).args(["-o", "/out/FILE"])), "", "{case:?}");
        assert_eq!(fs::read_to_string(&out).unwrap(), expected, "{case:?}");
        let mut program = confined(&root, NOBODY);
        program.env("COLLECTD_HOSTNAME", "here").args(["-a", "-i1"]).args(&case);
        running.push((program.stdout(Stdio::piped()).spawn().unwrap(), expected, case));
    }
    let message =
        "network-connections: /FILE (temporary file in its directory): Read-only file system\n";
    fails(confined(&root, NOBODY).args(["-o", "/FILE"]), 1, message);

    for (mut child, expected, case) in running {
        let mut twice = vec![0; 2 * expected.len()];
        let read = child.stdout.as_mut().unwrap().read_exact(&mut twice);
        let proc = Path::new("/proc").join(child.id().to_string());
        let status = fs::read_to_string(proc.join("status"));
        let files = fs::read_dir(proc.join("root")).map(|files| {
            files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
        });
        child.kill().unwrap();
        child.wait().unwrap();
        read.unwrap();
        assert_eq!(String::from_utf8(twice).unwrap(), expected.repeat(2), "{case:?}");

        // The child really had no privileges.
        let status = status.unwrap();
        let capabilities =
            ["Inh", "Prm", "Eff", "Bnd", "Amb"].map(|set| format!("Cap{set}:\t{:016}", 0));
        let nobody = ["Uid", "Gid"].map(|name| name.to_string() + ":" + &"\t65534".repeat(4));
        for line in capabilities.iter().chain(&nobody).map(String::as_str).chain(["NoNewPrivs:\t1"])
        {
            assert!(status.lines().any(|found| found == line), "{line} must be in:\n{status}");
        }
        let groups = status.lines().find_map(|line| line.strip_prefix("Groups:")).unwrap();
        assert_eq!(groups.trim(), "");
        let mut files: Vec<String> = files.unwrap();
        files.sort();
        assert_eq!(files, ["network-connections", "out", "proc"]);
    }
}

#[test]
fn only_root_counts_tracked_connections_but_needs_no_capability() {
    let test = test_name!();
    let Some(root) = root_for(test) else { return };
    if !can_read_tracked_connections(test) {
        return;
    }
    let message =
        "network-connections: /proc/net/nf_conntrack: Permission denied (only root may read it)\n";
    fails(confined(&root, NOBODY).arg("--conntrack"), 1, message);
    for case in [&["--conntrack"][..], &["--conntrack", "-qtable.limit", "-qtable.entries"]] {
        let expected = report(program().args(case));
        assert_eq!(report(confined(&root, 0).args(case)), expected);
        // Without capabilities, root may not write in the directory of nobody.
        let message = "network-connections: /out/FILE: Permission denied\n";
        fails(confined(&root, 0).args(case).args(["-o", "/out/FILE"]), 1, message);
    }
}
