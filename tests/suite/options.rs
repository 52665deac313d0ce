//! The command line, as the library reads it.

use getargs::{Error, Opt};
use network_connections::options::{self, Command, Options, Usage, Word};
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
    let unknown_short = |name| Usage::UnknownOption(Opt::Short(name));
    let unknown_long = |name| Usage::UnknownOption(Opt::Long(Word(name)));
    let unwanted_value = |name| Usage::Value(Error::DoesNotRequireValue(Opt::Long(Word(name))));
    let cases: [(&[&[u8]], Usage); 16] = [
        (&[b"-x"], unknown_short(b'x')),
        (&[b"-ax"], unknown_short(b'x')),
        (&[b"-a=1"], unknown_short(b'=')),
        (&[b"-\xff"], unknown_short(0xff)),
        (&[b"--what"], unknown_long(b"what")),
        (&[b"--al"], unknown_long(b"al")),
        (&[b"--alle"], unknown_long(b"alle")),
        (&[b"--what=is"], unknown_long(b"what")),
        (&[b"--=is"], unknown_long(b"")),
        (&[b"--what", b"--help"], unknown_long(b"what")),
        (&[b"--all=yes"], unwanted_value(b"all")),
        (&[b"--help="], unwanted_value(b"help")),
        (&[b"--version=1", b"--what"], unwanted_value(b"version")),
        (&[b"/proc", b"/proc"], Usage::SecondPath(b"/proc")),
        (&[b"/proc", b"--", b"-a"], Usage::SecondPath(b"-a")),
        (&[b"-a", b""], Usage::EmptyPath),
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
