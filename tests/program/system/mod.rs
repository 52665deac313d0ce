mod allowed_calls;
mod failing_calls;
mod privilege;
mod resources;
mod start_up;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

/// Creates the link `ns/net` to this network namespace in a directory that
/// resembles `/proc/PID`.
fn link_own_namespace(process: &Path) {
    fs::create_dir(process.join("ns")).unwrap();
    let namespace = fs::read_link("/proc/self/ns/net").unwrap();
    symlink(namespace, process.join("ns/net")).unwrap();
}
