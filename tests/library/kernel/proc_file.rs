//! The order in which the program reads the socket tables of procfs.

use std::str;

use network_connections::kernel::proc_file::{SOCKET_TABLES, is_optional};

#[test]
fn a_table_that_every_system_has_is_read_last() {
    // If a process ends between two reads, its files disappear. The missing
    // last file has to be an error.
    assert!(!is_optional(SOCKET_TABLES[3].0));
    let mut tables: Vec<usize> = SOCKET_TABLES.iter().map(|(table, _)| table.group()).collect();
    tables.sort();
    assert_eq!(tables, [0, 1, 2, 3], "SOCKET_TABLES has each table once");
    for (table, file) in SOCKET_TABLES {
        let name = str::from_utf8(file.name()).unwrap().trim_start_matches("net/");
        let group = str::from_utf8(table.name()).unwrap();
        assert_eq!(name.trim_end_matches('6'), &group[..3]);
        assert_eq!(name.ends_with('6'), group.ends_with('6'));
    }
}
