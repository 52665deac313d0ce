//! Tables of tracked connections: one row, and the kernel's own table.

use std::path::Path;
use std::process::Command;

use super::{before_exec, lacking, no_namespace, skipped, unshare};

/// One row of a table of tracked connections.
pub const TRACKED_ROW: &str =
    "ipv4     2 udp      17 29 src=1 dst=2 sport=3 dport=4 src=2 dst=1 sport=4 dport=3 use=1\n";

/// The file of the table, which a kernel without CONFIG_NF_CONNTRACK_PROCFS
/// lacks: Ubuntu's, Alpine's and Flatcar's. The program has no other access to
/// the table yet.
const TABLE: &str = "/proc/self/net/nf_conntrack";
/// Any kernel that tracks connections has this file
/// (net/netfilter/nf_conntrack_standalone.c).
const COUNT: &str = "/proc/sys/net/netfilter/nf_conntrack_count";

/// A rule for which the kernel tracks connections.
const RULE: &str =
    "table inet test { chain c { type filter hook forward priority 0; ct state new; }; }";

/// Returns whether a new network namespace can track connections and shows them
/// to the program. If not, reports the test as skipped. Even on CI, the test
/// may be skipped for want of the file, but not for want of `ip` or `nft`.
pub fn can_read_tracked_connections(test: &str) -> bool {
    let script =
        format!("ip -V && nft \"$1\" && cat {COUNT} && {{ [ ! -e {TABLE} ] || cat {TABLE}; }}");
    let mut probe = Command::new("sh");
    probe.args(["-c", &script, "sh", RULE]);
    match before_exec(&mut probe, || unshare(libc::CLONE_NEWNET)).output() {
        Ok(output) if !output.status.success() => {
            let reason = String::from_utf8_lossy(&output.stderr);
            lacking(test, &format!("cannot track connections: {}", reason.trim()));
            false
        }
        Ok(_) => has_table(test),
        Err(error) => {
            no_namespace(test, &error);
            false
        }
    }
}

/// Returns whether this kernel shows the program the table of tracked
/// connections. If not, reports the test as skipped.
pub fn has_table(test: &str) -> bool {
    let exists = Path::new(TABLE).exists();
    if !exists {
        let reason = match Path::new(COUNT).exists() {
            true => "this kernel tracks connections, but has no /proc/net/nf_conntrack",
            false => "this kernel tracks no connections",
        };
        skipped(test, reason);
    }
    exists
}
