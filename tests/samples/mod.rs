//! Inputs for the tests of the library and for the tests of the program.

use proptest::prelude::*;

pub mod conntrack_table;
pub mod damage;
pub mod report;
pub mod sock_diag;
pub mod socket_table;

/// Returns tables of a header and up to eleven rows. The last row may lack the
/// newline.
pub fn table<Row: AsRef<[u8]> + std::fmt::Debug>(
    header: &'static str,
    row: impl Strategy<Value = Row>,
) -> impl Strategy<Value = Vec<u8>> {
    (prop::collection::vec(row, 0..12), any::<bool>()).prop_map(|(rows, newline)| {
        let rows: Vec<&[u8]> = rows.iter().map(Row::as_ref).collect();
        let mut table = [header.as_bytes(), &rows.join(&b'\n')].concat();
        if newline && !rows.is_empty() {
            table.push(b'\n');
        }
        table
    })
}
