//! The documents for users. The manual page and the README have to agree with
//! `--help`, and every promise of SECURITY.md has to name its test.

use std::fs;
use std::path::Path;

use crate::harness::manual_page::{between, section};
use crate::harness::{program, report};

const README: &str = include_str!("../../../README.md");
const SECURITY: &str = include_str!("../../../SECURITY.md");

fn help() -> String {
    report(program().arg("--help"))
}

/// Returns the words of the list in the help that begins with `start`. The list
/// ends before the next line without an indent.
fn listed(help: &str, start: &str) -> Vec<String> {
    let (_, list) = help.split_once(start).unwrap_or_else(|| panic!("no {start:?} in:\n{help}"));
    let mut lines = list.lines();
    let first = lines.next().unwrap();
    let lines = [first].into_iter().chain(lines.take_while(|line| line.starts_with(' ')));
    let words = lines.flat_map(|line| line.split([' ', ',']));
    let words: Vec<String> = words.filter(|word| !word.is_empty()).map(str::to_owned).collect();
    assert!(words.len() > 3, "{words:?}");
    words
}

fn groups(help: &str) -> Vec<String> {
    listed(help, "\nGROUP: ")
}

fn states(help: &str) -> Vec<String> {
    listed(help, "\nSTATE: ")
}

/// Returns the formats in the help. The list ends before the next option.
fn formats(help: &str) -> Vec<String> {
    let formats = between(help, "--format FORMAT", "\n  -");
    formats.split([' ', ',', '\n']).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// Returns the options in the help, such as `-f, --format FORMAT`.
fn options(help: &str) -> Vec<String> {
    let options = help.lines().filter_map(|line| {
        let line = line.strip_prefix("  ")?.trim_start();
        line.starts_with('-').then(|| line.split("  ").next().unwrap().to_owned())
    });
    options.collect()
}

/// Returns the items of the lists in a section of the manual page, without
/// markup.
fn items(section: &str) -> Vec<String> {
    let items = section.lines().filter_map(|line| line.strip_prefix(".It "));
    let plain = items.map(|item| {
        let marks = [
            ("Fl Fl ", "--"),
            ("Fl ", "-"),
            (" Ns = Ns Ar ", "="),
            ("Ar ", ""),
            ("Cm ", ""),
            (" ,", ","),
        ];
        marks.iter().fold(item.to_owned(), |item, (mark, plain)| item.replace(mark, plain))
    });
    plain.collect()
}

#[test]
fn the_manual_page_has_the_options_of_the_help() {
    let expected = options(&help());
    assert!(expected.contains(&"-w, --warning KEY=RANGE".to_owned()), "{expected:?}");
    assert_eq!(items(section("OPTIONS")), expected);
}

#[test]
fn the_manual_page_has_the_formats_of_the_help() {
    let expected = formats(&help());
    assert!(expected.contains(&"json".to_owned()), "{expected:?}");
    assert_eq!(items(section("OUTPUT FORMATS")), expected);
    for format in &expected {
        assert!(
            between(section("OPTIONS"), "Ar FORMAT\nPrint", ".It").contains(format.as_str()),
            "{format}"
        );
    }
}

#[test]
fn the_manual_page_has_the_keys_of_the_help() {
    let help = help();
    let items = items(section("KEYS"));
    let mut names: Vec<&str> =
        items.iter().map(|item| item.split(" Ta ").next().unwrap()).collect();
    names.retain(|name| !name.starts_with("Em "));
    assert_eq!(names, [groups(&help), states(&help)].concat());
}

#[test]
fn the_readme_has_the_help() {
    let help = help();
    assert!(
        README.contains(&format!("\n```\n{help}```\n")),
        "expected this help in README.md:\n{help}"
    );
}

#[test]
fn the_readme_has_the_keys_and_formats_of_the_help() {
    let help = help();
    /// Returns the first column of the table with this heading, without markup.
    fn column(heading: &str) -> Vec<&'static str> {
        let table = between(README, &format!("\n| {heading} |"), "\n\n");
        let rows = table.lines().skip(2).map(|row| row.split('|').nth(1).unwrap());
        rows.map(|cell| cell.trim().trim_matches('`')).collect()
    }
    assert_eq!(column("GROUP"), groups(&help));
    assert_eq!(column("STATE"), states(&help));
    assert_eq!(column("FORMAT"), formats(&help));
}

#[test]
fn the_samples_of_the_readme_are_real_output() {
    let samples = between(README, "\n### One number\n", "\n### What is counted\n");
    let blocks =
        samples.split("```console\n").skip(1).map(|rest| rest.split_once("```").unwrap().0);
    let samples: Vec<&str> = blocks.flat_map(|block| block.split("$ ").skip(1)).collect();
    assert!(samples.len() > 3, "{samples:?}");
    for sample in samples {
        let (command, expected) = sample.split_once('\n').unwrap();
        let arguments = command.strip_prefix("network-connections ").unwrap().split(' ');
        let fixture = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/6.18");
        let output = program().args(arguments).arg(fixture).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), expected, "{command}");
    }
}

#[test]
fn every_promise_of_security_md_is_tested() {
    let words = |file: &str| {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        let text = fs::read_to_string(&file).unwrap_or_else(|_| panic!("no {}", file.display()));
        text.split_whitespace()
            .map(|word| word.trim_end_matches(';').to_owned() + " ")
            .collect::<String>()
    };
    let promises = SECURITY.split_once("\n## What holds\n").unwrap().1;
    for promise in promises.split("\n## ").next().unwrap().split("\n- ").skip(1) {
        let mut is_tested = false;
        for name in promise.split('`').skip(1).step_by(2) {
            let (file, line) = match name.rsplit_once("::") {
                Some((module, test)) => {
                    let file = format!("tests/{}.rs", module.replace("::", "/"));
                    (file, format!("#[test] fn {test}("))
                }
                None if name.starts_with("scripts/") => (".ci/run".into(), format!("step {name} ")),
                None => continue,
            };
            assert!(words(&file).contains(&line), "expected {name} in {file}");
            is_tested = true;
        }
        assert!(is_tested, "expected the name of a test in: {promise}");
    }
}
