//! Decimal numbers, as they stand on a command line and in procfs.

/// The number that these digits are. One beyond [`i32::MAX`] is taken for that: there are neither as many
/// connections nor as many ports.
pub fn natural(digits: &[u8]) -> Option<i32> {
    let mut number: i32 = 0;
    for digit in digits {
        let digit @ 0..=9 = digit.wrapping_sub(b'0') else { return None };
        number = number.saturating_mul(10).saturating_add(digit.into());
    }
    (!digits.is_empty()).then_some(number)
}

/// The number that these digits are, perhaps behind a minus sign.
pub fn integer(text: &[u8]) -> Option<i32> {
    match text {
        [b'-', digits @ ..] => natural(digits).map(i32::wrapping_neg),
        digits => natural(digits),
    }
}
