"""Tests that third-party parsers accept the formats for other programs."""

import json
import os
import shlex
import subprocess
import time
import tomllib
import unittest

from line_protocol_parser import parse_line
from support import (
    PROGRAM, STATES, install_as_documented, make_distinct_counts, read, run_program, start, write_procfs,
)  # fmt: skip

TELEGRAF = "telegraf/network-connections.conf"


def parse_json(text):
    """Returns the counts of the four tables in a report.

    Asserts that each sum in the report is the sum of its tables.
    """
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


def parse_influx(text):
    """Returns the counts in lines of InfluxDB's line protocol."""
    result = {}
    for line in text.splitlines():
        point = parse_line(line)
        assert point["measurement"] == "network_connections", line
        assert point["tags"].keys() == {"protocol", "ip"}, line
        assert point["time"] is None, f"expected no timestamp: {line}"
        table = point["tags"]["protocol"] + point["tags"]["ip"].removeprefix("v")
        for state, number in point["fields"].items():
            assert type(number) is int, f"expected an integer for {state}: {line}"
            assert (table, state.upper()) not in result, f"expected {state} only once: {line}"
            result[table, state.upper()] = number
    return result


class Formats(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.numbers = make_distinct_counts(1)
        cls.path = write_procfs("/mnt/distinct", cls.numbers)

    def test_json_has_all_counts(self):
        self.assertEqual(parse_json(run_program(self.path)), self.numbers)

    def test_ndjson_is_the_json_in_one_line(self):
        ndjson = run_program("-f", "ndjson", self.path)
        self.assertRegex(ndjson, r"\A[^\n ]*\n\Z")
        self.assertEqual(json.loads(ndjson), json.loads(run_program("-f", "json", self.path)))

    def test_ndjson_through_a_pipe_is_not_delayed(self):
        # The first line comes at once, and each next line a second later.
        process = start(PROGRAM, "-f", "ndjson", "-i", "1", self.path, stdout=subprocess.PIPE, text=True)
        times = []
        for _ in range(3):
            self.assertEqual(parse_json(process.stdout.readline()), self.numbers)
            times.append(time.monotonic())
        self.assertGreater(times[2] - times[0], 1.5)

    def test_influx_has_all_counts(self):
        self.assertEqual(parse_influx(run_program("-f", "influx", self.path)), self.numbers)

    def test_telegraf_command_prints_line_protocol(self):
        # Telegraf's package, which is not installed, has this directory.
        os.makedirs("/etc/telegraf/telegraf.d")
        (plugin,) = tomllib.loads(read(install_as_documented(TELEGRAF)))["inputs"]["exec"]
        self.assertEqual(plugin["data_format"], "influx")
        (command,) = plugin["commands"]
        # Telegraf splits the command into words as a shell does.
        output = subprocess.run(shlex.split(command), stdout=subprocess.PIPE, text=True, check=True)
        self.assertEqual(parse_influx(output.stdout), parse_json(run_program()))

    def test_query_prints_counts_in_the_order_of_the_options(self):
        # The program refuses the other keys: their numbers can only be 0.
        numbers = {
            f"{table}.{state}": number
            for (table, state), number in self.numbers.items()
            if table.startswith("tcp") or state in ("ESTABLISHED", "CLOSE", "UNKNOWN")
        }
        options = [option for key in numbers for option in ("-q", key)]
        self.assertEqual(run_program("--all", *options, self.path), "".join(f"{n}\n" for n in numbers.values()))


if __name__ == "__main__":
    unittest.main()
