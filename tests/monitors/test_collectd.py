"""collectd runs the program by its exec plugin, and writes the counts by its csv plugin."""

import csv
import glob
import os
import re
import socket
import unittest

from support import connect, counts, distinct, documented, eventually, install, procfs, read, run, start, write

DEBIAN = "/etc/collectd/collectd.conf.d/network-connections.conf"
UCI = "/etc/config/collectd"
WRAPPER = "/usr/libexec/collectd/network-connections.sh"


def start_collectd(directory, interval, plugins):
    """Starts collectd with a configuration of plugins, from a file."""
    write(
        f"{directory}/collectd.conf",
        f"""
        Hostname "router.example"
        FQDNLookup false
        Interval {interval}
        BaseDir "{directory}"
        PIDFile "{directory}/pid"
        LoadPlugin logfile
        <Plugin logfile>
            File "{directory}/log"
            PrintSeverity true
        </Plugin>
        LoadPlugin csv
        <Plugin csv>
            DataDir "{directory}/csv"
        </Plugin>
        Include "{plugins}"
        """,
    )
    return start("collectd", "-f", "-C", f"{directory}/collectd.conf")


def recorded(directory):
    """The rows that collectd has written: (time, count) for each table and state."""
    result = {}
    for path in glob.glob(f"{directory}/csv/**/*", recursive=True):
        if os.path.isfile(path):
            name = os.path.relpath(path, f"{directory}/csv")
            match = re.fullmatch(
                r"router\.example/network_connections-(\w+)/tcp_connections-(\w+)-\d{4}-\d\d-\d\d", name
            )
            assert match, name
            with open(path) as file:
                rows = list(csv.reader(file))
            # A day's file more, at midnight.
            result.setdefault(match.groups(), []).extend((float(time), float(n)) for time, n in rows[1:])
    return result


class Collectd(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.sockets = [
            connect(socket.AF_INET, 3, half_closed=1),
            connect(socket.AF_INET6, 5, half_closed=2),
        ]
        cls.numbers = counts(
            tcp4_ESTABLISHED=6, tcp4_CLOSE_WAIT=1, tcp4_FIN_WAIT2=1,
            tcp6_ESTABLISHED=10, tcp6_CLOSE_WAIT=2, tcp6_FIN_WAIT2=2,
        )  # fmt: skip

    def check(self, directory, numbers, interval):
        """Waits for three rows of each count, and looks at them."""

        def written():
            rows = recorded(directory)
            return rows if len(rows) == len(numbers) and min(map(len, rows.values())) >= 3 else None

        rows = eventually(written, f"three rows in each of {len(numbers)} files below {directory}/csv")
        found = {key: {n for _, n in rows[key]} for key in rows}
        self.assertEqual(found, {key: {n} for key, n in numbers.items()})
        for key in rows:
            times = sorted(time for time, _ in rows[key])
            # A busy machine may be late, but never too early twice.
            self.assertGreater(times[2] - times[0], 1.5 * interval, key)
        self.assertNotRegex(read(f"{directory}/log"), "error|warning")

    def test_exec(self):
        """As the manual has it. That it's the program that repeats, and not collectd that runs it again,
        is shown by an interval of collectd's that never goes by."""
        install(DEBIAN)
        start_collectd("/mnt/exec", 9999, DEBIAN)
        self.check("/mnt/exec", self.numbers, 10)

    def test_each_count(self):
        """The manual's command for a procfs directory with different numbers of all sockets."""
        numbers = distinct(1)
        path = procfs("/mnt/distinct", numbers)
        text = documented(DEBIAN)
        self.assertEqual(text.count('"-i" "10"'), 1)
        write("/mnt/each/exec.conf", text.replace('"-i" "10"', f'"-i" "2" "{path}"'))
        start_collectd("/mnt/each", 9999, "/mnt/each/exec.conf")
        self.check("/mnt/each", numbers, 2)

    def test_openwrt(self):
        """By a script, as OpenWrt's configuration needs it, that BusyBox runs."""
        install(WRAPPER)
        # What is /bin/sh for the script, and for everybody else here.
        os.remove("/usr/bin/sh")
        os.symlink("busybox", "/usr/bin/sh")
        # The line of collectd.conf that /etc/init.d/collectd makes of the section exec_input.
        option = dict(re.findall(r"option (\w+) '(.*)'", documented(UCI)))
        write(
            "/mnt/openwrt/exec.conf",
            f"""
            LoadPlugin exec
            <Plugin exec>
                Exec "{option["cmduser"]}:{option["cmdgroup"]}" "{option["cmdline"]}"
            </Plugin>
            """,
        )
        start_collectd("/mnt/openwrt", 3, "/mnt/openwrt/exec.conf")
        self.check("/mnt/openwrt", self.numbers, 3)

    def test_lines(self):
        """The environment is that of collectd's exec plugin. (Of a wrong number, collectd takes what it can.)"""

        def intervals(**environment):
            form = r'PUTVAL "router/network_connections-\w+/tcp_connections-\w+" interval=(\S+) N:\d+'
            environment["COLLECTD_HOSTNAME"] = "router"
            lines = run("-f", "collectd", env=environment).splitlines()
            self.assertEqual(len(lines), 48)
            for line in lines:
                self.assertRegex(line, f"^{form}$")
            return {float(re.fullmatch(form, line)[1]) for line in lines}

        self.assertEqual(intervals(), {10})
        self.assertEqual(intervals(COLLECTD_INTERVAL="30.000"), {30})


if __name__ == "__main__":
    unittest.main()
