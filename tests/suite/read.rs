//! What the library makes of bytes that come in pieces, in buffers of several sizes.

use std::io::Read;

use network_connections::diag::{self, Dump};
use network_connections::row::{HEAD, WINDOW};
use network_connections::rows::{Buffer, Line, Rows};
use network_connections::swar::WORD;
use network_connections::table::{Family, Table};

use crate::conntrack_oracle::{Flow, Outcome};
use crate::diag_oracle;
use crate::oracle::Socket;

/// Words of the least buffer.
pub const LEAST: usize = (1 + HEAD + WINDOW) / WORD + 1;

/// A table with such rows.
fn table_of(family: Family) -> Table {
    match family {
        Family::Inet => Table::Tcp4,
        Family::Inet6 => Table::Udp6,
    }
}

/// The sockets of a table, or the number and the first bytes of the first line that isn't a row.
pub type Sockets = Result<Vec<Socket>, (u32, Vec<u8>)>;

/// What the parser makes of a table that is read in these pieces.
pub fn sockets<'a>(family: Family, pieces: impl IntoIterator<Item = &'a [u8]>) -> Sockets {
    let pieces: Vec<&[u8]> = pieces.into_iter().filter(|piece| !piece.is_empty()).collect();
    let mut large = Buffer::<{ (1 << 16) / WORD }>::NEW;
    let outcome = sockets_in(family, &pieces, &mut large);
    // With less room each piece is read in pieces. What was in the buffer before doesn't matter.
    for before in *b"\0\n0: " {
        let least = sockets_in(family, &pieces, &mut Buffer::<LEAST>([[before; WORD]; LEAST]));
        assert_eq!(least, outcome, "with the least buffer");
    }
    outcome
}

fn sockets_in<const WORDS: usize>(
    family: Family,
    pieces: &[&[u8]],
    buffer: &mut Buffer<WORDS>,
) -> Sockets {
    let mut sockets = Vec::new();
    let end = read_in(table_of(family), pieces, buffer, |rows, read| {
        rows.take(read, |socket| sockets.push(socket.into())).map_err(told)
    });
    end.map(|()| sockets)
}

/// Has a table taken that is read in these pieces, each as far as there is room at a time.
fn read_in<const WORDS: usize>(
    table: Table,
    pieces: &[&[u8]],
    buffer: &mut Buffer<WORDS>,
    mut take: impl FnMut(&mut Rows<WORDS>, usize) -> Result<(), (u32, Vec<u8>)>,
) -> Result<(), (u32, Vec<u8>)> {
    let mut pieces = pieces.iter();
    let mut piece: &[u8] = b"";
    let mut rows = Rows::new(buffer, table);
    loop {
        if piece.is_empty() {
            piece = pieces.next().copied().unwrap_or_default();
        }
        let room = rows.room();
        assert!(!room.is_empty());
        let read = piece.read(room).unwrap();
        take(&mut rows, read)?;
        if read == 0 {
            return Ok(());
        }
    }
}

/// The number and the first bytes of a line that isn't a row.
fn told(line: Line) -> (u32, Vec<u8>) {
    (line.number, line.head.to_vec())
}

/// Words of a buffer that has room for rows of 500 bytes and not much more.
pub const SMALL: usize = 1 + (500 + WINDOW) / WORD;

/// What the reader makes of a table of tracked connections that is read in these pieces.
pub fn flows<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    let pieces: Vec<&[u8]> = pieces.into_iter().filter(|piece| !piece.is_empty()).collect();
    let mut large = Buffer::<{ (1 << 16) / WORD }>::NEW;
    let outcome = flows_in(&pieces, &mut large);
    // With less room each piece is read in pieces. What was in the buffer before doesn't matter.
    if pieces.concat().split(|&byte| byte == b'\n').all(|line| line.len() <= 500) {
        for before in *b"\0\n [" {
            let mut small = Buffer::<SMALL>([[before; WORD]; SMALL]);
            assert_eq!(flows_in(&pieces, &mut small), outcome, "in a small buffer");
        }
    }
    outcome
}

pub fn flows_in<const WORDS: usize>(pieces: &[&[u8]], buffer: &mut Buffer<WORDS>) -> Outcome {
    let mut flows: Vec<Flow> = Vec::new();
    let end = read_in(Table::Conntrack, pieces, buffer, |rows, read| {
        rows.take_tracked(read, |tracked| flows.push(tracked.into())).map_err(told)
    });
    end.map(|()| flows)
}

/// What is taken out of a datagram of sock_diag.
pub fn taken(datagram: &[u8], dump: Dump) -> diag_oracle::Outcome {
    let mut sockets = Vec::new();
    let result = diag::take(datagram, dump, |table, socket| {
        sockets.push((table, socket.into()));
    });
    (sockets, result)
}
