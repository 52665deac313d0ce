//! What the compiler packs, unpacked by what shows it.

use network_connections::message::{self, File, Reader, Reason};
use network_connections::packed::{Packed, pack};
use network_connections::text::Text;

/// What a message says for this reason.
fn shown(template: Packed) -> String {
    let mut text = Text::new();
    message::failure(&File::STANDARD_OUTPUT, &Reason::words(template), Reader::Person, &mut text);
    let message = String::from_utf8(text.complete().unwrap().to_vec()).unwrap();
    let what = message.strip_prefix("network-connections: standard output: ").unwrap();
    what.strip_suffix('\n').unwrap().to_string()
}

/// Packs each of these texts, and holds it against what is shown of it.
macro_rules! same {
    ($($text:literal)*) => {
        $(assert_eq!(shown(pack!($text)), $text);)*
    };
}

#[test]
fn a_text_is_the_same_again() {
    same! {
        ""
        "a"
        "\n"
        "  "
        "   "
        "    "
        "          "
        "                                                                               "
        "aaaaaaaaaaaaa"
        "--------------"
        "ananananana"
        "is not a number from 0 to 65535"
        "is not a number from 0 to 65535 is not a number from 0 to 65535is not a number from 0 to 6553"
        "  -f, --format FORMAT       json\n  -q, --query KEY           only this number, one a line\n"
        " !\"#$&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~"
    }
}

#[test]
fn of_several_each_is_the_same_again() {
    const SEVERAL: Packed = pack!("no number\t\tSTATE: is STATE:\t  number  \t");
    for (number, text) in
        ["no number", "", "STATE: is STATE:", "  number  ", "", ""].iter().enumerate()
    {
        assert_eq!(shown(SEVERAL.part(number)), *text);
    }
}

#[test]
fn a_place_is_filled_in_wherever_it_stands() {
    assert_eq!(shown(pack!("%N")), "0");
    assert_eq!(shown(pack!("a number%N%N from %N to 65535%N")), "a number00 from 0 to 655350");
    // (There are no values.)
    assert_eq!(shown(pack!("[%A%G%a number %g]")), "[ number ]");
}
