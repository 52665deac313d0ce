//! The counts as text.

use crate::counts::{Counts, Group, State};
use crate::text::{Text, append};

/// Bytes that any report fits in: as many lines as the JSON has, each as long as its longest.
pub(crate) const CAPACITY: usize = {
    const BRACES: usize = 2;
    const LINES: usize = BRACES + Group::ALL.len() * (BRACES + State::ALL.len());
    LINES * "        \"ESTABLISHED\": 4294967295,\n".len()
};

/// Composes the counts as one JSON object, that has an object for each group with a number for each
/// state. It is laid out as by Python's `json.dumps(…, indent=4)`, with a newline at the end.
pub fn json(counts: &Counts, text: &mut Text) {
    let mut group_separator = "{";
    for group in &Group::ALL {
        append!(text, "{}\n    \"{}\": ", group_separator, group.name);
        let mut state_separator = "{";
        for &(state, name) in &State::ALL {
            let count = counts.get(group, state);
            append!(text, "{}\n        \"{}\": {}", state_separator, name, count);
            state_separator = ",";
        }
        append!(text, "\n    }}");
        group_separator = ",";
    }
    append!(text, "\n}}\n");
}
