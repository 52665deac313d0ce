//! The manual page.

const MANUAL: &str = include_str!("../../../network-connections.1");

/// Returns the text between `start` and the next `end`. Panics if `text` lacks
/// one of them.
pub fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let (_, rest) =
        text.split_once(start).unwrap_or_else(|| panic!("expected {start:?} in:\n{text}"));
    rest.split_once(end).unwrap_or_else(|| panic!("expected {end:?} after {start:?}")).0
}

/// Returns a section of the manual page.
pub fn section(name: &str) -> &'static str {
    between(MANUAL, &format!("\n.Sh {name}\n"), "\n.Sh ")
}

/// Returns the lists of system calls in the manual page, each with its name: an
/// option, a source, a format or a word such as `everything`.
pub fn system_calls() -> Vec<(&'static str, Vec<&'static str>)> {
    let rows = section("SYSTEM CALLS").lines().filter_map(|line| line.strip_prefix(".It "));
    let rows = rows.filter(|row| !row.starts_with("Em ")).map(|row| {
        let (row, calls) = row.split_once(" Ta ").unwrap();
        let name = match row {
            "Ar PATH" => "PATH",
            "Fl o" => "-o",
            "Fl i" => "-i",
            "Fl t" => "-t",
            row => row.trim_start_matches("Cm "),
        };
        (name, calls.split(' ').collect())
    });
    rows.collect()
}
