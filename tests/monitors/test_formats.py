"""The formats that other programs parse, by parsers that aren't of this project."""

import json
import os
import shlex
import subprocess
import time
import tomllib
import unittest

from line_protocol_parser import parse_line
from support import PROGRAM, STATES, distinct, follow, procfs, read, run, start

TELEGRAF = "telegraf/network-connections.conf"


def from_json(text):
    """The counts of the four tables; the sums are compared with them right here."""
    report = json.loads(text)
    assert list(report) == ["tcp4", "tcp6", "udp4", "udp6", "tcp", "udp", "all"], list(report)
    for state in STATES:
        number = {group: report[group][state] for group in report}
        assert number["tcp"] == number["tcp4"] + number["tcp6"], (state, number)
        assert number["udp"] == number["udp4"] + number["udp6"], (state, number)
        assert number["all"] == number["tcp"] + number["udp"], (state, number)
    return {
        (table, state): number
        for table in list(report)[:4]
        for state, number in report[table].items()
    }


def from_influx(text):
    result = {}
    for line in text.splitlines():
        point = parse_line(line)
        assert point["measurement"] == "network_connections", line
        assert point["tags"].keys() == {"protocol", "ip"}, line
        assert point["time"] is None, f"a time: {line}"
        table = point["tags"]["protocol"] + point["tags"]["ip"].removeprefix("v")
        for state, number in point["fields"].items():
            assert type(number) is int, f"{state} is no integer: {line}"
            assert (table, state.upper()) not in result, f"{state} twice: {line}"
            result[table, state.upper()] = number
    return result


class Formats(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.numbers = distinct(1)
        cls.path = procfs("/mnt/distinct", cls.numbers)

    def test_json(self):
        self.assertEqual(from_json(run(self.path)), self.numbers)

    def test_ndjson(self):
        ndjson = run("-f", "ndjson", self.path)
        self.assertRegex(ndjson, r"\A[^\n ]*\n\Z")
        self.assertEqual(json.loads(ndjson), json.loads(run("-f", "json", self.path)))

    def test_ndjson_repeated(self):
        """The reader of a pipe has a line at once, and the next a second later."""
        process = start(PROGRAM, "-f", "ndjson", "-i", "1", self.path, stdout=subprocess.PIPE, text=True)
        times = []
        for _ in range(3):
            self.assertEqual(from_json(process.stdout.readline()), self.numbers)
            times.append(time.monotonic())
        self.assertGreater(times[2] - times[0], 1.5)

    def test_influx(self):
        self.assertEqual(from_influx(run("-f", "influx", self.path)), self.numbers)

    def test_telegraf(self):
        """As Telegraf is to run it. It splits the command as a shell does."""
        # Telegraf's package has the directory.
        os.makedirs("/etc/telegraf/telegraf.d")
        (plugin,) = tomllib.loads(read(follow(TELEGRAF)))["inputs"]["exec"]
        self.assertEqual(plugin["data_format"], "influx")
        (command,) = plugin["commands"]
        output = subprocess.run(shlex.split(command), stdout=subprocess.PIPE, text=True, check=True)
        self.assertEqual(from_influx(output.stdout), from_json(run()))

    def test_query(self):
        keys = [f"{table}.{state}" for table, state in self.numbers]
        options = [option for key in keys for option in ("-q", key)]
        self.assertEqual(run(*options, self.path), "".join(f"{n}\n" for n in self.numbers.values()))


if __name__ == "__main__":
    unittest.main()
