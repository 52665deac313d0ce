//! Ways to cut and to damage the bytes of a table.

use proptest::prelude::*;
use proptest::sample::Index;

/// Returns lists of up to 39 indexes at which [`cut`] cuts.
pub fn cuts() -> impl Strategy<Value = Vec<Index>> {
    prop::collection::vec(any::<Index>(), 0..40)
}

/// Cuts the bytes at these indexes. A chunk may be empty.
pub fn cut<'a>(bytes: &'a [u8], cuts: &[Index]) -> Vec<&'a [u8]> {
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    ends.extend([0, bytes.len()]);
    ends.sort();
    ends.windows(2).map(|ends| &bytes[ends[0]..ends[1]]).collect()
}

/// The index of a byte, and the byte that replaces the byte there. If the
/// second part is nothing, the byte is removed.
type Damage = (Index, Option<u8>);

/// Returns lists of one to three damages. Half of the replacements are in
/// `row_bytes`.
pub fn damages(row_bytes: &'static [u8]) -> impl Strategy<Value = Vec<Damage>> {
    let replacement = prop_oneof![any::<u8>(), prop::sample::select(row_bytes)];
    prop::collection::vec((any::<Index>(), prop::option::of(replacement)), 1..4)
}

/// Returns the damaged table. The table needs more bytes than `damages` has
/// damages.
pub fn damaged(mut table: Vec<u8>, damages: Vec<Damage>) -> Vec<u8> {
    for (index, byte) in damages {
        match byte {
            Some(byte) => *index.get_mut(&mut table) = byte,
            None => drop(table.remove(index.index(table.len()))),
        }
    }
    table
}
