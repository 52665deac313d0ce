//! The manual page.

const MANUAL: &str = include_str!("../../../network-connections.1");

/// What stands between these two, which must be there.
pub fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let (_, rest) = text.split_once(start).unwrap_or_else(|| panic!("no {start:?} in:\n{text}"));
    rest.split_once(end).unwrap_or_else(|| panic!("no {end:?} behind {start:?}")).0
}

/// A section of the manual page.
pub fn section(name: &str) -> &'static str {
    between(MANUAL, &format!("\n.Sh {name}\n"), "\n.Sh ")
}

/// The system calls that the manual page lists, and what each list is for.
pub fn system_calls() -> Vec<(&'static str, Vec<&'static str>)> {
    let rows = section("SYSTEM CALLS").lines().filter_map(|line| line.strip_prefix(".It "));
    let rows = rows.filter(|row| !row.starts_with("Em ")).map(|row| {
        let (row, calls) = row.split_once(" Ta ").unwrap();
        let name = match row {
            "Fl Fl conntrack" => "--conntrack",
            "Fl o" => "-o",
            "Fl i" => "-i",
            row => row.trim_start_matches("Cm "),
        };
        (name, calls.split(' ').collect())
    });
    rows.collect()
}
