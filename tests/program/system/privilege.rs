//! The program with as little as it may be given: as nobody, without any capability, in a root that can't be written
//! to and has procfs alone.

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
    NOBODY, become_user, before_exec, fails, in_namespace, is_dynamic, lacking, no_namespace,
    program, program_file, report, skipped, sources,
};

const PROGRAM: &str = "/network-connections";

/// Mounts something, which is seen in this process's namespace alone.
fn mount(source: &CStr, directory: &Path, flags: libc::c_ulong, options: &CStr) {
    let directory = CString::new(directory.as_os_str().as_bytes()).unwrap();
    let (kind, data) = (c"tmpfs".as_ptr(), options.as_ptr().cast());
    // SAFETY: it is given C strings.
    let result = unsafe { libc::mount(source.as_ptr(), directory.as_ptr(), kind, flags, data) };
    assert_eq!(result, 0, "{directory:?}: {}", io::Error::last_os_error());
}

/// A directory that is a mount point, and is removed when it no longer is.
struct Root(TempDir);

impl Root {
    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        let directory = CString::new(self.path().as_os_str().as_bytes()).unwrap();
        // SAFETY: it is given a C string.
        unsafe { libc::umount2(directory.as_ptr(), libc::MNT_DETACH) };
    }
}

/// A root with procfs, the program, and a directory that user 65534 may write to.
fn root() -> Root {
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

/// The program in a root, as this user, with no other group, and no capability that it has or could get.
fn confined(root: &Root, user: libc::uid_t) -> Command {
    let mut program = Command::new(PROGRAM);
    let root = CString::new(root.path().as_os_str().as_bytes()).unwrap();
    let last = fs::read_to_string("/proc/sys/kernel/cap_last_cap").unwrap();
    let last: libc::c_ulong = last.trim().parse().unwrap();
    program.env_clear().stdin(Stdio::null());
    // SAFETY: alarm has no preconditions.
    before_exec(&mut program, || unsafe { libc::alarm(60) } as libc::c_int);
    before_exec(&mut program, move || {
        // SAFETY: it is given a C string.
        let root = unsafe { libc::chroot(root.as_ptr()) };
        // SAFETY: as above.
        root.min(unsafe { libc::chdir(c"/".as_ptr()) })
    });
    for capability in 0..=last {
        // SAFETY: it takes numbers.
        before_exec(&mut program, move || unsafe {
            libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0)
        });
    }
    become_user(&mut program, user);
    // SAFETY: it takes numbers.
    before_exec(&mut program, || unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) });
    program
}

/// A root for a test, in a network of its own. Nothing in another process than the one that has it, or where it can't be
/// had: then the test is skipped.
fn root_for(test: &str) -> Option<Root> {
    let reason = if env::var_os("RUNNER").is_some() {
        "what runs the program isn't in that root"
    } else if is_dynamic(&program_file()) {
        "the program is dynamic, and the C library isn't in that root"
    // SAFETY: it has no preconditions.
    } else if unsafe { libc::geteuid() } != 0 {
        "only root can become nobody"
    } else {
        if !in_namespace(test, libc::CLONE_NEWNS | libc::CLONE_NEWNET) {
            return None;
        }
        let root = root();
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
fn counts_with_no_privilege_at_all() {
    let test = test_name!();
    let Some(root) = root_for(test) else { return };
    let _sockets = open_sockets();
    let others = format!("/proc/{}", process::id());
    let mut ways: Vec<Vec<&str>> = sources(test).into_iter().map(<[&str]>::to_vec).collect();
    ways.extend(["json", "ndjson", "prometheus", "influx", "collectd"].map(|it| vec!["-f", it]));
    ways.push(vec!["-qtcp6.LISTEN", "-qudp", "--source=netlink"]);
    ways.push(vec!["-wtcp6=5", "-cudp=10", "--source=netlink"]);
    ways.push(vec!["--local-port=1", "/proc/self"]);
    // A process of root's, of which there is nothing to be read but this.
    ways.push(vec![&others]);
    let out = root.path().join("out/FILE");
    let mut running = vec![];
    for way in ways {
        let all = |program: &mut Command| {
            let collectd = [("COLLECTD_HOSTNAME", "here"), ("COLLECTD_INTERVAL", "1")];
            report(program.envs(collectd).arg("-a").args(&way))
        };
        let outside = all(&mut program());
        assert_eq!(all(&mut confined(&root, NOBODY)), outside, "{way:?}");
        assert_eq!(all(confined(&root, NOBODY).args(["-o", "/out/FILE"])), "", "{way:?}");
        assert_eq!(fs::read_to_string(&out).unwrap(), outside, "{way:?}");
        let mut program = confined(&root, NOBODY);
        program.env("COLLECTD_HOSTNAME", "here").args(["-a", "-i1"]).args(&way);
        running.push((program.stdout(Stdio::piped()).spawn().unwrap(), outside, way));
    }
    let message = "network-connections: /FILE.tmp: Read-only file system\n";
    fails(confined(&root, NOBODY).args(["-o", "/FILE"]), 1, message);

    for (mut child, outside, way) in running {
        let mut twice = vec![0; 2 * outside.len()];
        let read = child.stdout.as_mut().unwrap().read_exact(&mut twice);
        let proc = Path::new("/proc").join(child.id().to_string());
        let status = fs::read_to_string(proc.join("status"));
        let files = fs::read_dir(proc.join("root")).map(|files| {
            files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
        });
        child.kill().unwrap();
        child.wait().unwrap();
        read.unwrap();
        assert_eq!(String::from_utf8(twice).unwrap(), outside.repeat(2), "{way:?}");

        // It had no more than it should have had.
        let status = status.unwrap();
        let capabilities =
            ["Inh", "Prm", "Eff", "Bnd", "Amb"].map(|set| format!("Cap{set}:\t{:016}", 0));
        let nobody = ["Uid", "Gid"].map(|name| name.to_string() + ":" + &"\t65534".repeat(4));
        for line in capabilities.iter().chain(&nobody).map(String::as_str).chain(["NoNewPrivs:\t1"])
        {
            assert!(status.lines().any(|it| it == line), "{line} isn't in:\n{status}");
        }
        let groups = status.lines().find_map(|line| line.strip_prefix("Groups:")).unwrap();
        assert_eq!(groups.trim(), "");
        let mut files: Vec<String> = files.unwrap();
        files.sort();
        assert_eq!(files, ["network-connections", "out", "proc"]);
    }
}

#[test]
fn tracked_connections_are_for_root_who_needs_no_capability() {
    let test = test_name!();
    let Some(root) = root_for(test) else { return };
    if !Path::new("/proc/self/net/nf_conntrack").exists() {
        return lacking(test, "this kernel has no such table");
    }
    let message =
        "network-connections: /proc/net/nf_conntrack: Permission denied (only root may read it)\n";
    fails(confined(&root, NOBODY).arg("--conntrack"), 1, message);
    for way in [&["--conntrack"][..], &["--conntrack", "-qtable.limit", "-qtable.entries"]] {
        let outside = report(program().args(way));
        assert_eq!(report(confined(&root, 0).args(way)), outside);
        // It may not write to what is another's then, though it is root.
        let message = "network-connections: /out/FILE: Permission denied\n";
        fails(confined(&root, 0).args(way).args(["-o", "/out/FILE"]), 1, message);
    }
}
