"""What the tests of monitoring systems have in common. They run in the sandbox, as root."""

import configparser
import csv
import glob
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

# They change this machine's configuration, and start its daemons.
if socket.gethostname() != "sandbox":
    sys.exit("Not in the sandbox. scripts/test-monitors runs these tests.")

PROGRAM = "/usr/bin/network-connections"
PROJECT = os.path.join(os.path.dirname(__file__), "../..")
MANUAL = f"{PROJECT}/docs/monitors.md"
README = f"{PROJECT}/README.md"
# Where Debian's node exporter finds what it serves.
EXPORTED = "/var/lib/prometheus/node-exporter"

TABLES = ["tcp4", "tcp6", "udp4", "udp6"]
# As the kernel numbers them. UNKNOWN is any other number.
STATES = {
    "ESTABLISHED": "01", "SYN_SENT": "02", "SYN_RECV": "03", "FIN_WAIT1": "04",
    "FIN_WAIT2": "05", "TIME_WAIT": "06", "CLOSE": "07", "CLOSE_WAIT": "08",
    "LAST_ACK": "09", "LISTEN": "0A", "CLOSING": "0B", "UNKNOWN": "0D",
}  # fmt: skip


def contrib(name):
    """The text of a file below contrib/, which the manual has to name."""
    with open(MANUAL) as manual:
        assert f"](../contrib/{name})" in manual.read(), f"{MANUAL} has no link to contrib/{name}"
    return read(f"{PROJECT}/contrib/{name}")


def place(name):
    """Where a file of contrib/ goes, as its first comment says."""
    return re.match(r"(#!.*\n)?# (/\S+)\n", contrib(name))[2]


def follow(name, page=MANUAL):
    """Puts a file of contrib/ into place by a page's commands: by the block of them that names it.

    Returns its path there, which is what the commands have changed.
    """
    path = place(name)
    blocks = re.findall(r"^```sh\n(.*?)^```$", read(page), re.DOTALL | re.MULTILINE)
    blocks = [block for block in blocks if re.search(rf"\bcontrib/{re.escape(name)}\s", block)]
    assert len(blocks) == 1, f"{page} has {len(blocks)} blocks of commands for contrib/{name}"
    make_commands()
    before = read(path)
    environment = {**os.environ, "PATH": f"{COMMANDS}:{os.environ['PATH']}"}
    subprocess.run(["sh", "-eu", "-c", blocks[0]], cwd=PROJECT, env=environment, check=True)
    assert read(path) != before, f"{path} is as before these commands:\n{blocks[0]}"
    return path


def service(name):
    """The command of a service of systemd, of contrib/."""
    # (A key may be there several times.)
    unit = configparser.ConfigParser(interpolation=None, strict=False)
    unit.optionxform = str
    unit.read_string(contrib(name))
    return shlex.split(unit["Service"]["ExecStart"])


# What the manual's commands find first. The router that they reach is this sandbox. What starts a service does
# nothing: a test starts it by itself.
COMMANDS = "/mnt/commands"


def make_commands():
    for path, text in {
        f"{COMMANDS}/ssh": 'shift\nexec busybox sh -c "$*"',
        f"{COMMANDS}/scp": '[ "$1" = -O ]\nexec cp "$2" "${3#root@192.168.1.1:}"',
        # Its default directory for uncommitted changes is in /tmp, which isn't the sandbox's own.
        f"{COMMANDS}/uci": f'exec "{PROJECT}/target/uci/uci" -t {COMMANDS}/changes "$@"',
        f"{COMMANDS}/opkg": ":",
        f"{COMMANDS}/systemctl": ":",
        "/etc/init.d/collectd": ":",
        "/etc/init.d/cron": ":",
        "/etc/init.d/luci_statistics": ":",
        "/etc/init.d/prometheus-node-exporter-lua": ":",
    }.items():
        write(path, f"#!/bin/sh\nset -eu\n{text}\n")
        os.chmod(path, 0o755)
    os.makedirs(f"{COMMANDS}/changes", exist_ok=True)


def uci(package):
    """What OpenWrt's uci reads in a file of /etc/config: the options and the type of each section, by its name."""
    sections = {}
    for line in subprocess.check_output([f"{COMMANDS}/uci", "show", package], text=True).splitlines():
        name, value = line.split("=", 1)
        _, section, *option = name.split(".")
        sections.setdefault(section, {})[option[0] if option else "type"] = value.strip("'")
    return sections


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)


def read(path):
    """The text of a file, and none of a file that isn't there (yet)."""
    try:
        with open(path) as file:
            return file.read()
    except FileNotFoundError:
        return ""


def run(*arguments, **options):
    """What the program prints."""
    return subprocess.run(
        [PROGRAM, *arguments], stdout=subprocess.PIPE, text=True, check=True, **options
    ).stdout


def count(keys, *arguments):
    """The sum of what the program counts for these keys."""
    options = [word for key in keys for word in ("-q", key)]
    return sum(map(int, run(*options, *arguments).split()))


def as_user(user, command, **options):
    """What a command prints as this user, without any other group than the user's."""
    return subprocess.run(
        command, user=user, group=user, extra_groups=[], stdout=subprocess.PIPE, text=True, check=True, **options
    ).stdout


def zabbix_value(configuration, key):
    """The value that `zabbix_agentd -t` shows of a key, as the agent's user."""
    output = as_user("zabbix", ["zabbix_agentd", "-c", configuration, "-t", key])
    return re.fullmatch(rf"{re.escape(key)} +\[t\|(.*)\]\n", output, re.DOTALL)[1]


started = []


def start(*command, **options):
    """Starts a process that the end of the sandbox ends."""
    print("$", *command, flush=True)
    started.append(subprocess.Popen(command, **options))
    return started[-1]


def eventually(found, what, seconds=120):
    """Waits until a function finds something, and returns that. The time is for a busy machine.

    A process that has failed won't make it come true.
    """
    end = time.monotonic() + seconds
    while not (result := found()):
        for process in started:
            if process.poll() not in (None, 0, -signal.SIGKILL):
                raise AssertionError(f"{process.args} ended with {process.returncode}, and no {what}")
        if time.monotonic() > end:
            raise AssertionError(f"after {seconds} seconds: no {what}")
        time.sleep(0.05)
    return result


def start_collectd(directory, interval, plugins):
    """Starts collectd with a configuration of plugins, from a file. It writes CSV into a directory."""
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
    """The rows that collectd has written as CSV into a directory: (time, number), by the name of the value."""
    result = {}
    for path in glob.glob(f"{directory}/csv/**/*", recursive=True):
        if os.path.isfile(path):
            match = re.fullmatch(r"(.*)-\d{4}-\d\d-\d\d", os.path.relpath(path, f"{directory}/csv"))
            assert match, path
            with open(path) as file:
                rows = list(csv.reader(file))[1:]
            # A day's file more, at midnight.
            result.setdefault(match[1], []).extend((float(time), float(number)) for time, number in rows)
    return result


def first_line(wrapper):
    """What a script for OpenWrt's collectd, of contrib/, prints first: by BusyBox's shell, every 30 seconds."""
    process = start(
        "busybox", "sh", f"{PROJECT}/contrib/{wrapper}", stdout=subprocess.PIPE, text=True,
        env={"COLLECTD_HOSTNAME": "router", "COLLECTD_INTERVAL": "30.000"},
    )  # fmt: skip
    line = process.stdout.readline()
    process.kill()
    process.wait()
    return line


def write_exec_plugin(path, section, command):
    """Writes the configuration of collectd that OpenWrt's scripts make of a section for its exec plugin."""
    words = " ".join(f'"{word}"' for word in (f"{section['cmduser']}:{section['cmdgroup']}", *command))
    write(path, f"LoadPlugin exec\n<Plugin exec>\n    Exec {words}\n</Plugin>\n")
    return path


def openwrt_plugin(path, section):
    """Writes what OpenWrt makes of its own configuration, in which a command is the name of a script."""
    wrapper = section["cmdline"]
    assert os.access(wrapper, os.X_OK), wrapper
    # As the newer of OpenWrt's /etc/init.d/collectd leave it.
    os.chmod(wrapper, 0o500)
    shutil.chown(wrapper, "nobody", "nogroup")
    return write_exec_plugin(path, section, [wrapper])


def luci_plugin(path, name):
    """Writes what OpenWrt makes of LuCI's configuration, after the manual's commands for a section of contrib/."""
    write("/etc/config/luci_statistics", "config statistics 'collectd_exec'\n\toption enable '0'\n")
    follow(name)
    sections = uci("luci_statistics")
    assert sections["collectd_exec"] == {"type": "statistics", "enable": "1"}, sections
    section = sections[re.fullmatch(r"collectd/luci-(.*)\.uci", name)[1].replace("-", "_")]
    assert section["type"] == "collectd_exec_input", section
    return write_exec_plugin(path, section, section["cmdline"].split())


def answers(port):
    """Whether a server listens."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def get(url):
    with urllib.request.urlopen(url) as response:
        return response.read().decode()


def start_exporter():
    """Starts the node exporter as Debian's service runs it."""
    start("prometheus-node-exporter", user="prometheus", group="prometheus", stderr=subprocess.DEVNULL)
    eventually(lambda: answers(9100), "node exporter")


def is_prometheus_ready():
    """Whether it is started up. Until then it listens, and answers with 503 to whatever it is asked."""
    try:
        get("http://127.0.0.1:9090/-/ready")
    except urllib.error.HTTPError as error:
        assert error.code == 503, error
        return False
    return True


def start_prometheus(rules=""):
    """Starts Prometheus as Debian's service runs it, with the node exporter to scrape and perhaps a file of rules.

    Returns a function that asks its API: path and parameters.
    """
    write(
        "/etc/prometheus/prometheus.yml",
        f"""
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [{rules}]
scrape_configs: [{{job_name: node, static_configs: [{{targets: ["127.0.0.1:9100"]}}]}}]
        """,
    )
    start(
        "prometheus", user="prometheus", group="prometheus", cwd="/var/lib/prometheus", stderr=subprocess.DEVNULL
    )
    eventually(lambda: answers(9090) and is_prometheus_ready(), "Prometheus")

    def api(path, **parameters):
        return json.loads(get(f"http://127.0.0.1:9090/api/v1/{path}?{urllib.parse.urlencode(parameters)}"))["data"]

    return api


def advice(alert):
    """The commands in the description of an alert of contrib/prometheus/network-connections.rules.yml."""
    rules = contrib("prometheus/network-connections.rules.yml")
    rule = re.search(rf"- alert: {alert}\n(.*?)(\n\n|\Z)", rules, re.DOTALL)[1]
    return re.findall("`(.*?)`", " ".join(rule.split("description:")[1].split()))


def counts(**others):
    """The counts of all tables and states: zero but for some, as tcp4_ESTABLISHED=7."""
    result = {(table, state): 0 for table in TABLES for state in STATES}
    for name, number in others.items():
        result[tuple(name.split("_", 1))] = number
    return result


def procfs(path, numbers):
    """Makes a procfs directory in which the program finds these numbers of sockets."""
    for table in TABLES:
        address = ":".join(["0100007F" * (4 if table.endswith("6") else 1), "0016"])
        rows = ["  sl  local_address rem_address   st\n"]
        for state, code in STATES.items():
            for _ in range(numbers.get((table, state), 0)):
                row = f"{len(rows):4d}: {address} {address} {code} 00000000:00000000 00:00000000 00000000"
                rows.append(f"{row}     0        0 1 1 0000000000000000 100 0 0 10 0".ljust(149) + "\n")
        write(f"{path}/net/{table.removesuffix('4')}", "".join(rows))
    return path


def distinct(first):
    """Counts that are all different, so that none can stand for another."""
    return dict(zip(counts(), range(first, first + len(counts()))))


def connect(family, number, half_closed=0):
    """Opens TCP connections, and closes one end of some. Returns what keeps them open.

    Both ends are sockets of the sandbox: one is ESTABLISHED as the other is, or CLOSE_WAIT and FIN_WAIT2.
    """
    server = socket.create_server(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0), family=family)
    ends = []
    for n in range(number + half_closed):
        client = socket.create_connection(server.getsockname()[:2])
        if n >= number:
            client.shutdown(socket.SHUT_WR)
        ends += [client, server.accept()[0]]
    return server, ends
