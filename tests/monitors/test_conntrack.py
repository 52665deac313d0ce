"""What there is for tracked connections, which only root and the group root can read, with each system."""

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
    MANUAL, PROGRAM, PROJECT, advice, as_user, contrib, count, eventually, first_line, follow, luci_plugin,
    openwrt_plugin, place, read, recorded, run, service, start, start_collectd, start_exporter, uci, write,
    zabbix_value,
)  # fmt: skip

# What is in the table: so many of UDP that are not answered, and so many that are.
NUMBERS = {"udp4": {"UNREPLIED": 3, "REPLIED": 2}, "udp6": {"UNREPLIED": 5, "REPLIED": 4}}
GROUPS = ["tcp4", "tcp6", "udp4", "udp6", "other4", "other6"]
STATES = (
    "NONE SYN_SENT SYN_RECV ESTABLISHED FIN_WAIT CLOSE_WAIT LAST_ACK TIME_WAIT CLOSE SYN_SENT2 UNKNOWN"
).split()
STATUSES = "UNREPLIED REPLIED ASSURED OFFLOAD HW_OFFLOAD".split()

# The tests' own connections of TCP are not to be there.
RULES = """
    table inet test {
        chain output { type filter hook output priority raw; meta l4proto != udp notrack; }
        chain input { type filter hook prerouting priority raw; meta l4proto != udp notrack; }
        chain track { type filter hook output priority filter; ct state new accept; }
    }
"""
# A day.
LIFETIME = "86400"


def track(family, address, number, is_answered):
    """Sends by UDP from so many sockets. What they are sent to is open, so that ICMP has nothing to say."""
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


def expected():
    """The numbers that there have to be, by group and name, without those of the table."""
    numbers = {(group, status): 0 for group in GROUPS for status in STATUSES}
    numbers |= {(group, state): 0 for group in GROUPS[:2] for state in STATES}
    for group, statuses in NUMBERS.items():
        numbers |= {(group, status): number for status, number in statuses.items()}
    return numbers


def total(status):
    return sum(statuses[status] for statuses in NUMBERS.values())


def limit():
    return int(read("/proc/sys/net/netfilter/nf_conntrack_max"))


class Conntrack(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        subprocess.run(["nft", RULES], check=True)
        for name in "udp_timeout", "udp_timeout_stream":
            with open(f"/proc/sys/net/netfilter/nf_conntrack_{name}", "w") as file:
                file.write(LIFETIME)
        cls.sockets = [
            track(family, address, NUMBERS[group][status], status == "REPLIED")
            for group, family, address in (
                ("udp4", socket.AF_INET, "127.0.0.1"),
                ("udp6", socket.AF_INET6, "::1"),
            )
            for status in ("UNREPLIED", "REPLIED")
        ]

    def test_privilege(self):
        """Who may not read the table is told so, and has no zeros."""
        failed = subprocess.run(
            [PROGRAM, "--conntrack"], user="nobody", group="nogroup", extra_groups=[], capture_output=True, text=True
        )
        self.assertEqual((failed.returncode, failed.stdout), (1, ""))
        text = re.search(r"^\$ network-connections --conntrack\n(.*\n)", read(MANUAL), re.MULTILINE)[1]
        self.assertEqual(failed.stderr, text)

    def test_json(self):
        report = json.loads(run("--conntrack"))
        self.assertEqual(report, json.loads(run("--conntrack", "-f", "ndjson")))
        found = {
            (group, name): number
            for group in GROUPS
            for kind in (("state", "status") if group in GROUPS[:2] else ("status",))
            for name, number in report[group][kind].items()
        }
        self.assertEqual(found, expected())
        self.assertEqual(report["all"]["total"], total("UNREPLIED") + total("REPLIED"))
        self.assertEqual(report["table"], {"entries": report["all"]["total"], "limit": limit()})
        self.assertEqual(run("--conntrack", "-q", "all.UNREPLIED", "-q", "udp6"), f"{total('UNREPLIED')}\n9\n")

    def test_prometheus(self):
        """The command of the service, as it is and as it may, and what the node exporter makes of what it writes."""
        command = service("systemd/network-conntrack.service")
        process = start("setpriv", "--bounding-set=-all", "--no-new-privs", *command)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        file = command[command.index("-o") + 1]
        text = eventually(lambda: read(file), file)
        subprocess.run(["promtool", "check", "metrics"], input=text, text=True, check=True)

        start_exporter()
        served = subprocess.check_output(["busybox", "wget", "-qO-", "http://127.0.0.1:9100/metrics"], text=True)
        found = dict(re.findall(r"^(network_conntrack_\S+) (\S+)$", served, re.MULTILINE))
        series = {}
        for (group, name), number in expected().items():
            metric, label = ("entries", "status") if name in STATUSES else ("states", "state")
            labels = f'ip="v{group[-1]}",protocol="{group[:-1]}",{label}="{name.lower()}"'
            series[f"network_conntrack_{metric}{{{labels}}}"] = number
        series["network_conntrack_table_entries"] = total("UNREPLIED") + total("REPLIED")
        series["network_conntrack_table_limit"] = limit()
        self.assertEqual({name: float(number) for name, number in found.items()}, series)
        self.assertEqual(len(series), 54)

    def test_advice(self):
        """The commands in the alerts' descriptions find who has how many connections."""
        path = f"{PROJECT}/tests/fixtures/conntrack/6.18"

        def found(alert):
            command = advice(alert)[0].replace("/proc/net", f"{path}/net")
            self.assertIn(path, command)
            output = subprocess.check_output(["busybox", "sh", "-c", command], text=True)
            return {who: int(number) for number, who in map(str.split, output.splitlines())}

        def counted(*keys):
            return count(keys, "--conntrack", path)

        sources = found("ConntrackTableFills")
        self.assertEqual(sum(sources.values()), counted("all") - counted("all.UNREPLIED"))
        self.assertIn("192.0.2.2", sources)
        ends = found("SynFloodForwarded")
        self.assertEqual(sum(ends.values()), 2 * counted("tcp.SYN_SENT", "tcp.SYN_RECV", "tcp.SYN_SENT2"))
        self.assertIn("src=192.0.2.2", ends)
        self.assertIn("dst=198.51.100.2", ends)
        for alert, command in ("ConntrackTableFills", 1), ("ConntrackTableFull", 1), ("ConntrackMissing", 0):
            subprocess.run(["sh", "-c", advice(alert)[command]], check=True)

    def check_collectd(self, directory, plugins):
        """Runs collectd, and waits for the values of all names."""
        start_collectd(directory, 9999, plugins)
        numbers = {}
        for (group, name), number in expected().items():
            kind = "conntrack" if name in STATUSES else "tcp_connections"
            numbers[f"network_conntrack-{group}/{kind}-{name}"] = number
        numbers["network_conntrack-table/conntrack-entries"] = total("UNREPLIED") + total("REPLIED")
        numbers["network_conntrack-table/conntrack-limit"] = limit()

        def written():
            found = {
                name.removeprefix("router.example/"): rows[0][1] for name, rows in recorded(directory).items() if rows
            }
            return found if len(found) >= len(numbers) else None

        self.assertEqual(eventually(written, f"{len(numbers)} values"), numbers)
        self.assertNotRegex(read(f"{directory}/log"), "error|warning")

    def test_collectd(self):
        """collectd gives the program the group root, and takes all of its values."""
        os.makedirs("/etc/collectd/collectd.conf.d")
        self.check_collectd("/mnt/collectd", follow("collectd/network-conntrack.conf"))

    def test_collectd_openwrt(self):
        """The same by OpenWrt's configuration, which names the script that is beside it."""
        write("/etc/config/collectd", "")
        follow("collectd/network-conntrack.uci")
        wrapper = place("collectd/network-conntrack.sh")
        sections = uci("collectd")
        self.assertEqual(sections["exec"], {"type": "plugin", "enable": "1"})
        section = sections["network_conntrack"]
        self.assertEqual((section["type"], section["cmdline"]), ("exec_input", wrapper))
        self.check_collectd("/mnt/openwrt", openwrt_plugin("/mnt/openwrt/exec.conf", section))

    def test_collectd_luci(self):
        plugin = luci_plugin("/mnt/luci/exec.conf", "collectd/luci-network-conntrack.uci")
        self.check_collectd("/mnt/luci", plugin)

    def test_collectd_wrapper(self):
        """The interval is collectd's."""
        line = first_line("collectd/network-conntrack.sh")
        self.assertRegex(line, r'^PUTVAL "router/network_conntrack-tcp4/\S+" interval=30 N:\d+\n$')

    def check_sudoers(self, name):
        """What the manual's commands have put beside the other file is what sudo has to know for it."""
        self.assertEqual(read(place(name)), contrib(name))

    def test_nagios(self):
        """Nagios takes the configuration, and its user may run the command, but not another."""
        path = follow("nagios/network-conntrack.cfg")
        self.check_sudoers("sudoers/nagios-network-conntrack")
        subprocess.run(["nagios4", "-v", "/etc/nagios4/nagios.cfg"], stdout=subprocess.DEVNULL, check=True)
        command = re.search(r"^ *command_line +(.*)$", read(path), re.MULTILINE)[1]
        percent = total("REPLIED") * 100 // limit()
        self.assertEqual(
            as_user("nagios", shlex.split(command)),
            f"NETWORK-CONNECTIONS OK - table.replied_percent is {percent} "
            f"| 'table.replied_percent'={percent};80;95;0;\n",
        )
        self.assertIn(f"$ sudo -u nagios {command.removeprefix('/usr/bin/')}\n", read(MANUAL))
        with self.assertRaises(subprocess.CalledProcessError):
            as_user("nagios", [*shlex.split(command), "-o", "/mnt/file"], stderr=subprocess.DEVNULL)

    def test_zabbix(self):
        path = follow("zabbix/network-conntrack.conf")
        self.check_sudoers("sudoers/zabbix-network-conntrack")
        write("/mnt/zabbix_agentd.conf", f"Server=127.0.0.1\nInclude={path}\n")

        def tested(key):
            return zabbix_value("/mnt/zabbix_agentd.conf", key)

        percent = total("REPLIED") * 100 // limit()
        self.assertEqual(tested("network.conntrack.replied_percent"), str(percent))
        report = json.loads(tested("network.conntrack.json"))
        self.assertEqual(report, json.loads(run("--conntrack")))
        for jsonpath in re.findall(r"`\$\.([\w.]+)`", read(MANUAL).split("In the JSON they are")[1].split("\n\n")[0]):
            value = report
            for name in jsonpath.split("."):
                value = value[name]
            self.assertIsInstance(value, int, jsonpath)

    def test_telegraf(self):
        # The user that Telegraf's package would make.
        for file, line in (
            ("passwd", "telegraf:x:990:990::/nonexistent:/usr/sbin/nologin"),
            ("shadow", "telegraf:*:1::::::"),
            ("group", "telegraf:x:990:"),
        ):
            with open(f"/etc/{file}", "a") as users:
                users.write(f"{line}\n")
        os.makedirs("/etc/telegraf/telegraf.d")
        (plugin,) = tomllib.loads(read(follow("telegraf/network-conntrack.conf")))["inputs"]["exec"]
        self.check_sudoers("sudoers/telegraf-network-conntrack")
        self.assertEqual(plugin["data_format"], "influx")
        (command,) = plugin["commands"]
        numbers = {}
        *lines, last = as_user("telegraf", shlex.split(command)).splitlines()
        for line in lines:
            point = parse_line(line)
            self.assertEqual(point["measurement"], "network_conntrack")
            group = point["tags"]["protocol"] + point["tags"]["ip"].removeprefix("v")
            numbers |= {(group, name.upper()): number for name, number in point["fields"].items()}
        # A line has the same fields for all, so that there are states for UDP too.
        self.assertEqual({key: numbers[key] for key in expected()}, expected())
        self.assertEqual(sum(numbers.values()), sum(expected().values()))
        point = parse_line(last)
        self.assertEqual(point["measurement"], "network_conntrack_table")
        self.assertEqual(point["fields"], {"entries": total("UNREPLIED") + total("REPLIED"), "limit": limit()})

    def cron(self, name):
        """The command of the line that a file of contrib/ adds to OpenWrt's crontab."""
        os.makedirs("/etc/crontabs", exist_ok=True)
        before = "# What is there\n"
        write("/etc/crontabs/root", before)
        crontab = read(follow(name))
        self.assertTrue(crontab.startswith(before) and crontab.endswith("\n"), crontab)
        # Among those of the other file that the same commands add.
        (line,) = [line for line in crontab.splitlines() if line in contrib(name) and not line.startswith("#")]
        self.assertTrue(line.startswith("* * * * * "), line)
        return line.removeprefix("* * * * * ")

    def test_cron_log(self):
        """There is nothing to log here. With a limit that is crossed there is."""
        command = self.cron("cron/network-conntrack-log.crontab")

        def logged(command):
            command = command.replace("logger", "echo logger")
            return subprocess.check_output(["busybox", "sh", "-c", command], text=True)

        percent = total("REPLIED") * 100 // limit()
        self.assertEqual(logged(command), "")
        self.assertEqual(command.count("=95"), 1)
        self.assertEqual(
            logged(command.replace("=95", f"=@{percent}:95")),
            f"logger -t network-connections NETWORK-CONNECTIONS CRITICAL - table.replied_percent is {percent} "
            f"(inside {percent}:95) | 'table.replied_percent'={percent};80;@{percent}:95;0;\n",
        )

    def test_cron_prometheus(self):
        command = self.cron("cron/network-conntrack-prometheus.crontab")
        subprocess.run(["busybox", "sh", "-c", command], check=True)
        metrics = read("/var/prometheus/network-conntrack.prom")
        self.assertEqual(len(re.findall(r"^network_conntrack_\S+ \d+$", metrics, re.MULTILINE)), 54)
        self.assertIn('network_conntrack_entries{protocol="udp",ip="v4",status="unreplied"} 3\n', metrics)


if __name__ == "__main__":
    unittest.main()
