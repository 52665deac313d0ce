"""BusyBox's cron and shell run the crontab of the manual, where there is nothing but BusyBox."""

import os
import re
import shutil
import socket
import subprocess
import unittest

from support import PROGRAM, connect, documented, eventually, read, start, write

CRONTAB = "/etc/crontabs/root"
ROOT = "/mnt/root"
LOG = f"{ROOT}/var/log/messages"
METRICS = f"{ROOT}/var/prometheus/network-connections.prom"


class Cron(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        for path in ("/bin/busybox", PROGRAM):
            os.makedirs(os.path.dirname(ROOT + path), exist_ok=True)
            shutil.copy(path, ROOT + path)
        for directory in ("dev", "proc", "var/log", "tmp"):
            os.makedirs(f"{ROOT}/{directory}")
        write(f"{ROOT}/etc/passwd", "root:x:0:0:root:/tmp:/bin/sh\n")
        write(ROOT + CRONTAB, documented(CRONTAB))

        def inside(*command):
            # As of a first process, and not of a user's shell: cron runs what SHELL says.
            return start("chroot", ROOT, *command, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})

        inside("/bin/busybox", "--install", "-s", "/bin").wait()
        inside("/bin/mount", "-t", "proc", "proc", "/proc").wait()
        inside("/bin/syslogd", "-n")
        eventually(lambda: os.path.exists(f"{ROOT}/dev/log"), "/dev/log")

        # More than the manual's 50, and of the other state none.
        cls.sockets = connect(socket.AF_INET, 1, half_closed=60)
        # As OpenWrt's /etc/init.d/cron starts it.
        crond = inside("/bin/crond", "-f", "-c", "/etc/crontabs", "-l", "5")
        # It looks at the crontab once a minute.
        commands = documented(CRONTAB).count("\n* * * * * ")
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
        """The file for OpenWrt's Prometheus exporter."""
        eventually(lambda: os.path.exists(METRICS), METRICS)
        self.assertEqual(len(re.findall(r"^network_connections{\S+} \d+$", read(METRICS), re.MULTILINE)), 48)
        self.assertIn('network_connections{protocol="tcp",ip="v4",state="close_wait"} 60\n', read(METRICS))
        self.assertEqual(os.listdir(os.path.dirname(METRICS)), [os.path.basename(METRICS)])


if __name__ == "__main__":
    unittest.main()
