"""Prometheus and its node exporter read what the program writes, while it writes."""

import collections
import os
import shlex
import socket
import subprocess
import time
import unittest

from support import (
    EXPORTED, PROJECT, advice, connect, counts, distinct, eventually, follow, get, procfs, service, start,
    start_exporter, start_prometheus, write,
)  # fmt: skip

FILE = f"{EXPORTED}/network-connections.prom"
UNIT = "systemd/network-connections.service"
RULES = "prometheus/network-connections.rules.yml"


def once():
    """The command of the service, without its interval."""
    command = service(UNIT)
    interval = command.index("-i")
    del command[interval : interval + 2]
    return command


def scrape(query=""):
    """What the node exporter serves, by name and labels. No series is there twice."""
    lines = get(f"http://127.0.0.1:9100/metrics{query}").splitlines()
    series = [line.rsplit(" ", 1) for line in lines if not line.startswith("#")]
    values = {name: float(value) for name, value in series}
    assert len(values) == len(series), collections.Counter(name for name, _ in series).most_common(1)
    return values


def connections(values):
    """The program's series of these."""
    return {name: n for name, n in values.items() if name.startswith("network_connections")}


def expected(numbers):
    """The series that these counts have to be. (The exporter sorts labels.)"""
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
        """Starts a process that the end of the test ends."""
        process = start(*command, **options)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def test_promtool(self):
        subprocess.run(once(), check=True)
        with open(FILE) as metrics:
            subprocess.run(["promtool", "check", "metrics"], stdin=metrics, check=True)

    def test_unit(self):
        """systemd has nothing to say of its units."""
        for name in UNIT, "systemd/network-conntrack.service":
            checked = subprocess.run(["systemd-analyze", "verify", follow(name)], capture_output=True, text=True)
            self.assertEqual((checked.returncode, checked.stdout + checked.stderr), (0, ""))

    def test_service(self):
        """The command of the service, as it is and as it may: it writes, and writes again."""
        self.start("setpriv", "--bounding-set=-all", "--no-new-privs", *service(UNIT))
        values = eventually(lambda: connections(scrape()), "series")
        self.assertEqual(values.keys(), expected(counts()).keys())
        written = os.stat(FILE).st_mtime
        eventually(lambda: os.stat(FILE).st_mtime > written + 10, "newer file")

    def test_while_it_writes(self):
        """Of two reports that a process writes in turn, every scrape has all of the one or all of the other."""
        reports = []
        command = "[ -e /mnt/writing ]"
        for name, first in ("odd", 1), ("even", 60):
            numbers = distinct(first)
            reports.append(expected(numbers))
            command += " && " + shlex.join([*once(), procfs(f"/mnt/{name}", numbers)])
        write("/mnt/writing", "")
        # The umask is that of a careful administrator: the exporter isn't root.
        writer = self.start("sh", "-c", f"while {command}; do :; done", umask=0o077)
        eventually(lambda: connections(scrape()), "series")

        scrapes = changes = 0
        last = None
        end = time.monotonic() + 240
        while scrapes < 2000 or changes < 100:
            self.assertLess(time.monotonic(), end, f"only {scrapes} scrapes, {changes} changes")
            # All collectors once in a while: they need much longer.
            values = scrape("" if scrapes % 100 == 0 else "?collect[]=textfile")
            scrapes += 1
            found = connections(values)
            if found not in reports:
                self.assertEqual(found, reports[0], f"scrape {scrapes} is neither this nor the other report")
            changes += found != last
            last = found
            self.assertEqual(values["node_textfile_scrape_error"], 0)
            files = [name for name in values if name.startswith("node_textfile_mtime_seconds")]
            self.assertEqual(files, [f'node_textfile_mtime_seconds{{file="{FILE}"}}'])
        self.assertIsNone(writer.poll(), "the writer ended")
        print(f"{scrapes} scrapes, {changes} changes", flush=True)

        os.remove("/mnt/writing")
        writer.wait()
        self.assertEqual(os.listdir(EXPORTED), [os.path.basename(FILE)])

    def test_rules(self):
        """Each rule makes an alert of what it should, and not of what it shouldn't."""
        subprocess.run(["promtool", "check", "rules", f"{PROJECT}/contrib/{RULES}"], check=True)
        subprocess.run(["promtool", "test", "rules", f"{PROJECT}/tests/monitors/rules.test.yml"], check=True)

    def test_advice(self):
        """The commands in the alerts' descriptions find what is meant: they print how many there are of what."""

        def first(alert):
            return subprocess.check_output(["sh", "-c", advice(alert)[0]], text=True).split()[:2]

        listener = socket.create_server(("127.0.0.2", 0))
        port = listener.getsockname()[1]
        for _ in range(20):
            client = socket.create_connection(("127.0.0.2", port))
            client.close()
            listener.accept()[0].close()
        self.assertEqual(first("ConnectionsInTimeWait"), ["20", f"127.0.0.2:{port}"])

        self.ends = connect(socket.AF_INET, 0, half_closed=4)
        count, users = first("ConnectionsNotClosed")
        self.assertEqual(count, "4")
        self.assertIn(f",pid={os.getpid()}", users)

        # Its clients receive no answer any more.
        rule = f"type filter hook input priority filter; tcp sport {port} drop;"
        subprocess.run(["nft", f"table inet test {{ chain input {{ {rule} }}; }}"], check=True)
        for _ in range(5):
            with socket.socket() as client:
                client.setblocking(False)
                client.connect_ex(("127.0.0.2", port))
        self.assertEqual(first("SynFlood"), ["5", f"127.0.0.2:{port}"])
        subprocess.run(["sh", "-c", advice("SynFlood")[1]], check=True)

    def test_server(self):
        """Prometheus has the series, and its alerts with the rules."""
        numbers = {("tcp4", "TIME_WAIT"): 1000, ("tcp6", "TIME_WAIT"): 501}
        subprocess.run([*once(), procfs("/mnt/many", numbers)], check=True)
        os.utime(FILE, (time.time() - 600,) * 2)
        api = start_prometheus(follow(RULES))

        def alerts(number):
            states = {alert["labels"]["alertname"]: alert["state"] for alert in api("alerts")["alerts"]}
            return states if len(states) == number else None

        # All wait for some minutes.
        self.assertEqual(
            eventually(lambda: alerts(2), "two alerts"),
            {"ConnectionsInTimeWait": "pending", "NetworkConnectionsNotCounted": "pending"},
        )
        found = {}
        for series in api("query", query="network_connections")["result"]:
            label = series["metric"]
            table = label["protocol"] + label["ip"].removeprefix("v")
            found[table, label["state"].upper()] = int(series["value"][1])
        self.assertEqual(found, {**counts(), **numbers})

        # Of a file that is wrong there are neither counts nor age.
        write(FILE, "network_connections 1 wrong\n")
        self.assertEqual(eventually(lambda: alerts(1), "one alert"), {"NetworkConnectionsMissing": "pending"})


if __name__ == "__main__":
    unittest.main()
