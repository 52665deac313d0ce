//! Alert ranges, by the Monitoring Plugins Development Guidelines.

use network_connections::model::threshold::AlertRange;

fn alerts(range: &str, number: u32) -> bool {
    let range = AlertRange::parse(range.as_bytes());
    range.expect("expected a valid range").alerts(number)
}

#[test]
fn a_range_without_a_start_begins_at_0() {
    for (range, same) in [
        ("10", "0:10"),
        (":10", "0:10"),
        ("@10", "@0:10"),
        ("@:10", "@0:10"),
        (":", "0:"),
        ("@:", "@0:"),
        (":0", "0:0"),
    ] {
        for number in [0, 1, 9, 10, 11, u32::MAX] {
            assert_eq!(alerts(range, number), alerts(same, number), "{range} and {number}");
        }
    }
}

#[test]
fn a_range_needs_an_end_or_a_colon() {
    for range in ["", "@", "~", "@~", ":-1", "::", ":~", "1:0", "@@1", "1@"] {
        assert_eq!(AlertRange::parse(range.as_bytes()), None, "{range:?}");
    }
}

#[test]
fn a_range_distinguishes_all_numbers_of_32_bits() {
    const MAX: u32 = u32::MAX;
    // A range, the numbers that raise an alert, and the numbers that do not.
    let cases: [(&str, &[u32], &[u32]); 14] = [
        ("4000000000:", &[0, 3_000_000_000, 3_999_999_999], &[4_000_000_000, MAX]),
        ("4000000000", &[4_000_000_001, MAX], &[0, 3_000_000_000, 4_000_000_000]),
        ("@4000000000:", &[4_000_000_000, MAX], &[0, 3_999_999_999]),
        ("2147483647", &[2_147_483_648, MAX], &[0, 2_147_483_647]),
        ("2147483648:", &[0, 2_147_483_647], &[2_147_483_648, MAX]),
        ("@2147483648:2147483648", &[2_147_483_648], &[2_147_483_647, 2_147_483_649, MAX]),
        ("4294967294", &[MAX], &[0, MAX - 1]),
        ("4294967295:", &[0, MAX - 1], &[MAX]),
        // A greater number counts as the greatest number of 32 bits.
        ("4294967296", &[], &[0, MAX]),
        ("4294967296:", &[0, MAX - 1], &[MAX]),
        ("@99999999999:99999999999", &[MAX], &[0, MAX - 1]),
        ("-4294967295:-1", &[0, 1, MAX], &[]),
        ("~:", &[], &[0, MAX]),
        ("0:", &[], &[0, MAX]),
    ];
    for (range, outside, inside) in cases {
        for &number in outside {
            assert!(alerts(range, number), "{number} and {range}");
        }
        for &number in inside {
            assert!(!alerts(range, number), "{number} and {range}");
        }
    }
}
