//! Command lines that the library parses.

use network_connections::cli::audience::Audience;
use network_connections::cli::request::{self, CommandLine, Plan, Queries, Request, Source};
use network_connections::cli::usage_error::{Problem, UsageError};
use network_connections::model::schema::Subject;
use proptest::prelude::*;

/// Parses a command line. Returns the result and the plan.
fn parse<'a>(arguments: &[&'a [u8]]) -> (CommandLine<'a>, Plan<'a, 'a>) {
    // The memory leaks until the process of the test ends.
    let mut plan = Plan::new(Box::leak(Box::new(Queries::new())));
    let command_line = request::parse(arguments.iter().copied(), &mut plan);
    (command_line, plan)
}

/// Returns the result of a command line with this error.
fn error(problem: Problem, argument: &[u8]) -> Result<Request, UsageError<'_>> {
    Err(UsageError { problem, argument })
}

#[test]
fn a_valid_command_line_is_parsed() {
    use Request::{Count, Help, Version};
    const PROC: &[u8] = b"/proc";
    type Case<'a> = (&'a [&'a [u8]], Request, &'a [u8], bool);
    let cases: [Case; 22] = [
        (&[], Count, PROC, false),
        (&[b"-a"], Count, PROC, true),
        (&[b"--all"], Count, PROC, true),
        (&[b"-aa", b"--all"], Count, PROC, true),
        (&[b"/proc/1"], Count, b"/proc/1", false),
        (&[b"/proc/1", b"-a"], Count, b"/proc/1", true),
        (&[b"-a", b"/proc/1"], Count, b"/proc/1", true),
        (&[b"-a", b"--", b"/proc/1"], Count, b"/proc/1", true),
        (&[b"/proc/1", b"-a", b"--"], Count, b"/proc/1", true),
        (&[b"-qtcp", b"/proc/1", b"-a"], Count, b"/proc/1", true),
        (&[b"--"], Count, PROC, false),
        (&[b"--", b"-a"], Count, b"-a", false),
        (&[b"--", b"--"], Count, b"--", false),
        (&[b"-"], Count, b"-", false),
        (&[b"\xff"], Count, b"\xff", false),
        (&[b"-h"], Help, PROC, false),
        (&[b"--help", b"--what"], Help, PROC, false),
        (&[b"--help", b"--all=yes"], Help, PROC, false),
        (&[b"-hx"], Help, PROC, false),
        (&[b"-aV"], Version, PROC, true),
        (&[b"--version"], Version, PROC, false),
        (&[b"/proc", b"-h", b"/proc"], Help, b"/proc", false),
    ];
    for (arguments, request, path, all) in cases {
        let (command_line, plan) = parse(arguments);
        assert_eq!(
            (command_line.request, plan.procfs, plan.filter.all),
            (Ok(request), path, all),
            "{arguments:?}"
        );
    }
}

#[test]
fn a_value_is_in_the_same_argument_or_the_next() {
    let cases: [&[&[u8]]; 4] = [
        &[b"--output", b"f", b"--interval", b"60", b"--all"],
        &[b"--output=f", b"--interval=60", b"-a"],
        &[b"-of", b"-i60", b"-a"],
        &[b"-ao", b"f", b"-i", b"60"],
    ];
    for arguments in cases {
        let (command_line, plan) = parse(arguments);
        assert_eq!(command_line.request, Ok(Request::Count), "{arguments:?}");
        assert_eq!((plan.output, plan.seconds()), (Some(&b"f"[..]), Some(60)));
        assert!(plan.filter.all);
    }
    // The last value of an option applies.
    let (_, plan) = parse(&[b"-oa", b"-ob", b"-i1", b"-i2", b"-o=", b"-i", b"03"]);
    assert_eq!((plan.output, plan.seconds()), (Some(&b"="[..]), Some(3)));
}

#[test]
fn a_source_is_proc_netlink_or_auto() {
    use Source::{Auto, Netlink, Proc};
    let cases: [(&[&[u8]], Source); 9] = [
        (&[], Proc),
        (&[b"--source", b"proc"], Proc),
        (&[b"--source", b"netlink"], Netlink),
        (&[b"--source=netlink"], Netlink),
        (&[b"--source=auto"], Auto),
        (&[b"--source=auto", b"--source=proc"], Proc),
        (&[b"--source=proc", b"-a", b"--source=netlink"], Netlink),
        // Netlink dumps only the sockets of the program's own network
        // namespace. With a PATH, auto reads procfs, even if PATH is /proc.
        (&[b"--source=netlink", b"--source", b"auto", b"/proc"], Proc),
        (&[b"--", b"--source=auto"], Proc),
    ];
    for (arguments, source) in cases {
        let (command_line, plan) = parse(arguments);
        assert_eq!(
            (command_line.request, plan.source),
            (Ok(Request::Count), source),
            "{arguments:?}"
        );
    }
    type Case<'a> = (&'a [&'a [u8]], Problem, &'a [u8]);
    let cases: [Case; 16] = [
        (&[b"--source"], Problem::MissingValue, b"-source"),
        (&[b"-a", b"--source=auto", b"--source"], Problem::MissingValue, b"-source"),
        (&[b"--source="], Problem::InvalidSource, b""),
        (&[b"--source", b"-a"], Problem::InvalidSource, b"-a"),
        (&[b"--source=Proc"], Problem::InvalidSource, b"Proc"),
        (&[b"--source=net"], Problem::InvalidSource, b"net"),
        (&[b"--source=auto "], Problem::InvalidSource, b"auto "),
        (&[b"--source=proc netlink"], Problem::InvalidSource, b"proc netlink"),
        // The last source applies, but the first error decides the result.
        (&[b"--source=none", b"--source=auto"], Problem::InvalidSource, b"none"),
        (&[b"--sourc=auto"], Problem::UnknownOption, b"-sourc"),
        (&[b"-S", b"auto"], Problem::UnknownOption, b"S"),
        (&[b"-s", b"auto"], Problem::UnknownOption, b"s"),
        (&[b"--source=netlink", b"/proc/"], Problem::PathWithNetlink, b"/proc/"),
        (&[b"--source=auto", b"--source=netlink", b"/p"], Problem::PathWithNetlink, b"/p"),
        (
            &[b"--source=netlink", b"--", b"--source=auto"],
            Problem::PathWithNetlink,
            b"--source=auto",
        ),
        // An error in one argument takes precedence over a conflict between
        // arguments.
        (&[b"--source=netlink", b"/p", b"-x"], Problem::UnknownOption, b"x"),
    ];
    for (arguments, problem, argument) in cases {
        assert_eq!(parse(arguments).0.request, error(problem, argument), "{arguments:?}");
    }
}

#[test]
fn conntrack_selects_tracked_connections_and_their_keys() {
    let cases: [(&[&[u8]], bool); 8] = [
        (&[], false),
        (&[b"--conntrack"], true),
        (&[b"/proc/1", b"--conntrack", b"--conntrack"], true),
        (&[b"-qother", b"-qtable.percent", b"--conntrack"], true),
        (&[b"--conntrack", b"-wall.ASSURED=1", b"-call=9"], true),
        (&[b"--source=auto", b"--conntrack", b"-a"], true),
        (&[b"--source=netlink", b"--conntrack", b"--source=proc"], true),
        (&[b"--", b"--conntrack"], false),
    ];
    for (arguments, conntrack) in cases {
        let (command_line, plan) = parse(arguments);
        let subject = if conntrack { Subject::Connections } else { Subject::Sockets };
        assert_eq!(
            (command_line.request, plan.subject),
            (Ok(Request::Count), subject),
            "{arguments:?}"
        );
    }
    type Case<'a> = (&'a [&'a [u8]], Problem, &'a [u8]);
    let cases: [Case; 10] = [
        (&[b"--conntrack="], Problem::UnwantedValue, b"-conntrack"),
        (&[b"-C"], Problem::UnknownOption, b"C"),
        (&[b"--source=netlink", b"--conntrack"], Problem::ConntrackWithNetlink, b""),
        (&[b"--conntrack", b"-qall", b"--source=netlink"], Problem::ConntrackWithNetlink, b""),
        (&[b"--conntrack", b"--source=netlink", b"-x"], Problem::UnknownOption, b"x"),
        // `--conntrack` decides which keys exist, even if the option comes
        // after a key. The error names the first unknown key.
        (&[b"-qother"], Problem::InvalidKey, b"other"),
        (&[b"-wtable.percent=1"], Problem::InvalidKey, b"table.percent"),
        (&[b"--conntrack", b"-qtable"], Problem::InvalidKey, b"table"),
        (&[b"-qall", b"-qtcp.LISTEN", b"-qx", b"--conntrack"], Problem::InvalidKey, b"tcp.LISTEN"),
        (&[b"-qtcp.LISTEN", b"--conntrack", b"a", b"b"], Problem::SecondPath, b"b"),
    ];
    for (arguments, problem, argument) in cases {
        assert_eq!(parse(arguments).0.request, error(problem, argument), "{arguments:?}");
    }
}

#[test]
fn an_invalid_command_line_is_a_usage_error() {
    type Case<'a> = (&'a [&'a [u8]], Problem, &'a [u8]);
    let cases: [Case; 39] = [
        (&[b"-x"], Problem::UnknownOption, b"x"),
        (&[b"-ax"], Problem::UnknownOption, b"x"),
        (&[b"-xy"], Problem::UnknownOption, b"x"),
        (&[b"-xi"], Problem::UnknownOption, b"x"),
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
        (&[b"-a", b""], Problem::EmptyPath, b""),
        (&[b"-o", b""], Problem::EmptyFile, b""),
        (&[b"--output="], Problem::EmptyFile, b""),
        (&[b"/proc", b"/proc"], Problem::SecondPath, b"/proc"),
        (&[b"/proc", b"--", b"-a"], Problem::SecondPath, b"-a"),
        (&[b"--local-port=65536"], Problem::InvalidPort, b"65536"),
        (&[b"--remote-port", b"-1"], Problem::InvalidPort, b"-1"),
        (&[b"-fxml"], Problem::InvalidFormat, b"xml"),
        (&[b"-fjso"], Problem::InvalidFormat, b"jso"),
        (&[b"-q", b"-a"], Problem::InvalidKey, b"-a"),
        (&[b"-wx=1"], Problem::InvalidKey, b"x"),
        (&[b"-wtcp"], Problem::InvalidThreshold, b"tcp"),
        (&[b"-ctcp=2:1"], Problem::InvalidRange, b"2:1"),
        (&[b"-i0"], Problem::InvalidSeconds, b"0"),
        (&[b"-i86401"], Problem::InvalidSeconds, b"86401"),
        (&[b"-qtcp", b"-wtcp=1"], Problem::Conflict, b""),
        (&[b"-fjson", b"-qtcp", b"-x"], Problem::UnknownOption, b"x"),
    ];
    for (arguments, problem, argument) in cases {
        assert_eq!(parse(arguments).0.request, error(problem, argument), "{arguments:?}");
    }
}

#[test]
fn a_reserved_option_is_refused_like_an_unknown_option() {
    use Problem::{ReservedHostname, ReservedVerbose, UnknownOption};
    // The arguments, the error, its argument, whether the run is a check, and
    // the path.
    type Case<'a> = (&'a [&'a [u8]], Problem, &'a [u8], bool, &'a [u8]);
    let cases: [Case; 18] = [
        (&[b"-v"], ReservedVerbose, b"v", false, b"/proc"),
        (&[b"-vvv"], ReservedVerbose, b"v", false, b"/proc"),
        (&[b"--verbose"], ReservedVerbose, b"-verbose", false, b"/proc"),
        (&[b"--verbose=2", b"/p"], ReservedVerbose, b"-verbose", false, b"/p"),
        (&[b"-v", b"/p"], ReservedVerbose, b"v", false, b"/p"),
        (&[b"-vwtcp=1", b"/p"], ReservedVerbose, b"v", true, b"/p"),
        (&[b"-avc", b"tcp=1"], ReservedVerbose, b"v", true, b"/proc"),
        (&[b"-vh"], ReservedVerbose, b"v", false, b"/proc"),
        (&[b"-vx"], ReservedVerbose, b"v", false, b"/proc"),
        (&[b"-H"], ReservedHostname, b"H", false, b"/proc"),
        (&[b"-H", b"localhost", b"/p"], ReservedHostname, b"H", false, b"localhost"),
        // The host may be missing, so the next word may be an option.
        (&[b"-H", b"-wtcp=1", b"/p"], ReservedHostname, b"H", true, b"/p"),
        (&[b"-H", b"h", b"-wtcp=1"], ReservedHostname, b"H", true, b"h"),
        (&[b"-aHwtcp=1", b"/p"], ReservedHostname, b"H", true, b"/p"),
        (&[b"-Hh", b"-wtcp=1"], ReservedHostname, b"H", true, b"/proc"),
        (&[b"--hostname", b"h", b"/p"], ReservedHostname, b"-hostname", false, b"h"),
        (&[b"--hostname=h", b"/p"], ReservedHostname, b"-hostname", false, b"/p"),
        (&[b"-xvHh"], UnknownOption, b"x", false, b"/proc"),
    ];
    for (arguments, problem, argument, is_check, path) in cases {
        let (command_line, plan) = parse(arguments);
        assert_eq!(command_line.request, error(problem, argument), "{arguments:?}");
        assert_eq!(command_line.audience == Audience::Monitor, is_check, "{arguments:?}");
        assert_eq!(plan.procfs, path, "{arguments:?}");
    }
    let (command_line, _) = parse(&[b"-h", b"-v", b"-Hh"]);
    assert_eq!(command_line.request, Ok(Request::Help));
}

#[test]
fn a_threshold_option_anywhere_makes_the_audience_a_monitor() {
    let cases: [&[&[u8]]; 10] = [
        &[b"-wtcp=1"],
        // A series of letters goes on after an unknown letter.
        &[b"-xwtcp=1"],
        &[b"-xw", b"tcp=1"],
        &[b"-xac"],
        &[b"-x=\xffc", b"tcp=1"],
        &[b"-x-warning=tcp=1"],
        &[b"-x", b"--critical=tcp"],
        &[b"--help", b"-w", b"x"],
        &[b"-c"],
        &[b"--warning"],
    ];
    for arguments in cases {
        assert_eq!(parse(arguments).0.audience, Audience::Monitor, "{arguments:?}");
    }
    // The letters are a value, a path or a long name.
    for arguments in [&[&b"--"[..], b"-wtcp=1"], &[b"-ow", b"-xoc"], &[b"-xo", b"-w"]] {
        assert_eq!(parse(arguments).0.audience, Audience::Person, "{arguments:?}");
    }
    assert_eq!(parse(&[b"--xw", b"tcp=1"]).0.audience, Audience::Person);
}

#[test]
fn an_unknown_letter_does_not_end_a_series_of_letters() {
    let (command_line, plan) = parse(&[b"-xao", b"f", b"--"]);
    assert_eq!(command_line.request, error(Problem::UnknownOption, b"x"));
    assert_eq!((plan.filter.all, plan.output), (true, Some(&b"f"[..])));
    // `-xw` takes its value, so only `/b` is a path.
    let (command_line, plan) = parse(&[b"-xw", b"tcp=1", b"/b"]);
    assert_eq!(command_line.request, error(Problem::UnknownOption, b"x"));
    assert_eq!(plan.procfs, b"/b");
}

proptest! {
    #[test]
    fn the_path_is_proc_or_one_of_the_words(
        words in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..6), 0..6),
        dashes in 0..3usize,
    ) {
        let words: Vec<Vec<u8>> = words.into_iter().map(|word| [&b"--"[..dashes], &word].concat()).collect();
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        let (command_line, plan) = parse(&words);
        if command_line.request == Ok(Request::Count) {
            prop_assert!(plan.procfs == b"/proc" || words.contains(&plan.procfs));
        }
    }

    #[test]
    fn netlink_refuses_any_path_but_proc_in_any_order(
        words in Just(["--source", "PATH", "-i1", "--all", "-of"]).prop_shuffle(),
    ) {
        let refused = |path| error(Problem::PathWithNetlink, path);
        type Case<'a> = (&'a [u8], &'a [u8], Result<Request, UsageError<'a>>);
        let cases: [Case; 8] = [
            (b"--source=proc", b"/proc", Ok(Request::Count)),
            (b"--source=auto", b"/proc", Ok(Request::Count)),
            (b"--source=netlink", b"/proc", Ok(Request::Count)),
            (b"--source=proc", b"/proc/1", Ok(Request::Count)),
            (b"--source=auto", b"/proc/1", Ok(Request::Count)),
            (b"--source=netlink", b"/proc/1", refused(b"/proc/1")),
            (b"--source=netlink", b"/proC", refused(b"/proC")),
            (b"--source=netlink", b"-", refused(b"-")),
        ];
        for (source, path, request) in cases {
            let words = words.map(|word| match word {
                "--source" => source,
                "PATH" => path,
                other => other.as_bytes(),
            });
            let (command_line, plan) = parse(&words);
            prop_assert_eq!(command_line.request, request, "{:?}", words);
            prop_assert_eq!(plan.procfs, path);
            prop_assert_eq!((plan.seconds(), plan.filter.all), (Some(1), true));
        }
    }
}
