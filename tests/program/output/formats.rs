//! The counts in every format, and the numbers of `--query`.

use std::ffi::OsStr;
use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::Duration;

use crate::harness::hostile::hostile;
use crate::harness::{
    GROUPS, TABLES, fails, in_namespace, message, number, numbered, plain_program, procfs, program,
    refusal, report,
};
use crate::oracles::check::shown;
use crate::oracles::command_line::always_zero;
use crate::samples::socket_table::{HEADER, STATES};

const FORMATS: [&str; 5] = ["json", "ndjson", "prometheus", "influx", "collectd"];

/// A function that returns the count of a state in a table. Both arguments are
/// indices.
type Number = fn(usize, usize) -> usize;

/// Returns every group in the order of the report, with the counts of its
/// states.
fn groups(number: Number) -> Vec<(&'static str, Vec<usize>)> {
    let sum = |tables: &[usize]| {
        let states = 0..STATES.len();
        states.map(|state| tables.iter().map(|&table| number(table, state)).sum()).collect()
    };
    let tables = (0..4).map(|table| (GROUPS[table], sum(&[table])));
    tables
        .chain([("tcp", sum(&[0, 1])), ("udp", sum(&[2, 3])), ("all", sum(&[0, 1, 2, 3]))])
        .collect()
}

/// Returns the report of these counts in a format, except the comments of
/// Prometheus.
fn expected(format: &str, number: Number) -> String {
    let lines = |line: &dyn Fn(usize, &str, usize) -> String| {
        let states = (0..TABLES.len() * STATES.len()).map(|n| (n / STATES.len(), n % STATES.len()));
        states
            .map(|(table, state)| line(table, STATES[state].0, number(table, state)))
            .collect::<String>()
    };
    let protocol = |table: usize| GROUPS[table].split_at(3);
    match format {
        "json" => {
            let groups = groups(number).into_iter().map(|(group, numbers)| {
                let states = STATES.iter().zip(numbers);
                let states =
                    states.map(|((state, _), number)| format!("        \"{state}\": {number}"));
                format!("    \"{group}\": {{\n{}\n    }}", states.collect::<Vec<_>>().join(",\n"))
            });
            format!("{{\n{}\n}}\n", groups.collect::<Vec<_>>().join(",\n"))
        }
        "ndjson" => expected("json", number).replace([' ', '\n'], "") + "\n",
        "prometheus" => lines(&|table, state, number| {
            let (protocol, version) = protocol(table);
            let state = state.to_lowercase();
            format!(
                "network_connections{{protocol=\"{protocol}\",ip=\"v{version}\",\
                 state=\"{state}\"}} {number}\n"
            )
        }),
        "influx" => (0..4)
            .map(|table| {
                let (protocol, version) = protocol(table);
                let fields = STATES.iter().enumerate().map(|(state, (name, _))| {
                    format!("{}={}i", name.to_lowercase(), number(table, state))
                });
                let fields = fields.collect::<Vec<_>>().join(",");
                format!("network_connections,protocol={protocol},ip=v{version} {fields}\n")
            })
            .collect(),
        _ => lines(&|table, state, number| {
            let group = GROUPS[table];
            format!(
                "PUTVAL \"here/network_connections-{group}/tcp_connections-{state}\" \
                 interval=10 N:{number}\n"
            )
        }),
    }
}

#[test]
fn every_format_shows_every_count() {
    let fixtures: [(_, Number); 2] = [(numbered(), number), (procfs(&[]), |_, _| 0)];
    for (procfs, number) in &fixtures {
        for format in FORMATS {
            let mut shown = report(
                plain_program()
                    .env("COLLECTD_HOSTNAME", "here")
                    .args(["-f", format])
                    .arg(procfs.path()),
            );
            if format == "prometheus" {
                let (help, rest) = shown.split_once('\n').unwrap();
                let text = help.strip_prefix("# HELP network_connections ").unwrap();
                assert!(!text.contains('\\') && text.ends_with('.'), "{help}");
                let (kind, samples) = rest.split_once('\n').unwrap();
                assert_eq!(kind, "# TYPE network_connections gauge");
                shown = samples.to_string();
            }
            assert_eq!(shown, expected(format, *number), "{format}");
        }
        assert_eq!(report(plain_program().arg(procfs.path())), expected("json", *number));
    }
}

// The expected lines are literals, unlike the lines of the function `expected`.
#[test]
fn lines_of_the_formats_match_literals() {
    let procfs = numbered();
    let cases = [
        ("json", 2, "        \"FIN_WAIT1\": 0,"),
        ("prometheus", 3, r#"network_connections{protocol="tcp",ip="v4",state="established"} 1"#),
        (
            "influx",
            0,
            "network_connections,protocol=tcp,ip=v4 fin_wait1=0i,established=1i,time_wait=2i,\
             close=3i,syn_sent=4i,syn_recv=5i,fin_wait2=6i,listen=7i,closing=8i,close_wait=9i,\
             last_ack=10i,unknown=11i",
        ),
        (
            "collectd",
            1,
            r#"PUTVAL "here/network_connections-tcp4/tcp_connections-ESTABLISHED" interval=10 N:1"#,
        ),
    ];
    for (format, line, expected) in cases {
        let mut program = plain_program();
        let program = program.env("COLLECTD_HOSTNAME", "here").arg("-f").arg(format);
        assert_eq!(report(program.arg(procfs.path())).lines().nth(line), Some(expected));
    }
}

#[test]
fn no_format_shows_a_part_of_the_counts() {
    let garbage = format!("{HEADER}garbage\n");
    let procfs = procfs(&[("udp6", &garbage)]);
    let message = message(procfs.path(), "udp6", "line 2 is not a row of this table: 'garbage'");
    for format in FORMATS {
        fails(program().args(["-f", format]).arg(procfs.path()), 1, &message);
    }
    fails(program().args(["-q", "tcp4"]).arg(procfs.path()), 1, &message);
}

/// Runs the program in the format for collectd, and returns the host and the
/// interval of its lines. Asserts that all 48 lines agree.
fn host_and_interval(program: &mut Command) -> [String; 2] {
    let procfs = numbered();
    // With `--interval`, the program runs until the test kills it.
    let (ours, theirs) = UnixDatagram::pair().unwrap();
    ours.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    program.args(["-f", "collectd"]).arg(procfs.path()).stdout(OwnedFd::from(theirs));
    let mut child = program.spawn().unwrap();
    let mut datagram = [0; 16384];
    let received = ours.recv(&mut datagram);
    child.kill().unwrap();
    child.wait().unwrap();
    let printed = String::from_utf8(datagram[..received.unwrap()].to_vec()).unwrap();
    let (host, rest) = printed.strip_prefix("PUTVAL \"").unwrap().split_once('/').unwrap();
    let (_, rest) = rest.split_once("\" interval=").unwrap();
    let (interval, _) = rest.split_once(" N:").unwrap();
    assert_eq!(printed, for_collectd(host, interval));
    [host, interval].map(str::to_string)
}

#[test]
fn collectd_host_and_interval_follow_options_and_environment() {
    let hostname = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let hostname = hostname.trim_end();
    type Variables<'a> = &'a [(&'a str, &'a str)];
    let cases: [(Variables, &[&str], [&str; 2]); 9] = [
        (&[], &[], [hostname, "10"]),
        (&[("COLLECTD_HOSTNAME", ""), ("COLLECTD_INTERVAL", "")], &[], [hostname, "10"]),
        (&[("COLLECTD_HOSTNAME_", "x"), ("COLLECTD_INTERVAL_", "1")], &[], [hostname, "10"]),
        (&[("COLLECTD_HOSTNAME", "router.lan")], &[], ["router.lan", "10"]),
        (&[("COLLECTD_INTERVAL", "60")], &[], [hostname, "60"]),
        // The form in which collectd sets the interval.
        (&[("COLLECTD_HOSTNAME", "a"), ("COLLECTD_INTERVAL", "10.000")], &[], ["a", "10.000"]),
        (&[], &["-i", "30"], [hostname, "30"]),
        (&[("COLLECTD_INTERVAL", "60")], &["-i86400"], [hostname, "86400"]),
        (&[("COLLECTD_INTERVAL", "60")], &["-i", "7", "--interval=8"], [hostname, "8"]),
    ];
    for (variables, arguments, expected) in cases {
        let mut program = plain_program();
        program.args(arguments).envs(variables.iter().copied());
        assert_eq!(host_and_interval(&mut program), expected, "{variables:?} {arguments:?}");
    }
}

#[test]
fn every_hostname_of_the_kernel_fits_and_is_escaped() {
    let test = test_name!();
    if !in_namespace(test, libc::CLONE_NEWUTS) {
        return;
    }
    let procfs = numbered();
    for name in hostile_hosts().into_iter().chain([vec![b'x'; 64]]) {
        // SAFETY: `name` is readable memory of this length.
        assert_eq!(unsafe { libc::sethostname(name.as_ptr().cast(), name.len()) }, 0);
        let mut program = plain_program();
        program.args(["-f", "collectd"]).arg(procfs.path());
        assert_eq!(report(&mut program), for_collectd(&shown(&name), "10"));
    }
    for name in ["", "a/b"] {
        // SAFETY: `name` is readable memory of this length.
        assert_eq!(unsafe { libc::sethostname(name.as_ptr().cast(), name.len()) }, 0);
        let mut program = plain_program();
        fails(program.args(["-f", "collectd"]).arg(procfs.path()), 1, NOT_A_HOST);
        program.env("COLLECTD_HOSTNAME", "here");
        assert_eq!(report(&mut program), for_collectd("here", "10"));
        program.env("COLLECTD_HOSTNAME", "a/b");
        fails(&mut program, 1, NOT_A_HOST);
    }
}

const NOT_A_HOST: &str =
    "network-connections: host name: Expected a name without a slash (set COLLECTD_HOSTNAME)\n";

/// Returns the hostile words that are hosts for collectd.
fn hostile_hosts() -> Vec<Vec<u8>> {
    let mut words = hostile(0);
    words.iter_mut().for_each(|word| word.retain(|&byte| byte != b'/'));
    // A longer host may not fit.
    words.retain(|word| word.len() <= 64);
    words
}

#[test]
fn an_interval_that_is_no_number_is_an_error_for_collectd() {
    let procfs = numbered();
    let run = |interval: &str| {
        let mut program = plain_program();
        program.env("COLLECTD_HOSTNAME", "here").env("COLLECTD_INTERVAL", interval);
        program.args(["-f", "collectd"]).arg(procfs.path());
        program
    };
    for interval in ["1", "10", "10.000", "0.500", ".5", "0.001", "86400.", "007"] {
        assert_eq!(report(&mut run(interval)), for_collectd("here", interval));
    }
    let message = "network-connections: COLLECTD_INTERVAL: Expected a number of seconds above 0\n";
    for interval in ["0", "0.000", ".", "-1", "1e3", "1,5", "1.5.0", " 1", "10s", "nan", "inf", "x"]
    {
        fails(&mut run(interval), 1, message);
        // The other formats have no interval.
        report(run(interval).args(["-f", "influx"]));
    }
}

#[test]
fn a_long_host_is_shown_whole_or_is_an_error() {
    let procfs = procfs(&[]);
    for length in [100, 255, 256, 400, 1024, 1025, 20_000] {
        let host = "x".repeat(length);
        let mut program = plain_program();
        program.env("COLLECTD_HOSTNAME", &host).args(["-f", "collectd"]).arg(procfs.path());
        let output = program.output().unwrap();
        if output.status.success() {
            let stdout = String::from_utf8(output.stdout).unwrap();
            assert_eq!(stdout.matches(&format!("\"{host}/")).count(), 48, "{length}");
        } else {
            assert_eq!(output.stdout, b"", "{length}");
            let stderr = String::from_utf8(output.stderr).unwrap();
            assert!(stderr.starts_with("network-connections: "), "{length}: {stderr}");
            assert_eq!(stderr.matches('\n').count(), 1, "{length}: {stderr}");
        }
    }
}

#[test]
fn hostile_environment_variables_are_escaped_for_collectd() {
    let procfs = numbered();
    for word in hostile_hosts() {
        let mut program = plain_program();
        program.env("COLLECTD_HOSTNAME", OsStr::from_bytes(&word)).env("COLLECTD_INTERVAL", "60");
        program.args(["-f", "collectd"]).arg(procfs.path());
        assert_eq!(report(&mut program), for_collectd(&shown(&word), "60"));
    }
}

/// Returns the report of [`numbered`] for collectd, with this host and this
/// interval.
fn for_collectd(host: &str, interval: &str) -> String {
    let text = expected("collectd", number);
    text.replace("\"here/", &format!("\"{host}/"))
        .replace("interval=10 ", &format!("interval={interval} "))
}

/// Returns every key that `--all` accepts, in the order of the report, with its
/// number.
fn keys() -> Vec<(String, usize)> {
    let groups = groups(number).into_iter();
    groups
        .flat_map(|(group, numbers)| {
            let all = (group.to_string(), numbers.iter().sum());
            let states = STATES.iter().zip(numbers);
            let states =
                states.map(move |((state, _), number)| (format!("{group}.{state}"), number));
            [all].into_iter().chain(states)
        })
        .filter(|(key, _)| always_zero(false, true, &[], key).is_none())
        .collect()
}

#[test]
fn numbers_are_printed_in_the_order_of_the_queries() {
    let procfs = numbered();
    let mut backwards = keys();
    backwards.reverse();
    let pick = |keys: &[&str]| -> Vec<(String, usize)> {
        let all = self::keys();
        let find = |key: &&str| all.iter().find(|(name, _)| name == key).unwrap().clone();
        keys.iter().map(find).collect()
    };
    let cases = [
        keys(),
        backwards,
        pick(&["tcp4.FIN_WAIT1"]),
        pick(&["udp"]),
        pick(&["all", "tcp4", "all"]),
        pick(&["udp6.UNKNOWN", "tcp4.ESTABLISHED", "tcp.TIME_WAIT"]),
    ];
    assert_eq!(cases[0].len(), 64);
    assert_eq!(cases[3][0].1, 852);
    for keys in cases {
        let mut program = program();
        program.arg("--all").args(keys.iter().map(|(key, _)| format!("-q{key}")));
        program.arg(procfs.path());
        let numbers = keys.iter().map(|(_, number)| format!("{number}\n"));
        assert_eq!(report(&mut program), numbers.collect::<String>(), "{program:?}");
    }
    let one_more = std::iter::repeat_n("-qtcp", 92);
    refusal(program().args(one_more));
}

#[test]
fn a_key_that_can_only_be_zero_is_refused() {
    let procfs = numbered();
    let udp = "is always 0 (UDP has only ESTABLISHED and CLOSE)";
    let conntrack = "is always 0 (only TCP has states)";
    let cases = [
        ("", "tcp.LISTEN", "needs --all"),
        ("", "all.LISTEN", "needs --all"),
        ("-a --remote-port 80", "tcp6.LISTEN", "is always 0 with --remote-port"),
        ("-a", "udp.LISTEN", udp),
        ("", "udp4.SYN_SENT", udp),
        ("--conntrack", "udp.ESTABLISHED", conntrack),
        ("--conntrack", "other6.UNKNOWN", conntrack),
    ];
    for (options, key, reason) in cases {
        let reason = format!("KEY '{key}' {reason}");
        // The other options may come before or after the key.
        for option_first in [true, false] {
            let run = |key: [&str; 2]| {
                let mut program = program();
                let options = options.split_whitespace();
                match option_first {
                    true => program.args(options).args(key),
                    false => program.args(key).args(options),
                };
                program.arg(procfs.path());
                program
            };
            assert_eq!(refusal(&mut run(["-q", key])), reason);
            let output = run(["-c", &format!("{key}=1:")]).output().unwrap();
            let line = String::from_utf8(output.stdout).unwrap();
            assert!(
                line.starts_with(&format!("NETWORK-CONNECTIONS UNKNOWN - {reason};")),
                "{line}"
            );
            assert_eq!(output.status.code(), Some(3));
        }
    }
    for (options, key) in [
        ("-a", "tcp.LISTEN"),
        ("-a --remote-port 0", "tcp.LISTEN"),
        ("-a --local-port 80", "all.LISTEN"),
        // A disconnected UDP socket may keep its remote address.
        ("", "udp6.CLOSE"),
        ("", "udp.UNKNOWN"),
    ] {
        let mut program = program();
        report(program.args(options.split_whitespace()).args(["-q", key]).arg(procfs.path()));
    }
}

#[test]
fn a_key_must_match_exactly() {
    let keys: [&[u8]; 20] = [
        b"",
        b".",
        b"tcp4.",
        b".ESTABLISHED",
        b"ESTABLISHED",
        b"tcp5",
        b"tc",
        b"tcp44",
        b"TCP",
        b"tcp4.established",
        b"tcp4.ESTABLISHE",
        b"tcp4.ESTABLISHEDX",
        b"tcp4.ESTABLISHED.",
        b"tcp4.ESTABLISHED ",
        b" tcp4",
        b"tcp4 tcp6",
        b"tcp4.CLOSE SYN_SENT",
        b"tcp4=ESTABLISHED",
        b"all.ESTABLISHED\n",
        b"\x1b[2J|\xff",
    ];
    for key in keys {
        let shown: String = key
            .iter()
            .map(|byte| match byte {
                b' '..=b'~' if *byte != b'|' => (*byte as char).to_string(),
                _ => format!("\\x{byte:02x}"),
            })
            .collect();
        let mut program = program();
        let reason = refusal(program.arg("-q").arg(OsStr::from_bytes(key)));
        assert_eq!(reason, format!("invalid KEY '{shown}' (expected GROUP or GROUP.STATE)"));
    }
}

#[test]
fn presentation_options_exclude_each_other() {
    let reason = "only one of --format, --query and --warning/--critical may be used";
    // An explicit `--format json` also excludes the other presentations.
    let ways: [&[&str]; 5] =
        [&["-f", "json"], &["-fndjson"], &["--query=tcp"], &["-w", "tcp=1"], &["-ctcp=1"]];
    let kind = |way: &[&str]| way[0].trim_start_matches('-').as_bytes()[0];
    for first in &ways {
        for second in &ways {
            let is_check = |way: &&[&str]| b"wc".contains(&kind(way));
            if kind(first) == kind(second) || is_check(first) && is_check(second) {
                continue;
            }
            let mut program = program();
            program.args(*first).args(*second);
            if is_check(first) || is_check(second) {
                let output = program.output().unwrap();
                assert_eq!(output.status.code(), Some(3), "{program:?}");
                assert_eq!(output.stderr, b"", "{program:?}");
                let line = format!(
                    "NETWORK-CONNECTIONS UNKNOWN - {reason}; see 'network-connections --help'\n"
                );
                assert_eq!(String::from_utf8_lossy(&output.stdout), line, "{program:?}");
            } else {
                assert_eq!(refusal(&mut program), reason, "{program:?}");
            }
        }
    }
}
