"""Tests that the crontab lines work with the cron and the shell of BusyBox.

Their root directory holds only BusyBox and the program. The lines also work
with Debian's shell and tools.
"""

import contextlib
import os
import re
import shutil
import socket
import stat
import subprocess
import unittest

from support import (
    PROGRAM, README, has_conntrack_table, install_as_documented, open_connections, read, read_contrib, read_uci,
    start, wait_for, write,
)  # fmt: skip

CRONTAB = "/etc/crontabs/root"
ROOT = "/mnt/root"
LOG = f"{ROOT}/var/log/messages"
METRICS = f"{ROOT}/var/prometheus"
# OpenWrt's exporter reads the files in this directory.
DIRECTORY = "/var/prometheus"
OTHER = "/var/other"
APPLETS = "/mnt/applets"
# The shells and tools of OpenWrt and Debian: a command, and its PATH.
SHELLS = [(["busybox", "sh"], APPLETS), (["dash"], "/usr/bin:/bin")]
LOGGED = "/mnt/logged"
LINE = "* * * * * "
# A script that replaces the program, its mode, and the text to log. Without a
# script, the program is missing. Without a text, nothing is logged.
FAILURES = [
    (None, 0, f".*{PROGRAM}: not found"),
    ("", 0o644, f".*{PROGRAM}: Permission denied"),
    ("kill -ILL $$", 0o755, "failed with status 132"),
    ("echo reason >&2; exit 1", 0o755, "reason"),
    ("echo WARNING; exit 1", 0o755, "WARNING"),
    ("echo OK", 0o755, None),
]


def read_commands(name):
    """Returns the commands of a crontab of contrib/."""
    lines = read_contrib(name).splitlines()
    return [line.removeprefix(LINE) for line in lines if line.startswith(LINE)]


def run_as_cron(command, shell, path):
    """Runs a command with a shell and the tools in a PATH, and without an umask.

    Returns the output of the command, and a list of the texts that `logger`
    was asked to log.
    """
    write(LOGGED, "")
    # BusyBox's shell prefers its own logger to a program of this name.
    logger = f"""logger() {{ printf '%s\\0' "$*" >>{LOGGED}; }}; """
    run = subprocess.run(
        [*shell, "-c", logger + command], env={"PATH": path}, umask=0, capture_output=True, text=True
    )
    return run.stdout + run.stderr, read(LOGGED).split("\0")[:-1]


@contextlib.contextmanager
def replaced_program(script, mode):
    """Replaces the program by a script, or removes it if `script` is None."""
    os.rename(PROGRAM, f"{PROGRAM}.old")
    if script is not None:
        write(PROGRAM, f"#!/bin/sh\n{script}\n")
        os.chmod(PROGRAM, mode)
    try:
        yield
    finally:
        os.rename(f"{PROGRAM}.old", PROGRAM)


class Commands(unittest.TestCase):
    """The commands of the crontab lines, without cron."""

    @classmethod
    def setUpClass(cls):
        os.makedirs(APPLETS)
        subprocess.run(["busybox", "--install", "-s", APPLETS], check=True)

    def assert_logged(self, command, form, shells=SHELLS):
        """Asserts that a command logs one text of a form.

        If the form is None, the command logs and prints nothing.
        """
        for shell, path in shells:
            printed, texts = run_as_cron(command, shell, path)
            if form is None:
                self.assertEqual((printed, texts), ("", []), shell)
            else:
                self.assertEqual(len(texts), 1, (shell, texts))
                self.assertRegex(texts[0], rf"\A-t network-connections {form}\Z", shell)

    def test_log_says_why_the_program_does_not_run(self):
        names = ["cron/network-connections-log.crontab", "cron/network-conntrack-log.crontab"]
        commands = [command for name in names for command in read_commands(name)]
        self.assertEqual(len(commands), 3)
        for script, mode, form in FAILURES:
            with replaced_program(script, mode):
                for command in commands:
                    self.assert_logged(command, form)

    def test_metrics_go_only_to_a_directory_of_the_user(self):
        names = "cron/network-connections-prometheus.crontab", "cron/network-conntrack-prometheus.crontab"
        commands = [command for name in names for command in read_commands(name)]
        self.assertEqual(len(commands), 2)
        refused = f"{DIRECTORY}: expected a directory that only root may write to"
        # A command that makes the directory, and the text to log.
        cases = [
            ("true", None),
            (f"mkdir -m 755 {DIRECTORY}", None),
            (f"mkdir -m 700 {DIRECTORY}", None),
            (f"mkdir -m 775 {DIRECTORY}", refused),
            (f"mkdir -m 757 {DIRECTORY}", refused),
            (f"mkdir -m 1777 {DIRECTORY}", refused),
            (f"mkdir -m 755 {DIRECTORY}; chown nobody {DIRECTORY}", refused),
            (f"mkdir -m 755 {OTHER}; ln -s {OTHER} {DIRECTORY}", refused),
            (f"mkdir -m 755 {OTHER}; ln -s {OTHER} {DIRECTORY}; chown -h nobody {DIRECTORY}", refused),
            (f"ln -s {OTHER} {DIRECTORY}", f"mkdir: [^\n]*{DIRECTORY}.*\n{refused}"),
            (f"install -m 755 /dev/null {DIRECTORY}", f"mkdir: [^\n]*{DIRECTORY}.*\n{refused}"),
        ]
        # A script replaces the program, because the kernel may not track
        # connections.
        with replaced_program('for file; do :; done; echo counts >"$file"', 0o755):
            for command in commands:
                for shell in SHELLS:
                    for prepare, form in cases:
                        subprocess.run(["sh", "-ec", f"rm -rf {DIRECTORY} {OTHER}; {prepare}"], check=True)
                        self.assert_logged(command, form, [shell])
                        files = [os.path.join(path, name) for path, _, names in os.walk(DIRECTORY) for name in names]
                        self.assertEqual(len(files), 0 if form else 1, prepare)
                        self.assertEqual(os.listdir(OTHER) if os.path.exists(OTHER) else [], [], prepare)
                        if prepare == "true":
                            self.assertEqual(stat.S_IMODE(os.stat(DIRECTORY).st_mode), 0o755)

    def test_log_says_why_the_metrics_are_missing(self):
        self.addCleanup(shutil.rmtree, DIRECTORY)
        for name in "cron/network-connections-prometheus.crontab", "cron/network-conntrack-prometheus.crontab":
            (command,) = read_commands(name)
            for script, mode, form in FAILURES:
                with replaced_program(script, mode):
                    self.assert_logged(command, form)


class Cron(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        for path in ("/bin/busybox", PROGRAM):
            os.makedirs(os.path.dirname(ROOT + path), exist_ok=True)
            shutil.copy(path, ROOT + path)
        for directory in ("dev", "proc", "var/log", "tmp"):
            os.makedirs(f"{ROOT}/{directory}")
        write(f"{ROOT}/etc/passwd", "root:x:0:0:root:/tmp:/bin/sh\n")
        # OpenWrt has this directory, which holds no crontab.
        os.makedirs(os.path.dirname(CRONTAB))
        for name in "cron/network-connections-prometheus.crontab", "cron/network-connections-log.crontab":
            assert install_as_documented(name) == CRONTAB
        write(ROOT + CRONTAB, read(CRONTAB))
        # The kernel tracks connections, as on a router. test_conntrack.py tests
        # the counts.
        rules = "table inet test { chain input { type filter hook input priority filter; ct state new accept; }; }"
        subprocess.run(["nft", rules], check=True)

        def inside(*command):
            # The environment of a process that init starts. SHELL is unset,
            # because cron would run that shell.
            return start("chroot", ROOT, *command, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})

        inside("/bin/busybox", "--install", "-s", "/bin").wait()
        inside("/bin/mount", "-t", "proc", "proc", "/proc").wait()
        inside("/bin/syslogd", "-n")
        wait_for(lambda: os.path.exists(f"{ROOT}/dev/log"), "/dev/log")

        # 60 connections in CLOSE_WAIT cross the limit of 50. The other limit is
        # for SYN_RECV, and no connection is in this state.
        cls.sockets = open_connections(socket.AF_INET, 1, half_closed=60)
        # OpenWrt's /etc/init.d/cron starts cron with these arguments.
        crond = inside("/bin/crond", "-f", "-c", "/etc/crontabs", "-l", "5")
        # cron reads the crontab once a minute.
        commands = read(CRONTAB).count("\n* * * * * ")
        wait_for(lambda: read(LOG).count(" cmd ") >= commands, "commands that cron has started", 180)

        def parents():
            return subprocess.check_output(["busybox", "ps", "-o", "ppid"], text=True).split()

        wait_for(lambda: str(crond.pid) not in parents(), "end of the commands")

    def logged_lines(self):
        """Returns the lines of the program that `logger` has logged."""
        return re.findall(r" user\.notice network-connections: (.*)", read(LOG))

    def test_only_the_crossed_limit_is_logged(self):
        wait_for(self.logged_lines, "a line in the log")
        for line in self.logged_lines():
            self.assertRegex(
                line,
                r"^NETWORK-CONNECTIONS WARNING - tcp\.CLOSE_WAIT is 60 \(outside 0:50\) "
                r"\| 'tcp\.CLOSE_WAIT'=60;50;500;0;$",
            )

    def test_metrics_for_openwrts_exporter_are_complete(self):
        files = {"network-connections.prom": 48}
        if has_conntrack_table():
            files["network-conntrack.prom"] = 54
        self.assertEqual(set(os.listdir(METRICS)), files.keys())
        for name, number in files.items():
            lines = re.findall(r"^network_\S+ \d+$", read(f"{METRICS}/{name}"), re.MULTILINE)
            self.assertEqual(len(lines), number, name)
        self.assertIn(
            'network_connections{protocol="tcp",ip="v4",state="close_wait"} 60\n',
            read(f"{METRICS}/network-connections.prom"),
        )

    def test_readme_installs_the_lines_for_prometheus(self):
        # The same commands make the router's exporter listen on the LAN.
        os.remove(CRONTAB)
        exporter = "prometheus-node-exporter-lua"
        write(f"/etc/config/{exporter}", f"config {exporter} 'main'\n\toption listen_interface 'loopback'\n")
        self.assertEqual(install_as_documented("cron/network-connections-prometheus.crontab", README), CRONTAB)
        lines = [read_contrib(f"cron/network-{name}-prometheus.crontab") for name in ("connections", "conntrack")]
        self.assertEqual(read(CRONTAB), "".join(lines))
        self.assertEqual(read_uci(exporter)["main"]["listen_interface"], "lan")


if __name__ == "__main__":
    unittest.main()
