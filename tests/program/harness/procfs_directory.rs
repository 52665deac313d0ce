//! Directories with the socket tables of procfs, made for a test.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::samples::socket_table::{HEADER, STATES};

/// The files of the socket tables.
pub const TABLES: [&str; 4] = ["tcp", "tcp6", "udp", "udp6"];

/// The group of each of the [`TABLES`].
pub const GROUPS: [&str; 4] = ["tcp4", "tcp6", "udp4", "udp6"];

/// Creates a procfs directory with these tables in `net/`. If `tables` has no
/// `tcp` or no `udp`, the function creates this table without sockets.
pub fn procfs(tables: &[(&str, &str)]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let net = directory.path().join("net");
    fs::create_dir(&net).unwrap();
    for (name, content) in [("tcp", HEADER), ("udp", HEADER)].iter().chain(tables) {
        fs::write(net.join(name), content).unwrap();
    }
    directory
}

/// Creates a procfs directory with `sockets(table, state)` sockets of each
/// state in each table. `table` is an index into [`TABLES`], and `state` is an
/// index into [`STATES`].
pub fn procfs_of(sockets: impl Fn(usize, usize) -> usize) -> TempDir {
    let tables = [0, 1, 2, 3].map(|table| {
        let address = if table % 2 == 0 { "0100007F" } else { "00000000000000000000000001000000" };
        let rows = STATES.iter().enumerate().map(|(state, (_, number))| {
            let row = format!("   0: {address}:1F90 {address}:C001 {number} 00000000:00000000\n");
            row.repeat(sockets(table, state))
        });
        HEADER.to_string() + &rows.collect::<String>()
    });
    procfs(&[0, 1, 2, 3].map(|table| (TABLES[table], tables[table].as_str())))
}

/// Creates a procfs directory whose 48 counts are the numbers from 0 to 47.
pub fn numbered() -> TempDir {
    procfs_of(number)
}

/// Returns the number of sockets of a state in a table of [`numbered`].
pub fn number(table: usize, state: usize) -> usize {
    table * STATES.len() + state
}

/// Returns the message that the program prints after a failure on a table.
pub fn message(procfs: &Path, table: &str, reason: &str) -> String {
    format!("network-connections: {}/net/{table}: {reason}\n", procfs.display())
}
