//! The values of a template's placeholders.

use network_connections::text::template::{Placeholder, Template, Value, Values, template};

use crate::harness::text;

/// Values for some placeholders, and empty text for all others.
struct SomeValues;

impl Values for SomeValues {
    fn value(&self, placeholder: Placeholder) -> Value<'_> {
        match placeholder {
            Placeholder::Argument => Value::Text(b"-x|\n"),
            Placeholder::LowercaseColumn => Value::Lowercase(b"SYN_SENT"),
            Placeholder::Column => Value::Text(b"SYN_SENT"),
            Placeholder::Count => Value::Number(4294967295),
            _ => Value::Text(b""),
        }
    }
}

fn fill(template: Template) -> String {
    text(|text| text.fill(template, &SomeValues)).0
}

#[test]
fn a_text_without_placeholders_is_unchanged() {
    assert_eq!(fill(template!("")), "");
    assert_eq!(fill(template!("a\n")), "a\n");
    assert_eq!(fill(template!("2 > 1, 1 < 2")), "2 > 1, 1 < 2");
    const ALL: &str = " !\"#$%&'()*+,-./0123456789:;=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~\n<";
    assert_eq!(fill(template!(ALL)), ALL);
}

#[test]
fn placeholders_are_replaced_by_their_values() {
    assert_eq!(fill(template!("<count>")), "4294967295");
    assert_eq!(
        fill(template!("<column><COLUMN>: <count><count>.<argument>")),
        "syn_sentSYN_SENT: 42949672954294967295.-x\\x7c\\x0a"
    );
}

#[test]
fn a_placeholder_without_a_value_is_empty() {
    assert_eq!(fill(template!("[<host><column><interval>]")), "[syn_sent]");
}
