//! The bytes of a table, cut and damaged.

use proptest::prelude::*;

/// The same bytes, cut anywhere.
pub fn cut<'a>(bytes: &'a [u8], places: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = places.iter().map(|place| place.index(bytes.len() + 1)).collect();
    places.extend([0, bytes.len()]);
    places.sort();
    places.windows(2).map(|ends| &bytes[ends[0]..ends[1]]).collect()
}

pub fn places() -> impl Strategy<Value = Vec<prop::sample::Index>> {
    prop::collection::vec(any::<prop::sample::Index>(), 0..40)
}

/// A byte of a table, and what stands there instead: another one, or nothing.
type Damage = (prop::sample::Index, Option<u8>);

/// Up to three of these. Half of the other bytes are such as a row has.
pub fn damage(bytes: &'static [u8]) -> impl Strategy<Value = Vec<Damage>> {
    let other = prop_oneof![any::<u8>(), prop::sample::select(bytes)];
    prop::collection::vec((any::<prop::sample::Index>(), prop::option::of(other)), 1..4)
}

/// The table with this damage. There has to be more of it than of that.
pub fn damaged(mut table: Vec<u8>, damage: Vec<Damage>) -> Vec<u8> {
    for (place, byte) in damage {
        match byte {
            Some(byte) => *place.get_mut(&mut table) = byte,
            None => drop(table.remove(place.index(table.len()))),
        }
    }
    table
}
