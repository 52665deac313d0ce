"""BusyBox's cron and shell run the lines for a crontab, where there is nothing but BusyBox."""

import os
import re
import shutil
import socket
import subprocess
import unittest

from support import PROGRAM, README, connect, contrib, eventually, follow, read, start, uci, write

CRONTAB = "/etc/crontabs/root"
ROOT = "/mnt/root"
LOG = f"{ROOT}/var/log/messages"
METRICS = f"{ROOT}/var/prometheus"


class Cron(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        for path in ("/bin/busybox", PROGRAM):
            os.makedirs(os.path.dirname(ROOT + path), exist_ok=True)
            shutil.copy(path, ROOT + path)
        for directory in ("dev", "proc", "var/log", "tmp"):
            os.makedirs(f"{ROOT}/{directory}")
        write(f"{ROOT}/etc/passwd", "root:x:0:0:root:/tmp:/bin/sh\n")
        # OpenWrt has the directory, and no file.
        os.makedirs(os.path.dirname(CRONTAB))
        for name in "cron/network-connections-prometheus.crontab", "cron/network-connections-log.crontab":
            assert follow(name) == CRONTAB
        write(ROOT + CRONTAB, read(CRONTAB))
        # As on a router. What is tracked, and how much of it, is for the tests of that.
        rules = "table inet test { chain input { type filter hook input priority filter; ct state new accept; }; }"
        subprocess.run(["nft", rules], check=True)

        def inside(*command):
            # As of a first process, and not of a user's shell: cron runs what SHELL says.
            return start("chroot", ROOT, *command, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})

        inside("/bin/busybox", "--install", "-s", "/bin").wait()
        inside("/bin/mount", "-t", "proc", "proc", "/proc").wait()
        inside("/bin/syslogd", "-n")
        eventually(lambda: os.path.exists(f"{ROOT}/dev/log"), "/dev/log")

        # More than the limit of 50, and of the other state none.
        cls.sockets = connect(socket.AF_INET, 1, half_closed=60)
        # As OpenWrt's /etc/init.d/cron starts it.
        crond = inside("/bin/crond", "-f", "-c", "/etc/crontabs", "-l", "5")
        # It looks at the crontab once a minute.
        commands = read(CRONTAB).count("\n* * * * * ")
        eventually(lambda: read(LOG).count(" cmd ") >= commands, "commands that cron has started", 180)

        def parents():
            return subprocess.check_output(["busybox", "ps", "-o", "ppid"], text=True).split()

        eventually(lambda: str(crond.pid) not in parents(), "end of the commands")

    def lines(self):
        """What the program has logged, by way of `logger`."""
        return re.findall(r" user\.notice network-connections: (.*)", read(LOG))

    def test_threshold(self):
        """The limit that is crossed is logged, and the other one is not."""
        eventually(self.lines, "line in the log")
        for line in self.lines():
            self.assertRegex(
                line,
                r"^NETWORK-CONNECTIONS WARNING - tcp\.CLOSE_WAIT is 60 \(outside 0:50\) "
                r"\| 'tcp\.CLOSE_WAIT'=60;50;500;0;$",
            )

    def test_metrics(self):
        """The files for OpenWrt's Prometheus exporter."""
        files = {"network-connections.prom": 48, "network-conntrack.prom": 54}
        self.assertEqual(set(os.listdir(METRICS)), files.keys())
        for name, number in files.items():
            lines = re.findall(r"^network_\S+ \d+$", read(f"{METRICS}/{name}"), re.MULTILINE)
            self.assertEqual(len(lines), number, name)
        self.assertIn(
            'network_connections{protocol="tcp",ip="v4",state="close_wait"} 60\n',
            read(f"{METRICS}/network-connections.prom"),
        )

    def test_readme(self):
        """The README's way to a graph gives cron the same lines, and the router's exporter listens on the LAN."""
        os.remove(CRONTAB)
        exporter = "prometheus-node-exporter-lua"
        write(f"/etc/config/{exporter}", f"config {exporter} 'main'\n\toption listen_interface 'loopback'\n")
        self.assertEqual(follow("cron/network-connections-prometheus.crontab", README), CRONTAB)
        lines = [contrib(f"cron/network-{name}-prometheus.crontab") for name in ("connections", "conntrack")]
        self.assertEqual(read(CRONTAB), "".join(lines))
        self.assertEqual(uci(exporter)["main"]["listen_interface"], "lan")


if __name__ == "__main__":
    unittest.main()
