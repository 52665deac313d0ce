//! What the library makes of bytes that come in pieces, in buffers of several sizes.

use std::io::Read;

use network_connections::bytes::swar::WORD_SIZE;
use network_connections::cli::failure::LONGEST_MESSAGE;
use network_connections::kernel::sock_diag::{self, DumpKind};
use network_connections::kernel::socket_row::{HEAD_LENGTH, WINDOW};
use network_connections::kernel::table_reader::{MalformedLine, ReadBuffer, TableReader};
use network_connections::model::socket::Family;
use network_connections::output::format::LONGEST_REPORT;
use network_connections::text::buffer::TextBuffer;

use crate::oracles::conntrack_table::{Flow, Outcome};
use crate::oracles::sock_diag as diag_oracle;
use crate::oracles::socket_table::Socket;

/// Words of the least buffer.
pub const LEAST: usize = (1 + HEAD_LENGTH + WINDOW) / WORD_SIZE + 1;

/// The sockets of a table, or the number and the first bytes of the first line that isn't a row.
pub type Sockets = Result<Vec<Socket>, (u32, Vec<u8>)>;

/// What the parser makes of a table that is read in these pieces.
pub fn sockets<'a>(family: Family, pieces: impl IntoIterator<Item = &'a [u8]>) -> Sockets {
    let pieces: Vec<&[u8]> = pieces.into_iter().filter(|piece| !piece.is_empty()).collect();
    let mut large = ReadBuffer::<{ (1 << 16) / WORD_SIZE }>::ZERO;
    let outcome = sockets_in(family, &pieces, &mut large);
    // With less room each piece is read in pieces. What was in the buffer before doesn't matter.
    for before in *b"\0\n0: " {
        let least =
            sockets_in(family, &pieces, &mut ReadBuffer::<LEAST>([[before; WORD_SIZE]; LEAST]));
        assert_eq!(least, outcome, "with the least buffer");
    }
    outcome
}

fn sockets_in<const WORDS: usize>(
    family: Family,
    pieces: &[&[u8]],
    buffer: &mut ReadBuffer<WORDS>,
) -> Sockets {
    let mut sockets = Vec::new();
    let reader = TableReader::socket_table(buffer);
    let end = read_in(reader, pieces, |reader, read| {
        reader.consume_sockets(read, family, |socket| sockets.push(socket.into()))
    });
    end.map(|()| sockets).map_err(|line| told(line, buffer))
}

/// Has a table taken that is read in these pieces, each as far as there is room at a time.
fn read_in<const WORDS: usize>(
    mut reader: TableReader<WORDS>,
    pieces: &[&[u8]],
    mut consume: impl FnMut(&mut TableReader<WORDS>, usize) -> Result<(), MalformedLine>,
) -> Result<(), MalformedLine> {
    let mut pieces = pieces.iter();
    let mut piece: &[u8] = b"";
    loop {
        if piece.is_empty() {
            piece = pieces.next().copied().unwrap_or_default();
        }
        let room = reader.spare_mut();
        assert!(!room.is_empty());
        let read = piece.read(room).unwrap();
        consume(&mut reader, read)?;
        if read == 0 {
            return Ok(());
        }
    }
}

/// The number and the first bytes of a line that isn't a row.
fn told<const WORDS: usize>(line: MalformedLine, buffer: &ReadBuffer<WORDS>) -> (u32, Vec<u8>) {
    (line.number, buffer.head(line).to_vec())
}

/// Words of a buffer that has room for rows of 500 bytes and not much more.
pub const SMALL: usize = 1 + (500 + WINDOW) / WORD_SIZE;

/// What the reader makes of a table of tracked connections that is read in these pieces.
pub fn flows<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    let pieces: Vec<&[u8]> = pieces.into_iter().filter(|piece| !piece.is_empty()).collect();
    let mut large = ReadBuffer::<{ (1 << 16) / WORD_SIZE }>::ZERO;
    let outcome = flows_in(&pieces, &mut large);
    // With less room each piece is read in pieces. What was in the buffer before doesn't matter.
    if pieces.concat().split(|&byte| byte == b'\n').all(|line| line.len() <= 500) {
        for before in *b"\0\n [" {
            let mut small = ReadBuffer::<SMALL>([[before; WORD_SIZE]; SMALL]);
            assert_eq!(flows_in(&pieces, &mut small), outcome, "in a small buffer");
        }
    }
    outcome
}

pub fn flows_in<const WORDS: usize>(pieces: &[&[u8]], buffer: &mut ReadBuffer<WORDS>) -> Outcome {
    let mut flows: Vec<Flow> = Vec::new();
    let reader = TableReader::conntrack_table(buffer);
    let end = read_in(reader, pieces, |reader, read| {
        reader.consume_connections(read, |row| flows.push(row.into()))
    });
    end.map(|()| flows).map_err(|line| told(line, buffer))
}

/// What is taken out of a datagram of sock_diag.
pub fn taken(datagram: &[u8], dump: DumpKind) -> diag_oracle::Outcome {
    let mut sockets = Vec::new();
    let result = sock_diag::parse_datagram(datagram, dump, |table, socket| {
        sockets.push((table, socket.into()));
    });
    (sockets, result.map_err(|errno| errno.0 as i32))
}

/// As much memory for a text as the program has.
pub const LONGEST_TEXT: usize =
    if LONGEST_REPORT > LONGEST_MESSAGE { LONGEST_REPORT } else { LONGEST_MESSAGE };

/// The text that `compose` composes in place of another, unless it doesn't fit, and what it returns.
pub fn fitting_text<T>(compose: impl FnOnce(&mut TextBuffer) -> T) -> (Option<String>, T) {
    let mut bytes = [0; LONGEST_TEXT];
    let mut text = TextBuffer::new(&mut bytes);
    text.push(b"what there was before");
    text.clear();
    let returned = compose(&mut text);
    let complete = text.complete().map(|text| String::from_utf8(text.to_vec()).unwrap());
    (complete, returned)
}

/// The same of a text that fits.
pub fn text<T>(compose: impl FnOnce(&mut TextBuffer) -> T) -> (String, T) {
    let (text, returned) = fitting_text(compose);
    (text.expect("it fits"), returned)
}
