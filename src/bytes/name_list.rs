//! Names that a user reads or types, and enums whose variants have such names.

use core::str;

use super::split::{nth_field, split_once};

/// A list of names, as one text with a space between two names. One text is
/// smaller than an array of pointers to texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameList(pub &'static str);

impl NameList {
    /// Returns the name with this index, or an empty name if the index is past
    /// the last name.
    pub const fn get(self, index: usize) -> &'static [u8] {
        nth_field(self.0.as_bytes(), b' ', index)
    }

    /// Returns the index of a name, or nothing if the list does not have the
    /// name. An empty `name` is never in the list.
    pub const fn position(self, name: &[u8]) -> Option<usize> {
        let mut rest = Some(self.0.as_bytes());
        let mut index = 0;
        while let Some(names) = rest {
            let first;
            (first, rest) = split_once(names, b' ');
            if !name.is_empty() && is_same(first, name) {
                return Some(index);
            }
            index += 1;
        }
        None
    }

    /// Splits the list before the name with this index. The list must have this
    /// name. The help splits a list to fit each part in one line.
    #[expect(clippy::panic, reason = "only the compiler runs it")]
    pub const fn split_before(self, index: usize) -> (NameList, NameList) {
        let mut rest = self.0.as_bytes();
        let mut skipped = 0;
        while skipped < index {
            (_, rest) = match split_once(rest, b' ') {
                (name, Some(after)) => (name, after),
                (_, None) => panic!("the list has fewer names"),
            };
            skipped += 1;
        }
        let (before, after) = self.0.as_bytes().split_at(self.0.len() - rest.len());
        match (str::from_utf8(before.trim_ascii_end()), str::from_utf8(after)) {
            (Ok(before), Ok(after)) => (NameList(before), NameList(after)),
            _ => panic!("a name is not ASCII"),
        }
    }
}

/// Returns whether two byte strings are equal. The function also works at
/// compile time, where `==` does not compare byte strings.
pub const fn is_same(mut left: &[u8], mut right: &[u8]) -> bool {
    while let ([a, left_rest @ ..], [b, right_rest @ ..]) = (left, right) {
        if *a != *b {
            return false;
        }
        (left, right) = (left_rest, right_rest);
    }
    left.is_empty() && right.is_empty()
}

/// Declares an enum and the name of each variant in one table.
///
/// The enum has `NAMES` and `ALL` in the order of the table, and `COUNT`,
/// `name` and `from_name`.
macro_rules! named_enum {
    (
        $(#[$attribute:meta])*
        pub enum $type:ident {
            $($(#[$doc:meta])* $variant:ident = $name:literal,)*
        }
    ) => {
        $(#[$attribute])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $type {
            $($(#[$doc])* #[doc = concat!("`", $name, "`")] $variant,)*
        }

        impl $type {
            /// The names of all variants.
            pub const NAMES: $crate::bytes::name_list::NameList = $crate::bytes::name_list::NameList(
                concat!($($name, " "),*).trim_ascii_end()
            );

            /// All variants.
            pub const ALL: &'static [$type] = &[$($type::$variant),*];

            /// The number of variants.
            pub const COUNT: usize = $type::ALL.len();

            /// Returns the name of the variant.
            pub fn name(self) -> &'static [u8] {
                $type::NAMES.get(self as usize)
            }

            /// Returns the variant with this name, or nothing if no variant has
            /// this name.
            pub fn from_name(name: &[u8]) -> Option<$type> {
                $type::ALL.get($type::NAMES.position(name)?).copied()
            }
        }
    };
}
pub(crate) use named_enum;
