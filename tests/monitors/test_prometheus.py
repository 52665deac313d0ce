"""Prometheus and its node exporter read what the program writes, while it writes."""

import collections
import configparser
import json
import os
import shlex
import subprocess
import time
import unittest
import urllib.error
import urllib.request

from support import answers, counts, distinct, documented, eventually, install, procfs, start, write

DIRECTORY = "/var/lib/prometheus/node-exporter"
FILE = f"{DIRECTORY}/network-connections.prom"
UNIT = "/etc/systemd/system/network-connections.service"
RULES = "/etc/prometheus/network-connections.rules.yml"


def service():
    """The command of the manual's service."""
    unit = configparser.ConfigParser(interpolation=None)
    unit.optionxform = str
    unit.read_string(documented(UNIT))
    return shlex.split(unit["Service"]["ExecStart"])


def once():
    """The same without its interval."""
    command = service()
    interval = command.index("-i")
    del command[interval : interval + 2]
    return command


def get(url):
    with urllib.request.urlopen(url) as response:
        return response.read().decode()


def ready(port):
    """Whether Prometheus is started up. Until then it listens, and answers with 503 to whatever it is asked."""
    try:
        get(f"http://127.0.0.1:{port}/-/ready")
    except urllib.error.HTTPError as error:
        assert error.code == 503, error
        return False
    return True


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
        # As Debian's service runs it.
        start("prometheus-node-exporter", user="prometheus", group="prometheus", stderr=subprocess.DEVNULL)
        eventually(lambda: answers(9100), "node exporter")

    def setUp(self):
        self.assertEqual(os.listdir(DIRECTORY), [])
        self.addCleanup(lambda: [os.remove(f"{DIRECTORY}/{name}") for name in os.listdir(DIRECTORY)])

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

    def test_service(self):
        """The command of the service, as it is: it writes, and writes again."""
        self.start(*service())
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
        self.assertEqual(os.listdir(DIRECTORY), [os.path.basename(FILE)])

    def test_server(self):
        """Prometheus has the series, and its alerts with the manual's rules."""
        numbers = {("tcp4", "TIME_WAIT"): 1000, ("tcp6", "TIME_WAIT"): 501}
        subprocess.run([*once(), procfs("/mnt/many", numbers)], check=True)
        os.utime(FILE, (time.time() - 600,) * 2)
        install(RULES)
        write(
            "/etc/prometheus/prometheus.yml",
            f"""
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [{os.path.basename(RULES)}]
scrape_configs: [{{job_name: node, static_configs: [{{targets: ["127.0.0.1:9100"]}}]}}]
            """,
        )
        # As Debian's service runs it.
        os.chdir("/var/lib/prometheus")
        start("prometheus", user="prometheus", group="prometheus", stderr=subprocess.DEVNULL)
        eventually(lambda: answers(9090) and ready(9090), "Prometheus")

        def api(path):
            return json.loads(get(f"http://127.0.0.1:9090/api/v1/{path}"))["data"]

        def alerts():
            states = {alert["labels"]["alertname"]: alert["state"] for alert in api("alerts")["alerts"]}
            return states if len(states) == 2 else None

        # The first waits for its five minutes.
        self.assertEqual(
            eventually(alerts, "two alerts"),
            {"ConnectionsInTimeWait": "pending", "NetworkConnectionsNotCounted": "firing"},
        )
        found = {}
        for series in api("query?query=network_connections")["result"]:
            label = series["metric"]
            table = label["protocol"] + label["ip"].removeprefix("v")
            found[table, label["state"].upper()] = int(series["value"][1])
        self.assertEqual(found, {**counts(), **numbers})


if __name__ == "__main__":
    unittest.main()
