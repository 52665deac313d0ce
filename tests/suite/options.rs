//! The command line, as the library reads it.

use network_connections::options::{self, Command, Options, Problem, Usage};
use network_connections::text::Text;
use proptest::prelude::*;

fn parse<'a>(arguments: &[&'a [u8]]) -> Result<Command<'a>, Usage<'a>> {
    options::parse(arguments.iter().copied())
}

#[test]
fn command_lines_that_make_sense() {
    let count = |path, all| Command::Count(Options { path, all });
    let cases: [(&[&[u8]], Command); 21] = [
        (&[], count(b"/proc", false)),
        (&[b"-a"], count(b"/proc", true)),
        (&[b"--all"], count(b"/proc", true)),
        (&[b"-aa", b"--all"], count(b"/proc", true)),
        (&[b"/proc/1"], count(b"/proc/1", false)),
        (&[b"/proc/1", b"-a"], count(b"/proc/1", true)),
        (&[b"-a", b"/proc/1"], count(b"/proc/1", true)),
        (&[b"-a", b"--", b"/proc/1"], count(b"/proc/1", true)),
        (&[b"/proc/1", b"-a", b"--"], count(b"/proc/1", true)),
        (&[b"--"], count(b"/proc", false)),
        (&[b"--", b"-a"], count(b"-a", false)),
        (&[b"--", b"--"], count(b"--", false)),
        (&[b"-"], count(b"-", false)),
        (&[b"\xff"], count(b"\xff", false)),
        (&[b"-h"], Command::Help),
        (&[b"--help", b"--what"], Command::Help),
        (&[b"--help", b"--all=yes"], Command::Help),
        (&[b"-hx"], Command::Help),
        (&[b"-aV"], Command::Version),
        (&[b"--version"], Command::Version),
        (&[b"/proc", b"-h", b"/proc"], Command::Help),
    ];
    for (arguments, expected) in cases {
        assert_eq!(parse(arguments), Ok(expected), "{arguments:?}");
    }
}

#[test]
fn command_lines_that_make_none() {
    let usage = |problem, word| Usage { problem, word };
    let cases: [(&[&[u8]], Usage); 16] = [
        (&[b"-x"], usage(Problem::UnknownShort, b"x")),
        (&[b"-ax"], usage(Problem::UnknownShort, b"x")),
        (&[b"-a=1"], usage(Problem::UnknownShort, b"=")),
        (&[b"-\xff"], usage(Problem::UnknownShort, b"\xff")),
        (&[b"--what"], usage(Problem::UnknownLong, b"what")),
        (&[b"--al"], usage(Problem::UnknownLong, b"al")),
        (&[b"--alle"], usage(Problem::UnknownLong, b"alle")),
        (&[b"--what=is"], usage(Problem::UnknownLong, b"what")),
        (&[b"--=is"], usage(Problem::UnknownLong, b"")),
        (&[b"--what", b"--help"], usage(Problem::UnknownLong, b"what")),
        (&[b"--all=yes"], usage(Problem::UnwantedValue, b"all")),
        (&[b"--help="], usage(Problem::UnwantedValue, b"help")),
        (&[b"--version=1", b"--what"], usage(Problem::UnwantedValue, b"version")),
        (&[b"/proc", b"/proc"], usage(Problem::SecondPath, b"/proc")),
        (&[b"/proc", b"--", b"-a"], usage(Problem::SecondPath, b"-a")),
        (&[b"-a", b""], usage(Problem::EmptyPath, b"")),
    ];
    for (arguments, expected) in cases {
        assert_eq!(parse(arguments), Err(expected), "{arguments:?}");
    }
}

#[test]
fn the_help_explains_every_option_in_80_columns() {
    let mut text = Text::default();
    options::help(&mut text);
    let help = String::from_utf8(text.complete().unwrap().to_vec()).unwrap();
    for line in ["-a, --all      count", "-h, --help     show", "-V, --version  show"] {
        assert!(help.contains(line), "{line} is missing in:\n{help}");
    }
    assert!(help.ends_with('\n'));
    assert!(help.lines().all(|line| line.len() < 80), "too wide:\n{help}");
    assert!(
        include_str!("../../README.md").contains(&help),
        "README.md has not this help:\n{help}"
    );
}

proptest! {
    #[test]
    fn any_words_are_a_command_or_an_error(
        words in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..6), 0..6),
        dashes in 0..3usize,
    ) {
        let words: Vec<Vec<u8>> = words.into_iter().map(|word| [&b"--"[..dashes], &word].concat()).collect();
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        let paths: Vec<&[u8]> = words.iter().copied().filter(|word| !word.starts_with(b"-")).collect();
        if let Ok(Command::Count(options)) = parse(&words) {
            prop_assert!(paths.len() <= 1);
            prop_assert!(words.contains(&options.path) || options.path == b"/proc");
        }
    }
}
