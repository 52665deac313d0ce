//! JSON as Python's `json.dumps(…, indent=4)` lays it out: an object with an object for each group,
//! which has a number for each state. There is never another key in it.

use crate::counts::Group;

super::format! {
    groups: Group::ALL.len(),
    has_origin: false,
    start: "{",
    group: "\n    \"%A\": {",
    state: "\n        \"%D\": %N%G",
    group_end: "\n    }%G",
    end: "\n}\n",
}
