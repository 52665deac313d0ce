"""Tests that collectd's exec plugin runs the program and records its counts."""

import os
import re
import socket
import unittest

from support import (
    assert_passes_on_intervals, install_as_documented, installed_path, make_counts, make_distinct_counts,
    open_connections, read, read_collectd_csv, read_contrib, read_uci, run_program, start_collectd, wait_for, write,
    write_luci_plugin, write_openwrt_plugin, write_procfs,
)  # fmt: skip

DEBIAN = "collectd/network-connections.conf"
WRAPPER = "collectd/network-connections.sh"


def parse_value_name(name):
    """Returns the table and the state that the name of a value contains."""
    match = re.fullmatch(r"router\.example/network_connections-(\w+)/tcp_connections-(\w+)", name)
    assert match, name
    return match.groups()


def parse_interval(line):
    """Returns the interval in a line for collectd's exec plugin."""
    form = r'PUTVAL "router/network_connections-\w+/tcp_connections-\w+" interval=(\S+) N:\d+'
    return float(re.fullmatch(form, line)[1])


class Collectd(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.sockets = [
            open_connections(socket.AF_INET, 3, half_closed=1),
            open_connections(socket.AF_INET6, 5, half_closed=2),
        ]
        cls.numbers = make_counts(
            tcp4_ESTABLISHED=6, tcp4_CLOSE_WAIT=1, tcp4_FIN_WAIT2=1,
            tcp6_ESTABLISHED=10, tcp6_CLOSE_WAIT=2, tcp6_FIN_WAIT2=2,
        )  # fmt: skip

    def assert_recorded(self, directory, numbers, interval):
        """Asserts that collectd records each count at the interval.

        Waits for three rows of each count.
        """

        def written():
            rows = {parse_value_name(name): rows for name, rows in read_collectd_csv(directory).items()}
            return rows if len(rows) == len(numbers) and min(map(len, rows.values())) >= 3 else None

        rows = wait_for(written, f"three rows in each of {len(numbers)} files below {directory}/csv")
        found = {key: {n for _, n in rows[key]} for key in rows}
        self.assertEqual(found, {key: {n} for key, n in numbers.items()})
        for key in rows:
            times = sorted(time for time, _ in rows[key])
            # Two intervals separate the first row from the third. On a busy
            # machine the first row may be late.
            self.assertGreater(times[2] - times[0], 1.5 * interval, key)
        self.assertNotRegex(read(f"{directory}/log"), "error|warning")

    def test_exec_plugin_needs_one_run_for_all_reports(self):
        # collectd's own interval is longer than the test, so all rows come from
        # one run of the program, which repeats its report.
        #
        # Debian's package collectd, which is not installed, has this directory.
        os.makedirs("/etc/collectd/collectd.conf.d")
        start_collectd("/mnt/exec", 9999, install_as_documented(DEBIAN))
        self.assert_recorded("/mnt/exec", self.numbers, 10)

    def test_each_count_has_its_own_file(self):
        numbers = make_distinct_counts(1)
        path = write_procfs("/mnt/distinct", numbers)
        text = read_contrib(DEBIAN)
        self.assertEqual(text.count('"-i" "10"'), 1)
        write("/mnt/each/exec.conf", text.replace('"-i" "10"', f'"-i" "2" "{path}"'))
        start_collectd("/mnt/each", 9999, "/mnt/each/exec.conf")
        self.assert_recorded("/mnt/each", numbers, 2)

    def test_openwrt_section_runs_the_script(self):
        # BusyBox becomes /bin/sh, for the script and all else in the sandbox.
        os.remove("/usr/bin/sh")
        os.symlink("busybox", "/usr/bin/sh")
        wrapper = installed_path(WRAPPER)
        # The initial configuration disables the plugin, as OpenWrt's does.
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
            # The same block of commands installs this section.
            "network_conntrack": {
                "type": "exec_input", "cmdline": installed_path("collectd/network-conntrack.sh"),
                "cmduser": "nobody", "cmdgroup": "root",
            },
        }  # fmt: skip
        install_as_documented("collectd/network-connections.uci")
        self.assertEqual(read_uci("collectd"), expected)
        # The commands run again after a change, and duplicate nothing.
        write("/etc/config/collectd", read("/etc/config/collectd").replace("option enable '1'", "option enable '0'"))
        install_as_documented("collectd/network-connections.uci")
        self.assertEqual(read_uci("collectd"), expected)
        section = read_uci("collectd")["network_connections"]
        start_collectd("/mnt/openwrt", 3, write_openwrt_plugin("/mnt/openwrt/exec.conf", section))
        self.assert_recorded("/mnt/openwrt", self.numbers, 3)

    def test_luci_section_runs_the_program_for_each_report(self):
        plugin = write_luci_plugin("/mnt/luci/exec.conf", "collectd/luci-network-connections.uci")
        start_collectd("/mnt/luci", 3, plugin)
        self.assert_recorded("/mnt/luci", self.numbers, 3)

    def test_lines_have_the_interval_of_collectd(self):
        # The environment is the same as for collectd's exec plugin. collectd
        # tolerates a malformed number, so the test parses the lines itself.
        def intervals(**environment):
            environment["COLLECTD_HOSTNAME"] = "router"
            return {parse_interval(line) for line in run_program("-f", "collectd", env=environment).splitlines()}

        self.assertEqual(len(run_program("-f", "collectd").splitlines()), 48)
        self.assertEqual(intervals(), {10})
        self.assertEqual(intervals(COLLECTD_INTERVAL="30.000"), {30})

    def test_wrapper_passes_on_the_interval_of_collectd(self):
        assert_passes_on_intervals(WRAPPER, r"network_connections-tcp4/\S+")


if __name__ == "__main__":
    unittest.main()
