//! Decimal numbers in a command line or in procfs.

/// Parses decimal digits. Returns nothing if `digits` is empty or contains a
/// byte that is not a digit. A number above [`i32::MAX`] becomes [`i32::MAX`].
/// The program needs no larger number of connections, ports or seconds.
pub fn parse_decimal(digits: &[u8]) -> Option<i32> {
    let mut number: i32 = 0;
    for digit in digits {
        let digit @ 0..=9 = digit.wrapping_sub(b'0') else { return None };
        number = number.saturating_mul(10).saturating_add(digit.into());
    }
    (!digits.is_empty()).then_some(number)
}

/// Parses an optional minus sign and decimal digits. [`parse_decimal`] parses
/// the digits, so the result is from -[`i32::MAX`] to [`i32::MAX`].
pub fn parse_integer(text: &[u8]) -> Option<i32> {
    match text {
        [b'-', digits @ ..] => Some(-parse_decimal(digits)?),
        digits => parse_decimal(digits),
    }
}
