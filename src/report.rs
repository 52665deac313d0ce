//! The counts as text.

use crate::counts::{Counts, Group, State};
use crate::text::{Text, append};

/// Bytes that any report fits in: as many lines as the JSON has, each as long as its longest.
pub(crate) const CAPACITY: usize = {
    const BRACES: usize = 2;
    const LINES: usize = BRACES + Group::ALL.len() * (BRACES + State::NAMES.len());
    LINES * "        \"ESTABLISHED\": 4294967295,\n".len()
};

/// Composes the counts as one JSON object, that has an object for each group with a number for each
/// state. It is laid out as by Python's `json.dumps(…, indent=4)`, with a newline at the end.
pub fn json(counts: &Counts, text: &mut Text) {
    let mut before_group = "{\n    \"";
    for group in &Group::ALL {
        append!(text, "{}{}\": ", before_group, group.name);
        before_group = "\n    },\n    \"";
        let mut before_state = "{\n        \"";
        for (name, count) in State::NAMES.iter().zip(counts.of(group)) {
            append!(text, "{}{}\": {}", before_state, *name, count);
            before_state = ",\n        \"";
        }
    }
    append!(text, "\n    }}\n}}\n");
}
