"""Tests each monitoring system with the counts of tracked connections.

Only root and the group root can read the table of tracked connections.
"""

import json
import os
import re
import shlex
import socket
import subprocess
import tomllib
import unittest

from line_protocol_parser import parse_line
from support import (
    MANUAL, PROGRAM, PROJECT, advised_commands, assert_passes_on_intervals, has_conntrack_table,
    install_as_documented, installed_path, protect_as_service, read, read_collectd_csv, read_contrib, read_uci,
    read_zabbix_value, run_as, run_program, service_command, start, start_collectd, start_exporter, sum_counts,
    wait_for, write, write_luci_plugin, write_openwrt_plugin,
)  # fmt: skip

# The number of UDP connections in the table, without and with a reply.
NUMBERS = {"udp4": {"UNREPLIED": 3, "REPLIED": 2}, "udp6": {"UNREPLIED": 5, "REPLIED": 4}}
GROUPS = ["tcp4", "tcp6", "udp4", "udp6", "other4", "other6"]
STATES = (
    "NONE SYN_SENT SYN_RECV ESTABLISHED FIN_WAIT CLOSE_WAIT LAST_ACK TIME_WAIT CLOSE SYN_SENT2 UNKNOWN"
).split()
STATUSES = "UNREPLIED REPLIED ASSURED OFFLOAD HW_OFFLOAD".split()

# The kernel tracks only UDP, so the table has none of the tests' own TCP
# connections.
RULES = """
    table inet test {
        chain output { type filter hook output priority raw; meta l4proto != udp notrack; }
        chain input { type filter hook prerouting priority raw; meta l4proto != udp notrack; }
        chain track { type filter hook output priority filter; ct state new accept; }
    }
"""
# How long the kernel keeps an idle UDP connection, in seconds: a day.
LIFETIME = "86400"


def send_datagrams(family, address, number, is_answered):
    """Sends a datagram from each of `number` sockets to one receiver.

    The receiver replies if `is_answered`. Returns all sockets. The receiver
    stays open, so the kernel answers no datagram with an ICMP error.
    """
    sockets = [socket.socket(family, socket.SOCK_DGRAM)]
    sockets[0].bind((address, 0))
    for _ in range(number):
        client = socket.socket(family, socket.SOCK_DGRAM)
        client.connect(sockets[0].getsockname()[:2])
        client.send(b"?")
        if is_answered:
            _, sender = sockets[0].recvfrom(1)
            sockets[0].sendto(b"!", sender)
        sockets.append(client)
    return sockets


def expected_counts():
    """Returns the expected counts by group and name.

    The entries and the limit of the table are not among the counts.
    """
    numbers = {(group, status): 0 for group in GROUPS for status in STATUSES}
    numbers |= {(group, state): 0 for group in GROUPS[:2] for state in STATES}
    for group, statuses in NUMBERS.items():
        numbers |= {(group, status): number for status, number in statuses.items()}
    return numbers


def total(status):
    """Returns the number of connections with a status."""
    return sum(statuses[status] for statuses in NUMBERS.values())


def read_limit():
    return int(read("/proc/sys/net/netfilter/nf_conntrack_max"))


class Conntrack(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        subprocess.run(["nft", RULES], check=True)
        if not has_conntrack_table():
            raise unittest.SkipTest("this kernel has no /proc/net/nf_conntrack")
        for name in "udp_timeout", "udp_timeout_stream":
            with open(f"/proc/sys/net/netfilter/nf_conntrack_{name}", "w") as file:
                file.write(LIFETIME)
        cls.sockets = [
            send_datagrams(family, address, NUMBERS[group][status], status == "REPLIED")
            for group, family, address in (
                ("udp4", socket.AF_INET, "127.0.0.1"),
                ("udp6", socket.AF_INET6, "::1"),
            )
            for status in ("UNREPLIED", "REPLIED")
        ]

    def test_privilege_is_needed_to_read_the_table(self):
        # Another user gets the documented error, and no zeros.
        failed = subprocess.run(
            [PROGRAM, "--conntrack"], user="nobody", group="nogroup", extra_groups=[], capture_output=True, text=True
        )
        self.assertEqual((failed.returncode, failed.stdout), (1, ""))
        text = re.search(r"^\$ network-connections --conntrack\n(.*\n)", read(MANUAL), re.MULTILINE)[1]
        self.assertEqual(failed.stderr, text)

    def test_json_has_all_counts(self):
        report = json.loads(run_program("--conntrack"))
        self.assertEqual(report, json.loads(run_program("--conntrack", "-f", "ndjson")))
        found = {
            (group, name): number
            for group in GROUPS
            for kind in (("state", "status") if group in GROUPS[:2] else ("status",))
            for name, number in report[group][kind].items()
        }
        self.assertEqual(found, expected_counts())
        self.assertEqual(report["all"]["total"], total("UNREPLIED") + total("REPLIED"))
        self.assertEqual(report["table"], {"entries": report["all"]["total"], "limit": read_limit()})
        self.assertEqual(run_program("--conntrack", "-q", "all.UNREPLIED", "-q", "udp6"), f"{total('UNREPLIED')}\n9\n")

    def test_prometheus_exporter_serves_all_counts(self):
        unit = "systemd/network-conntrack.service"
        command = service_command(unit)
        process = start(*protect_as_service(unit, *command))
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        file = command[command.index("-o") + 1]
        text = wait_for(lambda: read(file), file)
        subprocess.run(["promtool", "check", "metrics"], input=text, text=True, check=True)

        start_exporter()
        served = subprocess.check_output(["busybox", "wget", "-qO-", "http://127.0.0.1:9100/metrics"], text=True)
        found = dict(re.findall(r"^(network_conntrack_\S+) (\S+)$", served, re.MULTILINE))
        series = {}
        for (group, name), number in expected_counts().items():
            metric, label = ("entries", "status") if name in STATUSES else ("states", "state")
            labels = f'ip="v{group[-1]}",protocol="{group[:-1]}",{label}="{name.lower()}"'
            series[f"network_conntrack_{metric}{{{labels}}}"] = number
        series["network_conntrack_table_entries"] = total("UNREPLIED") + total("REPLIED")
        series["network_conntrack_table_limit"] = read_limit()
        self.assertEqual({name: float(number) for name, number in found.items()}, series)
        self.assertEqual(len(series), 54)

    def test_advised_commands_count_connections_by_address(self):
        path = f"{PROJECT}/tests/fixtures/conntrack/6.18"

        def found(alert):
            command = advised_commands(alert)[0].replace("/proc/net", f"{path}/net")
            self.assertIn(path, command)
            output = subprocess.check_output(["busybox", "sh", "-c", command], text=True)
            return {who: int(number) for number, who in map(str.split, output.splitlines())}

        def counted(*keys):
            return sum_counts(keys, "--conntrack", path)

        sources = found("ConntrackTableFills")
        self.assertEqual(sum(sources.values()), counted("all") - counted("all.UNREPLIED"))
        self.assertIn("192.0.2.2", sources)
        ends = found("SynFloodForwarded")
        self.assertEqual(sum(ends.values()), 2 * counted("tcp.SYN_SENT", "tcp.SYN_RECV", "tcp.SYN_SENT2"))
        self.assertIn("src=192.0.2.2", ends)
        self.assertIn("dst=198.51.100.2", ends)
        for alert, command in ("ConntrackTableFills", 1), ("ConntrackTableFull", 1), ("ConntrackMissing", 0):
            subprocess.run(["sh", "-c", advised_commands(alert)[command]], check=True)

    def assert_recorded(self, directory, plugins):
        """Asserts that collectd records all counts once it has started."""
        start_collectd(directory, 9999, plugins)
        numbers = {}
        for (group, name), number in expected_counts().items():
            kind = "conntrack" if name in STATUSES else "tcp_connections"
            numbers[f"network_conntrack-{group}/{kind}-{name}"] = number
        numbers["network_conntrack-table/conntrack-entries"] = total("UNREPLIED") + total("REPLIED")
        numbers["network_conntrack-table/conntrack-limit"] = read_limit()

        def written():
            found = {
                name.removeprefix("router.example/"): rows[0][1]
                for name, rows in read_collectd_csv(directory).items()
                if rows
            }
            return found if len(found) >= len(numbers) else None

        self.assertEqual(wait_for(written, f"{len(numbers)} values"), numbers)
        self.assertNotRegex(read(f"{directory}/log"), "error|warning")

    def test_collectd_runs_the_program_with_the_group_root(self):
        os.makedirs("/etc/collectd/collectd.conf.d")
        self.assert_recorded("/mnt/collectd", install_as_documented("collectd/network-conntrack.conf"))

    def test_collectd_openwrt_section_runs_the_script(self):
        write("/etc/config/collectd", "")
        install_as_documented("collectd/network-conntrack.uci")
        wrapper = installed_path("collectd/network-conntrack.sh")
        sections = read_uci("collectd")
        self.assertEqual(sections["exec"], {"type": "plugin", "enable": "1"})
        section = sections["network_conntrack"]
        self.assertEqual((section["type"], section["cmdline"]), ("exec_input", wrapper))
        self.assert_recorded("/mnt/openwrt", write_openwrt_plugin("/mnt/openwrt/exec.conf", section))

    def test_collectd_luci_section_runs_the_program(self):
        plugin = write_luci_plugin("/mnt/luci/exec.conf", "collectd/luci-network-conntrack.uci")
        self.assert_recorded("/mnt/luci", plugin)

    def test_collectd_wrapper_passes_on_the_interval(self):
        assert_passes_on_intervals("collectd/network-conntrack.sh", r"network_conntrack-tcp4/\S+")

    def assert_sudoers_installed(self, name):
        """Asserts that the manual's commands installed a file for sudo."""
        self.assertEqual(read(installed_path(name)), read_contrib(name))

    def test_nagios_user_can_run_only_the_documented_command(self):
        path = install_as_documented("nagios/network-conntrack.cfg")
        self.assert_sudoers_installed("sudoers/nagios-network-conntrack")
        subprocess.run(["nagios4", "-v", "/etc/nagios4/nagios.cfg"], stdout=subprocess.DEVNULL, check=True)
        command = re.search(r"^ *command_line +(.*)$", read(path), re.MULTILINE)[1]
        percent = total("REPLIED") * 100 // read_limit()
        self.assertEqual(
            run_as("nagios", shlex.split(command)),
            f"NETWORK-CONNECTIONS OK - table.replied_percent is {percent} "
            f"| 'table.replied_percent'={percent};80;95;0;\n",
        )
        self.assertIn(f"$ sudo -u nagios {command.removeprefix('/usr/bin/')}\n", read(MANUAL))
        with self.assertRaises(subprocess.CalledProcessError):
            run_as("nagios", [*shlex.split(command), "-o", "/mnt/file"], stderr=subprocess.DEVNULL)

    def test_zabbix_agent_answers_all_keys(self):
        path = install_as_documented("zabbix/network-conntrack.conf")
        self.assert_sudoers_installed("sudoers/zabbix-network-conntrack")
        write("/mnt/zabbix_agentd.conf", f"Server=127.0.0.1\nInclude={path}\n")

        def tested(key):
            return read_zabbix_value("/mnt/zabbix_agentd.conf", key)

        percent = total("REPLIED") * 100 // read_limit()
        self.assertEqual(tested("network.conntrack.replied_percent"), str(percent))
        report = json.loads(tested("network.conntrack.json"))
        self.assertEqual(report, json.loads(run_program("--conntrack")))
        for jsonpath in re.findall(r"`\$\.([\w.]+)`", read(MANUAL).split("In the JSON they are")[1].split("\n\n")[0]):
            value = report
            for name in jsonpath.split("."):
                value = value[name]
            self.assertIsInstance(value, int, jsonpath)

    def test_telegraf_command_prints_all_counts(self):
        # Telegraf's package, which is not installed, would create this user.
        for file, line in (
            ("passwd", "telegraf:x:990:990::/nonexistent:/usr/sbin/nologin"),
            ("shadow", "telegraf:*:1::::::"),
            ("group", "telegraf:x:990:"),
        ):
            with open(f"/etc/{file}", "a") as users:
                users.write(f"{line}\n")
        os.makedirs("/etc/telegraf/telegraf.d")
        (plugin,) = tomllib.loads(read(install_as_documented("telegraf/network-conntrack.conf")))["inputs"]["exec"]
        self.assert_sudoers_installed("sudoers/telegraf-network-conntrack")
        self.assertEqual(plugin["data_format"], "influx")
        (command,) = plugin["commands"]
        numbers = {}
        *lines, last = run_as("telegraf", shlex.split(command)).splitlines()
        for line in lines:
            point = parse_line(line)
            self.assertEqual(point["measurement"], "network_conntrack")
            group = point["tags"]["protocol"] + point["tags"]["ip"].removeprefix("v")
            numbers |= {(group, name.upper()): number for name, number in point["fields"].items()}
        # All lines have the same fields, so the lines for UDP have states too.
        # The sum shows that these states are zero.
        self.assertEqual({key: numbers[key] for key in expected_counts()}, expected_counts())
        self.assertEqual(sum(numbers.values()), sum(expected_counts().values()))
        point = parse_line(last)
        self.assertEqual(point["measurement"], "network_conntrack_table")
        self.assertEqual(point["fields"], {"entries": total("UNREPLIED") + total("REPLIED"), "limit": read_limit()})

    def install_crontab(self, name):
        """Installs a crontab of contrib/, and returns the command of its line."""
        os.makedirs("/etc/crontabs", exist_ok=True)
        before = "# What is there\n"
        write("/etc/crontabs/root", before)
        crontab = read(install_as_documented(name))
        self.assertTrue(crontab.startswith(before) and crontab.endswith("\n"), crontab)
        # The same commands also add the lines of another crontab.
        (line,) = [line for line in crontab.splitlines() if line in read_contrib(name) and not line.startswith("#")]
        self.assertTrue(line.startswith("* * * * * "), line)
        return line.removeprefix("* * * * * ")

    def test_cron_logs_only_a_crossed_limit(self):
        command = self.install_crontab("cron/network-conntrack-log.crontab")

        def logged(command):
            command = command.replace("logger", "echo logger")
            return subprocess.check_output(["busybox", "sh", "-c", command], text=True)

        percent = total("REPLIED") * 100 // read_limit()
        self.assertEqual(logged(command), "")
        self.assertEqual(command.count("=95"), 1)
        self.assertEqual(
            logged(command.replace("=95", f"=@{percent}:95")),
            f"logger -t network-connections NETWORK-CONNECTIONS CRITICAL - table.replied_percent is {percent} "
            f"(inside {percent}:95) | 'table.replied_percent'={percent};80;@{percent}:95;0;\n",
        )

    def test_cron_writes_prometheus_metrics(self):
        command = self.install_crontab("cron/network-conntrack-prometheus.crontab")
        subprocess.run(["busybox", "sh", "-c", command], check=True)
        metrics = read("/var/prometheus/network-conntrack.prom")
        self.assertEqual(len(re.findall(r"^network_conntrack_\S+ \d+$", metrics, re.MULTILINE)), 54)
        self.assertIn('network_conntrack_entries{protocol="udp",ip="v4",status="unreplied"} 3\n', metrics)


if __name__ == "__main__":
    unittest.main()
