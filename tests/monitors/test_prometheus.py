"""Tests that Prometheus and its node exporter read the files of the program."""

import collections
import os
import shlex
import socket
import subprocess
import time
import unittest

from support import (
    EXPORTED, PROGRAM, PROJECT, advised_commands, get, install_as_documented, make_counts, make_distinct_counts,
    open_connections, protect_as_service, service_command, start, start_exporter, start_prometheus, wait_for, write,
    write_procfs,
)  # fmt: skip

FILE = f"{EXPORTED}/network-connections.prom"
UNIT = "systemd/network-connections.service"
CONNTRACK_UNIT = "systemd/network-conntrack.service"
RULES = "prometheus/network-connections.rules.yml"


def single_run_command():
    """Returns the command of the service without the interval."""
    command = service_command(UNIT)
    interval = command.index("-i")
    del command[interval : interval + 2]
    return command


def scrape(query=""):
    """Returns the values that the node exporter serves, by name and labels.

    Asserts that no series occurs twice.
    """
    lines = get(f"http://127.0.0.1:9100/metrics{query}").splitlines()
    series = [line.rsplit(" ", 1) for line in lines if not line.startswith("#")]
    values = {name: float(value) for name, value in series}
    assert len(values) == len(series), collections.Counter(name for name, _ in series).most_common(1)
    return values


def program_series(values):
    """Returns only the series of the program."""
    return {name: n for name, n in values.items() if name.startswith("network_connections")}


def expected_series(numbers):
    """Returns the series that the exporter must serve for some counts.

    The exporter sorts the labels by name.
    """
    return {
        f'network_connections{{ip="v{table[3]}",protocol="{table[:3]}",state="{state.lower()}"}}': n
        for (table, state), n in numbers.items()
    }


class Prometheus(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        start_exporter()

    def setUp(self):
        self.assertEqual(os.listdir(EXPORTED), [])
        self.addCleanup(lambda: [os.remove(f"{EXPORTED}/{name}") for name in os.listdir(EXPORTED)])

    def start(self, *command, **options):
        """Starts a process that ends with the test."""
        process = start(*command, **options)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def test_promtool_accepts_the_metrics(self):
        subprocess.run(single_run_command(), check=True)
        with open(FILE) as metrics:
            subprocess.run(["promtool", "check", "metrics"], stdin=metrics, check=True)

    def test_units_are_valid(self):
        for name in UNIT, CONNTRACK_UNIT:
            unit = install_as_documented(name)
            checked = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True)
            self.assertEqual((checked.returncode, checked.stdout + checked.stderr), (0, ""))

    def test_units_expose_little_of_the_system(self):
        # The exposure is 0 to 100. Without any protection it is 96.
        for name in UNIT, CONNTRACK_UNIT:
            unit = f"{PROJECT}/contrib/{name}"
            checked = subprocess.run(
                ["systemd-analyze", "security", "--offline=true", "--threshold=12", unit], capture_output=True, text=True
            )
            self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)

    def test_units_can_write_only_to_one_directory(self):
        for name in UNIT, CONNTRACK_UNIT:
            find = ["find", "/etc", "/home", "/proc/sys", "/root", "/run", "/sys", "/usr", "/var"]
            find += ["-path", "/var/tmp", "-prune", "-o", "!", "-type", "l", "-writable", "-print"]
            # Without capabilities, `find` fails to read some directories.
            found = subprocess.run(protect_as_service(name, *find), capture_output=True, text=True)
            self.assertEqual(found.stdout.splitlines(), [EXPORTED], name)
            # `find` trusts access(2). Opening a file writes nothing to it.
            for path in "/proc/sys/kernel/core_pattern", PROGRAM:
                opened = subprocess.run(
                    protect_as_service(name, "sh", "-c", f": <>{path}"), stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT, text=True,
                )  # fmt: skip
                self.assertRegex(opened.stdout, f"{path}: Read-only file system", name)

    def test_service_writes_again_and_again(self):
        self.start(*protect_as_service(UNIT, *service_command(UNIT)))
        values = wait_for(lambda: program_series(scrape()), "series")
        self.assertEqual(values.keys(), expected_series(make_counts()).keys())
        written = os.stat(FILE).st_mtime
        wait_for(lambda: os.stat(FILE).st_mtime > written + 10, "newer file")

    def test_whole_reports_are_scraped_while_the_program_writes(self):
        # The program writes two reports in turn.
        reports = []
        command = "[ -e /mnt/writing ]"
        for name, first in ("odd", 1), ("even", 60):
            numbers = make_distinct_counts(first)
            reports.append(expected_series(numbers))
            command += " && " + shlex.join([*single_run_command(), write_procfs(f"/mnt/{name}", numbers)])
        write("/mnt/writing", "")
        # A strict umask must not keep the exporter, which is not root, from
        # reading the file.
        writer = self.start("sh", "-c", f"while {command}; do :; done", umask=0o077)
        wait_for(lambda: program_series(scrape()), "series")

        scrapes = changes = 0
        last = None
        end = time.monotonic() + 240
        while scrapes < 2000 or changes < 100:
            self.assertLess(time.monotonic(), end, f"expected more than {scrapes} scrapes and {changes} changes")
            # All collectors take much longer, so most scrapes read only the
            # files.
            values = scrape("" if scrapes % 100 == 0 else "?collect[]=textfile")
            scrapes += 1
            found = program_series(values)
            if found not in reports:
                self.assertEqual(found, reports[0], f"expected scrape {scrapes} to be one of the two reports")
            changes += found != last
            last = found
            self.assertEqual(values["node_textfile_scrape_error"], 0)
            files = [name for name in values if name.startswith("node_textfile_mtime_seconds")]
            self.assertEqual(files, [f'node_textfile_mtime_seconds{{file="{FILE}"}}'])
        self.assertIsNone(writer.poll(), "expected the writer to run until the end")
        print(f"{scrapes} scrapes, {changes} changes", flush=True)

        os.remove("/mnt/writing")
        writer.wait()
        self.assertEqual(os.listdir(EXPORTED), [os.path.basename(FILE)])

    def test_rules_fire_only_above_their_thresholds(self):
        subprocess.run(["promtool", "check", "rules", f"{PROJECT}/contrib/{RULES}"], check=True)
        subprocess.run(["promtool", "test", "rules", f"{PROJECT}/tests/monitors/rules.test.yml"], check=True)

    def test_advised_commands_find_the_cause(self):
        def first_result(alert):
            """Runs an alert's first command, and returns its first two words.

            These are a number of connections, and the cause of most of them.
            """
            return subprocess.check_output(["sh", "-c", advised_commands(alert)[0]], text=True).split()[:2]

        listener = socket.create_server(("127.0.0.2", 0))
        port = listener.getsockname()[1]
        for _ in range(20):
            client = socket.create_connection(("127.0.0.2", port))
            client.close()
            listener.accept()[0].close()
        self.assertEqual(first_result("ConnectionsInTimeWait"), ["20", f"127.0.0.2:{port}"])

        self.ends = open_connections(socket.AF_INET, 0, half_closed=4)
        count, users = first_result("ConnectionsNotClosed")
        self.assertEqual(count, "4")
        self.assertIn(f",pid={os.getpid()}", users)

        # From here on, clients of this port receive no answer.
        rule = f"type filter hook input priority filter; tcp sport {port} drop;"
        subprocess.run(["nft", f"table inet test {{ chain input {{ {rule} }}; }}"], check=True)
        for _ in range(5):
            with socket.socket() as client:
                client.setblocking(False)
                client.connect_ex(("127.0.0.2", port))
        self.assertEqual(first_result("SynFlood"), ["5", f"127.0.0.2:{port}"])
        subprocess.run(["sh", "-c", advised_commands("SynFlood")[1]], check=True)

    def test_server_has_the_series_and_alerts(self):
        numbers = {("tcp4", "TIME_WAIT"): 1000, ("tcp6", "TIME_WAIT"): 501}
        subprocess.run([*single_run_command(), write_procfs("/mnt/many", numbers)], check=True)
        os.utime(FILE, (time.time() - 600,) * 2)
        api = start_prometheus(install_as_documented(RULES))

        def alerts(number):
            states = {alert["labels"]["alertname"]: alert["state"] for alert in api("alerts")["alerts"]}
            return states if len(states) == number else None

        # An alert is pending until its condition has held for some minutes.
        self.assertEqual(
            wait_for(lambda: alerts(2), "two alerts"),
            {"ConnectionsInTimeWait": "pending", "NetworkConnectionsNotCounted": "pending"},
        )
        found = {}
        for series in api("query", query="network_connections")["result"]:
            label = series["metric"]
            table = label["protocol"] + label["ip"].removeprefix("v")
            found[table, label["state"].upper()] = int(series["value"][1])
        self.assertEqual(found, {**make_counts(), **numbers})

        # The exporter serves neither counts nor the age of a malformed file.
        write(FILE, "network_connections 1 wrong\n")
        self.assertEqual(wait_for(lambda: alerts(1), "one alert"), {"NetworkConnectionsMissing": "pending"})


if __name__ == "__main__":
    unittest.main()
