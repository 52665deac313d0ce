//! Decimal numbers in a command line or in procfs.

use network_connections::bytes::decimal::{parse_decimal, parse_integer};

#[test]
fn a_number_above_32_bits_becomes_the_greatest_number_of_32_bits() {
    let cases = [
        ("0", 0),
        ("007", 7),
        ("2147483647", 2_147_483_647),
        ("2147483648", 2_147_483_648),
        ("4294967289", 4_294_967_289),
        ("4294967295", u32::MAX),
        ("4294967296", u32::MAX),
        ("4294967305", u32::MAX),
        ("42949672950", u32::MAX),
        ("18446744073709551616", u32::MAX),
        ("99999999999999999999999999999999999999999", u32::MAX),
    ];
    for (digits, number) in cases {
        assert_eq!(parse_decimal(digits.as_bytes()), Some(number), "{digits}");
        let negative = format!("-{digits}");
        assert_eq!(parse_integer(digits.as_bytes()), Some(number.into()), "{digits}");
        assert_eq!(parse_integer(negative.as_bytes()), Some(-i64::from(number)), "{negative}");
    }
}

#[test]
fn a_number_has_only_digits() {
    for text in ["", "-", "+1", " 1", "1 ", "1\n", "1.0", "0x1", "1e3", "\u{661}", "/", ":", "--1"]
    {
        assert_eq!(parse_decimal(text.as_bytes()), None, "{text:?}");
        assert_eq!(parse_integer(text.as_bytes()), None, "{text:?}");
    }
    assert_eq!(parse_decimal(b"-1"), None);
}
