//! The same JSON object on one line: newline-delimited JSON, as log collectors read it.

use crate::counts::Group;

super::format! {
    groups: Group::ALL.len(),
    has_origin: false,
    start: "{",
    group: "\"%A\":{",
    state: "\"%D\":%N%G",
    group_end: "}%G",
    end: "}\n",
}
