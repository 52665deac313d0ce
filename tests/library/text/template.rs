//! Templates, filled in.

use network_connections::text::template::{Placeholder, Template, Value, Values, template};

use crate::pieces::text;

/// Values for some placeholders.
struct Given;

impl Values for Given {
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

fn filled(template: Template) -> String {
    text(|text| text.fill(template, &Given)).0
}

#[test]
fn a_text_without_places_stays_as_it_is() {
    assert_eq!(filled(template!("")), "");
    assert_eq!(filled(template!("a\n")), "a\n");
    assert_eq!(filled(template!("2 > 1, 1 < 2")), "2 > 1, 1 < 2");
    const ALL: &str = " !\"#$%&'()*+,-./0123456789:;=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~\n<";
    assert_eq!(filled(template!(ALL)), ALL);
}

#[test]
fn a_place_is_filled_in_wherever_it_stands() {
    assert_eq!(filled(template!("<count>")), "4294967295");
    assert_eq!(
        filled(template!("<column><COLUMN>: <count><count>.<argument>")),
        "syn_sentSYN_SENT: 42949672954294967295.-x\\x7c\\x0a"
    );
}

#[test]
fn a_place_without_a_value_is_empty() {
    assert_eq!(filled(template!("[<host><column><interval>]")), "[syn_sent]");
}
