//! Naive parsers, so simple that they are obviously right. The tests compare
//! the library and the program with these oracles.

use network_connections::kernel::socket_row::HEAD_LENGTH;

pub mod check;
pub mod command_line;
pub mod conntrack_table;
pub mod sock_diag;
pub mod socket_table;

/// The rows of a table, or the first malformed line: the number and the head
/// of the line.
pub type Table<Row> = Result<Vec<Row>, (u32, Vec<u8>)>;

/// Returns the lines of a table. The last line needs no newline.
fn lines(table: &[u8]) -> Vec<&[u8]> {
    let mut lines: Vec<&[u8]> = table.split(|&byte| byte == b'\n').collect();
    if lines.last() == Some(&&b""[..]) {
        lines.pop();
    }
    lines
}

/// Returns the number and the head of the line with this index.
fn malformed_line(index: usize, line: &[u8]) -> (u32, Vec<u8>) {
    (index as u32 + 1, line[..line.len().min(HEAD_LENGTH)].to_vec())
}
