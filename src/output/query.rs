//! The output of `--query`: only the numbers that the command line asks for.

use crate::model::counts::Counts;
use crate::model::threshold::Query;
use crate::text::buffer::TextBuffer;

/// Composes the numbers in the order of the queries, one number on each line.
pub fn compose(queries: &[Query], counts: &Counts, text: &mut TextBuffer) {
    for query in queries {
        text.push_number(counts.number(query.key));
        text.push(b"\n");
    }
}
