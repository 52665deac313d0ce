//! Decimal numbers in a command line or in procfs.

/// Parses decimal digits. Returns nothing if `digits` is empty or contains a
/// byte that is not a digit. A number above [`u32::MAX`] becomes [`u32::MAX`],
/// as in the counters of a report.
pub fn parse_decimal(digits: &[u8]) -> Option<u32> {
    let mut number: u32 = 0;
    for digit in digits {
        let digit @ 0..=9 = digit.wrapping_sub(b'0') else { return None };
        number = number.saturating_mul(10).saturating_add(digit.into());
    }
    (!digits.is_empty()).then_some(number)
}

/// Parses an optional minus sign and decimal digits. [`parse_decimal`] parses
/// the digits, so the result is from -[`u32::MAX`] to [`u32::MAX`].
pub fn parse_integer(text: &[u8]) -> Option<i64> {
    match text {
        [b'-', digits @ ..] => Some(-i64::from(parse_decimal(digits)?)),
        digits => parse_decimal(digits).map(i64::from),
    }
}
