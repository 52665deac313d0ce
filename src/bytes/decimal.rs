//! Decimal numbers, as a command line and procfs have them.

/// Parses digits. A number above [`i32::MAX`] becomes [`i32::MAX`]: there are
/// fewer connections, ports and seconds than that.
pub fn parse_decimal(digits: &[u8]) -> Option<i32> {
    let mut number: i32 = 0;
    for digit in digits {
        let digit @ 0..=9 = digit.wrapping_sub(b'0') else { return None };
        number = number.saturating_mul(10).saturating_add(digit.into());
    }
    (!digits.is_empty()).then_some(number)
}

/// Parses digits that may follow a minus sign.
pub fn parse_integer(text: &[u8]) -> Option<i32> {
    match text {
        [b'-', digits @ ..] => Some(-parse_decimal(digits)?),
        digits => parse_decimal(digits),
    }
}
