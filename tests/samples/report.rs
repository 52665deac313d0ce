//! Reports of the program.

use std::collections::BTreeMap;

/// Parses the numbers of a JSON report, by `GROUP.STATE`.
pub fn numbers(report: &str) -> BTreeMap<String, u64> {
    let mut numbers = BTreeMap::new();
    let mut group = "";
    for line in report.lines() {
        let Some((name, value)) = line.trim().split_once(": ") else { continue };
        let name = name.trim_matches('"');
        match value {
            "{" => group = name,
            _ => {
                let number = value.trim_end_matches(',').parse().unwrap();
                let before = numbers.insert(format!("{group}.{name}"), number);
                assert_eq!(before, None, "expected {group}.{name} only once in:\n{report}");
            }
        }
    }
    numbers
}
