"""collectd runs the program by its exec plugin, and writes the counts by its csv plugin."""

import os
import re
import socket
import unittest

from support import (
    connect, contrib, counts, distinct, eventually, first_line, follow, luci_plugin, openwrt_plugin, place, procfs,
    read, recorded, run, start_collectd, uci, write,
)  # fmt: skip

DEBIAN = "collectd/network-connections.conf"
WRAPPER = "collectd/network-connections.sh"


def table_and_state(name):
    """What a value is of, by its name."""
    match = re.fullmatch(r"router\.example/network_connections-(\w+)/tcp_connections-(\w+)", name)
    assert match, name
    return match.groups()


def interval_of(line):
    """The interval of a line for collectd's exec plugin."""
    form = r'PUTVAL "router/network_connections-\w+/tcp_connections-\w+" interval=(\S+) N:\d+'
    return float(re.fullmatch(form, line)[1])


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
            rows = {table_and_state(name): rows for name, rows in recorded(directory).items()}
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
        # Debian's package collectd has the directory.
        os.makedirs("/etc/collectd/collectd.conf.d")
        start_collectd("/mnt/exec", 9999, follow(DEBIAN))
        self.check("/mnt/exec", self.numbers, 10)

    def test_each_count(self):
        """The manual's command for a procfs directory with different numbers of all sockets."""
        numbers = distinct(1)
        path = procfs("/mnt/distinct", numbers)
        text = contrib(DEBIAN)
        self.assertEqual(text.count('"-i" "10"'), 1)
        write("/mnt/each/exec.conf", text.replace('"-i" "10"', f'"-i" "2" "{path}"'))
        start_collectd("/mnt/each", 9999, "/mnt/each/exec.conf")
        self.check("/mnt/each", numbers, 2)

    def test_openwrt(self):
        """By a script, as OpenWrt's configuration needs it, that BusyBox runs."""
        # What is /bin/sh for the script, and for everybody else here.
        os.remove("/usr/bin/sh")
        os.symlink("busybox", "/usr/bin/sh")
        wrapper = place(WRAPPER)
        # What is there before, with the plugin switched off as in OpenWrt's example.
        write(
            "/etc/config/collectd",
            "config globals 'globals'\n\toption alt_config_file \"/etc/collectd.conf\"\n\toption Interval '30'\n\n"
            "config plugin 'exec'\n\toption enable '0'\n",
        )
        expected = {
            "globals": {"type": "globals", "Interval": "30"},
            "exec": {"type": "plugin", "enable": "1"},
            "network_connections": {
                "type": "exec_input", "cmdline": wrapper, "cmduser": "nobody", "cmdgroup": "nogroup",
            },
            # By the same block of commands.
            "network_conntrack": {
                "type": "exec_input", "cmdline": place("collectd/network-conntrack.sh"),
                "cmduser": "nobody", "cmdgroup": "root",
            },
        }  # fmt: skip
        follow("collectd/network-connections.uci")
        self.assertEqual(uci("collectd"), expected)
        # Again, after a change: nothing is there twice.
        write("/etc/config/collectd", read("/etc/config/collectd").replace("option enable '1'", "option enable '0'"))
        follow("collectd/network-connections.uci")
        self.assertEqual(uci("collectd"), expected)
        section = uci("collectd")["network_connections"]
        start_collectd("/mnt/openwrt", 3, openwrt_plugin("/mnt/openwrt/exec.conf", section))
        self.check("/mnt/openwrt", self.numbers, 3)

    def test_luci(self):
        """LuCI's configuration has options, and collectd runs the program again for each report."""
        start_collectd("/mnt/luci", 3, luci_plugin("/mnt/luci/exec.conf", "collectd/luci-network-connections.uci"))
        self.check("/mnt/luci", self.numbers, 3)

    def test_lines(self):
        """The environment is that of collectd's exec plugin. (Of a wrong number, collectd takes what it can.)"""

        def intervals(**environment):
            environment["COLLECTD_HOSTNAME"] = "router"
            return {interval_of(line) for line in run("-f", "collectd", env=environment).splitlines()}

        self.assertEqual(len(run("-f", "collectd").splitlines()), 48)
        self.assertEqual(intervals(), {10})
        self.assertEqual(intervals(COLLECTD_INTERVAL="30.000"), {30})

    def test_wrapper(self):
        """The interval is collectd's."""
        self.assertEqual(interval_of(first_line(WRAPPER).rstrip("\n")), 30)


if __name__ == "__main__":
    unittest.main()
