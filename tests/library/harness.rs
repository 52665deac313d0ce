//! Runs the library with the input of a test. A table comes in chunks, and the
//! table reader reads the table in buffers of several sizes.

use std::io::Read;

use network_connections::bytes::swar::WORD_SIZE;
use network_connections::cli::failure::LONGEST_MESSAGE;
use network_connections::kernel::sock_diag::{self, DumpKind};
use network_connections::kernel::socket_row::{HEAD_LENGTH, WINDOW};
use network_connections::kernel::table_reader::{MalformedLine, ReadBuffer, TableReader};
use network_connections::model::socket::Family;
use network_connections::output::format::LONGEST_REPORT;
use network_connections::text::buffer::TextBuffer;

use crate::oracles::Table;
use crate::oracles::conntrack_table::Flow;
use crate::oracles::sock_diag::Datagram;
use crate::oracles::socket_table::Socket;

/// The number of words in the smallest buffer for a socket table.
pub const SMALLEST: usize = (1 + HEAD_LENGTH + WINDOW) / WORD_SIZE + 1;

/// Reads a table of sockets that comes in these chunks. Asserts that the result
/// depends neither on the size of the buffer nor on the earlier bytes in the
/// buffer.
pub fn read_sockets<'a>(
    family: Family,
    chunks: impl IntoIterator<Item = &'a [u8]>,
) -> Table<Socket> {
    let chunks = nonempty(chunks);
    let mut large = ReadBuffer::<{ (1 << 16) / WORD_SIZE }>::ZERO;
    let table = read_sockets_in(family, &chunks, &mut large);
    for earlier in *b"\0\n0: " {
        let mut smallest = ReadBuffer::<SMALLEST>([[earlier; WORD_SIZE]; SMALLEST]);
        let seen = read_sockets_in(family, &chunks, &mut smallest);
        assert_eq!(seen, table, "in the smallest buffer");
    }
    table
}

fn read_sockets_in<const WORDS: usize>(
    family: Family,
    chunks: &[&[u8]],
    buffer: &mut ReadBuffer<WORDS>,
) -> Table<Socket> {
    let mut sockets = Vec::new();
    let reader = TableReader::new(buffer);
    let end = read_chunks(reader, chunks, |reader, read_length| {
        reader.consume_sockets(read_length, family, |socket| sockets.push(socket.into()))
    });
    end.map(|()| sockets).map_err(|line| number_and_head(line, buffer))
}

/// The number of words in a buffer that holds rows of up to
/// [`LONGEST_SMALL_ROW`] bytes.
pub const SMALL: usize = 1 + (LONGEST_SMALL_ROW + WINDOW) / WORD_SIZE;

/// The length of the longest row, in bytes, that a test reads in a buffer of
/// [`SMALL`] words.
const LONGEST_SMALL_ROW: usize = 500;

/// Reads a table of tracked connections that comes in these chunks. Asserts
/// that the result depends neither on the size of the buffer, if the rows fit,
/// nor on the earlier bytes in the buffer.
pub fn read_flows<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Table<Flow> {
    let chunks = nonempty(chunks);
    let mut large = ReadBuffer::<{ (1 << 16) / WORD_SIZE }>::ZERO;
    let table = read_flows_in(&chunks, &mut large);
    let bytes = chunks.concat();
    if bytes.split(|&byte| byte == b'\n').all(|line| line.len() <= LONGEST_SMALL_ROW) {
        for earlier in *b"\0\n [" {
            let mut small = ReadBuffer::<SMALL>([[earlier; WORD_SIZE]; SMALL]);
            assert_eq!(read_flows_in(&chunks, &mut small), table, "in a small buffer");
        }
    }
    table
}

/// Reads a table of tracked connections in this buffer.
pub fn read_flows_in<const WORDS: usize>(
    chunks: &[&[u8]],
    buffer: &mut ReadBuffer<WORDS>,
) -> Table<Flow> {
    let mut flows: Vec<Flow> = Vec::new();
    let reader = TableReader::new(buffer);
    let end = read_chunks(reader, chunks, |reader, read_length| {
        reader.consume_connections(read_length, |row| flows.push(row.into()))
    });
    end.map(|()| flows).map_err(|line| number_and_head(line, buffer))
}

/// Returns the chunks that are not empty, because an empty read is the end of a
/// table.
fn nonempty<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<&'a [u8]> {
    chunks.into_iter().filter(|chunk| !chunk.is_empty()).collect()
}

/// Reads these chunks, and calls `consume` with the length of each read. A
/// chunk that does not fit in the memory for reads takes several reads.
fn read_chunks<const WORDS: usize>(
    mut reader: TableReader<WORDS>,
    chunks: &[&[u8]],
    mut consume: impl FnMut(&mut TableReader<WORDS>, usize) -> Result<(), MalformedLine>,
) -> Result<(), MalformedLine> {
    let mut chunks = chunks.iter();
    let mut chunk: &[u8] = b"";
    loop {
        if chunk.is_empty() {
            chunk = chunks.next().copied().unwrap_or_default();
        }
        let spare = reader.spare_mut();
        assert!(!spare.is_empty(), "expected memory for the next read");
        let read_length = chunk.read(spare).unwrap();
        consume(&mut reader, read_length)?;
        if read_length == 0 {
            return Ok(());
        }
    }
}

fn number_and_head<const WORDS: usize>(
    line: MalformedLine,
    buffer: &ReadBuffer<WORDS>,
) -> (u32, Vec<u8>) {
    (line.number, buffer.head(line).to_vec())
}

/// Parses a datagram of a dump.
pub fn parse_datagram(datagram: &[u8], dump: DumpKind) -> Datagram {
    let mut sockets = Vec::new();
    let result = sock_diag::parse_datagram(datagram, dump, |table, socket| {
        sockets.push((table, socket.into()));
    });
    (sockets, result.map_err(|errno| errno.0 as i32))
}

/// The length of the program's memory for a text.
pub const LONGEST_TEXT: usize =
    if LONGEST_REPORT > LONGEST_MESSAGE { LONGEST_REPORT } else { LONGEST_MESSAGE };

/// Returns the text that `compose` composes, or nothing if the text does not
/// fit, and the result of `compose`. The text replaces an earlier text.
pub fn text_if_fitting<T>(compose: impl FnOnce(&mut TextBuffer) -> T) -> (Option<String>, T) {
    let mut bytes = [0; LONGEST_TEXT];
    let mut text = TextBuffer::new(&mut bytes);
    text.push(b"what there was before");
    text.clear();
    let returned = compose(&mut text);
    let complete = text.complete().map(|text| String::from_utf8(text.to_vec()).unwrap());
    (complete, returned)
}

/// Returns the text that `compose` composes, and the result of `compose`.
/// Asserts that the text fits.
pub fn text<T>(compose: impl FnOnce(&mut TextBuffer) -> T) -> (String, T) {
    let (text, returned) = text_if_fitting(compose);
    (text.expect("expected a text that fits"), returned)
}
