//! The command line, as the library reads it.

use network_connections::options::{Command, Options, Problem, Source, Usage};
use proptest::prelude::*;

fn parse<'a>(arguments: &[&'a [u8]]) -> Options<'a> {
    let mut options = Options::default();
    options.parse(arguments.iter().copied());
    options
}

#[test]
fn command_lines_that_make_sense() {
    use Command::{Count, Help, Version};
    type Case<'a> = (&'a [&'a [u8]], Command<'a>, Option<&'a [u8]>, bool);
    let cases: [Case; 22] = [
        (&[], Count, None, false),
        (&[b"-a"], Count, None, true),
        (&[b"--all"], Count, None, true),
        (&[b"-aa", b"--all"], Count, None, true),
        (&[b"/proc/1"], Count, Some(b"/proc/1"), false),
        (&[b"/proc/1", b"-a"], Count, Some(b"/proc/1"), true),
        (&[b"-a", b"/proc/1"], Count, Some(b"/proc/1"), true),
        (&[b"-a", b"--", b"/proc/1"], Count, Some(b"/proc/1"), true),
        (&[b"/proc/1", b"-a", b"--"], Count, Some(b"/proc/1"), true),
        (&[b"-qtcp", b"/proc/1", b"-a"], Count, Some(b"/proc/1"), true),
        (&[b"--"], Count, None, false),
        (&[b"--", b"-a"], Count, Some(b"-a"), false),
        (&[b"--", b"--"], Count, Some(b"--"), false),
        (&[b"-"], Count, Some(b"-"), false),
        (&[b"\xff"], Count, Some(b"\xff"), false),
        (&[b"-h"], Help, None, false),
        (&[b"--help", b"--what"], Help, None, false),
        (&[b"--help", b"--all=yes"], Help, None, false),
        (&[b"-hx"], Help, None, false),
        (&[b"-aV"], Version, None, true),
        (&[b"--version"], Version, None, false),
        (&[b"/proc", b"-h", b"/proc"], Help, Some(b"/proc"), false),
    ];
    for (arguments, command, path, all) in cases {
        let options = parse(arguments);
        assert_eq!(
            (options.command, options.path, options.all),
            (command, path, all),
            "{arguments:?}"
        );
    }
}

#[test]
fn values_come_in_the_same_argument_or_the_next() {
    let cases: [&[&[u8]]; 4] = [
        &[b"--output", b"f", b"--interval", b"60", b"--all"],
        &[b"--output=f", b"--interval=60", b"-a"],
        &[b"-of", b"-i60", b"-a"],
        &[b"-ao", b"f", b"-i", b"60"],
    ];
    for arguments in cases {
        let options = parse(arguments);
        assert_eq!(options.command, Command::Count, "{arguments:?}");
        assert_eq!((options.output, options.seconds()), (Some(&b"f"[..]), Some(60)));
        assert!(options.all);
    }
    // Of some, the last holds.
    let options = parse(&[b"-oa", b"-ob", b"-i1", b"-i2", b"-o=", b"-i", b"03"]);
    assert_eq!((options.output, options.seconds()), (Some(&b"="[..]), Some(3)));
}

#[test]
fn sources() {
    use Source::{Auto, Netlink, Proc};
    let cases: [(&[&[u8]], Source); 9] = [
        (&[], Proc),
        (&[b"--source", b"proc"], Proc),
        (&[b"--source", b"netlink"], Netlink),
        (&[b"--source=netlink"], Netlink),
        (&[b"--source=auto"], Auto),
        (&[b"--source=auto", b"--source=proc"], Proc),
        (&[b"--source=proc", b"-a", b"--source=netlink"], Netlink),
        (&[b"--source=netlink", b"--source", b"auto", b"/proc"], Auto),
        (&[b"--", b"--source=auto"], Proc),
    ];
    for (arguments, source) in cases {
        let options = parse(arguments);
        assert_eq!((options.command, options.source), (Command::Count, source), "{arguments:?}");
    }
    type Case<'a> = (&'a [&'a [u8]], Problem, &'a [u8]);
    let cases: [Case; 16] = [
        (&[b"--source"], Problem::MissingValue, b"-source"),
        (&[b"-a", b"--source=auto", b"--source"], Problem::MissingValue, b"-source"),
        (&[b"--source="], Problem::NotASource, b""),
        (&[b"--source", b"-a"], Problem::NotASource, b"-a"),
        (&[b"--source=Proc"], Problem::NotASource, b"Proc"),
        (&[b"--source=net"], Problem::NotASource, b"net"),
        (&[b"--source=auto "], Problem::NotASource, b"auto "),
        (&[b"--source=proc netlink"], Problem::NotASource, b"proc netlink"),
        // The last one holds, but the first problem is told.
        (&[b"--source=none", b"--source=auto"], Problem::NotASource, b"none"),
        (&[b"--sourc=auto"], Problem::UnknownOption, b"-sourc"),
        (&[b"-S", b"auto"], Problem::UnknownOption, b"S"),
        (&[b"-s", b"auto"], Problem::UnknownOption, b"s"),
        (&[b"--source=netlink", b"/proc/"], Problem::NetlinkPath, b"/proc/"),
        (&[b"--source=auto", b"--source=netlink", b"/p"], Problem::NetlinkPath, b"/p"),
        (&[b"--source=netlink", b"--", b"--source=auto"], Problem::NetlinkPath, b"--source=auto"),
        // (What is wrong by itself comes before what doesn't go together.)
        (&[b"--source=netlink", b"/p", b"-x"], Problem::UnknownOption, b"x"),
    ];
    for (arguments, problem, word) in cases {
        let wrong = Command::Wrong(Usage { problem, word });
        assert_eq!(parse(arguments).command, wrong, "{arguments:?}");
    }
}

#[test]
fn tracked_connections() {
    let lines: [(&[&[u8]], bool); 8] = [
        (&[], false),
        (&[b"--conntrack"], true),
        (&[b"/proc/1", b"--conntrack", b"--conntrack"], true),
        (&[b"-qother", b"-qtable.percent", b"--conntrack"], true),
        (&[b"--conntrack", b"-wall.ASSURED=1", b"-call=9"], true),
        (&[b"--source=auto", b"--conntrack", b"-a"], true),
        (&[b"--source=netlink", b"--conntrack", b"--source=proc"], true),
        (&[b"--", b"--conntrack"], false),
    ];
    for (arguments, conntrack) in lines {
        let options = parse(arguments);
        assert_eq!(
            (options.command, options.conntrack),
            (Command::Count, conntrack),
            "{arguments:?}"
        );
    }
    type Case<'a> = (&'a [&'a [u8]], Problem, &'a [u8]);
    let cases: [Case; 10] = [
        (&[b"--conntrack="], Problem::UnwantedValue, b"-conntrack"),
        (&[b"-C"], Problem::UnknownOption, b"C"),
        (&[b"--source=netlink", b"--conntrack"], Problem::NetlinkConntrack, b""),
        (&[b"--conntrack", b"-qall", b"--source=netlink"], Problem::NetlinkConntrack, b""),
        (&[b"--conntrack", b"--source=netlink", b"-x"], Problem::UnknownOption, b"x"),
        // The keys are those of what is counted, wherever that is said; the first wrong one is told.
        (&[b"-qother"], Problem::NotAKey, b"other"),
        (&[b"-wtable.percent=1"], Problem::NotAKey, b"table.percent"),
        (&[b"--conntrack", b"-qtable"], Problem::NotAKey, b"table"),
        (&[b"-qall", b"-qtcp.LISTEN", b"-qx", b"--conntrack"], Problem::NotAKey, b"tcp.LISTEN"),
        (&[b"-qtcp.LISTEN", b"--conntrack", b"a", b"b"], Problem::SecondPath, b"b"),
    ];
    for (arguments, problem, word) in cases {
        let wrong = Command::Wrong(Usage { problem, word });
        assert_eq!(parse(arguments).command, wrong, "{arguments:?}");
    }
}

#[test]
fn command_lines_that_make_none() {
    type Case<'a> = (&'a [&'a [u8]], Problem, &'a [u8]);
    let cases: [Case; 37] = [
        (&[b"-x"], Problem::UnknownOption, b"x"),
        (&[b"-ax"], Problem::UnknownOption, b"x"),
        (&[b"-a=1"], Problem::UnknownOption, b"="),
        (&[b"-\xff"], Problem::UnknownOption, b"\xff"),
        (&[b"- "], Problem::UnknownOption, b" "),
        (&[b"-L1"], Problem::UnknownOption, b"L"),
        (&[b"-A"], Problem::UnknownOption, b"A"),
        (&[b"---all"], Problem::UnknownOption, b"--all"),
        (&[b"--what"], Problem::UnknownOption, b"-what"),
        (&[b"--al"], Problem::UnknownOption, b"-al"),
        (&[b"--alle"], Problem::UnknownOption, b"-alle"),
        (&[b"--a"], Problem::UnknownOption, b"-a"),
        (&[b"--what=is"], Problem::UnknownOption, b"-what"),
        (&[b"--=is"], Problem::UnknownOption, b"-"),
        (&[b"--what", b"--help"], Problem::UnknownOption, b"-what"),
        (&[b"--all=yes"], Problem::UnwantedValue, b"-all"),
        (&[b"--help="], Problem::UnwantedValue, b"-help"),
        (&[b"--version=1", b"--what"], Problem::UnwantedValue, b"-version"),
        (&[b"--output"], Problem::MissingValue, b"-output"),
        (&[b"-ai"], Problem::MissingValue, b"i"),
        (&[b"-a", b""], Problem::Empty, b"PATH"),
        (&[b"-o", b""], Problem::Empty, b"FILE"),
        (&[b"--output="], Problem::Empty, b"FILE"),
        (&[b"/proc", b"/proc"], Problem::SecondPath, b"/proc"),
        (&[b"/proc", b"--", b"-a"], Problem::SecondPath, b"-a"),
        (&[b"--local-port=65536"], Problem::NotAPort, b"65536"),
        (&[b"--remote-port", b"-1"], Problem::NotAPort, b"-1"),
        (&[b"-fxml"], Problem::NotAFormat, b"xml"),
        (&[b"-fjso"], Problem::NotAFormat, b"jso"),
        (&[b"-q", b"-a"], Problem::NotAKey, b"-a"),
        (&[b"-wx=1"], Problem::NotAKey, b"x"),
        (&[b"-wtcp"], Problem::NotAThreshold, b"tcp"),
        (&[b"-ctcp=2:1"], Problem::NotARange, b"2:1"),
        (&[b"-i0"], Problem::NotAnInterval, b"0"),
        (&[b"-i86401"], Problem::NotAnInterval, b"86401"),
        (&[b"-qtcp", b"-wtcp=1"], Problem::Conflict, b""),
        (&[b"-fjson", b"-qtcp", b"-x"], Problem::UnknownOption, b"x"),
    ];
    for (arguments, problem, word) in cases {
        assert_eq!(
            parse(arguments).command,
            Command::Wrong(Usage { problem, word }),
            "{arguments:?}"
        );
    }
}

#[test]
fn a_check_makes_it_a_plugin_wherever_it_stands() {
    let lines: [&[&[u8]]; 5] = [
        &[b"-wtcp=1"],
        &[b"-x", b"--critical=tcp"],
        &[b"--help", b"-w", b"x"],
        &[b"-c"],
        &[b"--warning"],
    ];
    for line in lines {
        assert!(parse(line).check, "{line:?}");
    }
    assert!(!parse(&[b"--", b"-wtcp=1"]).check);
}

proptest! {
    #[test]
    fn any_words_are_a_command_or_an_error(
        words in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..6), 0..6),
        dashes in 0..3usize,
    ) {
        let words: Vec<Vec<u8>> = words.into_iter().map(|word| [&b"--"[..dashes], &word].concat()).collect();
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        let options = parse(&words);
        if let (Command::Count, Some(path)) = (options.command, options.path) {
            prop_assert!(words.contains(&path));
        }
    }

    #[test]
    fn a_path_is_for_some_sources_in_any_order(
        words in Just(["--source", "PATH", "-i1", "--all", "-of"]).prop_shuffle(),
    ) {
        let netlink = |word| Command::Wrong(Usage { problem: Problem::NetlinkPath, word });
        let cases: [(&[u8], &[u8], Command); 8] = [
            (b"--source=proc", b"/proc", Command::Count),
            (b"--source=auto", b"/proc", Command::Count),
            (b"--source=netlink", b"/proc", Command::Count),
            (b"--source=proc", b"/proc/1", Command::Count),
            (b"--source=auto", b"/proc/1", Command::Count),
            (b"--source=netlink", b"/proc/1", netlink(b"/proc/1")),
            (b"--source=netlink", b"/proC", netlink(b"/proC")),
            (b"--source=netlink", b"-", netlink(b"-")),
        ];
        for (source, path, command) in cases {
            let words = words.map(|word| match word {
                "--source" => source,
                "PATH" => path,
                other => other.as_bytes(),
            });
            let options = parse(&words);
            prop_assert_eq!(options.command, command, "{:?}", words);
            prop_assert_eq!(options.procfs(), path);
            prop_assert_eq!((options.seconds(), options.all), (Some(1), true));
        }
    }
}
