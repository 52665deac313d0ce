"""Helpers for the tests of monitoring systems, which run as root in the sandbox."""

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

# The tests change the configuration in /etc and start daemons.
if socket.gethostname() != "sandbox":
    sys.exit("not in the sandbox (expected scripts/test/monitors to run this file)")

PROGRAM = "/usr/bin/network-connections"
PROJECT = os.path.join(os.path.dirname(__file__), "../..")
MANUAL = f"{PROJECT}/docs/monitors.md"
README = f"{PROJECT}/README.md"
# The directory whose *.prom files Debian's node exporter serves.
EXPORTED = "/var/lib/prometheus/node-exporter"

TABLES = ["tcp4", "tcp6", "udp4", "udp6"]
# The kernel's number of each state (include/net/tcp_states.h). The program
# counts every other number, such as 0D, as UNKNOWN.
STATES = {
    "ESTABLISHED": "01", "SYN_SENT": "02", "SYN_RECV": "03", "FIN_WAIT1": "04",
    "FIN_WAIT2": "05", "TIME_WAIT": "06", "CLOSE": "07", "CLOSE_WAIT": "08",
    "LAST_ACK": "09", "LISTEN": "0A", "CLOSING": "0B", "UNKNOWN": "0D",
}  # fmt: skip


def read_contrib(name):
    """Returns the text of a file below contrib/.

    The manual must link to the file.
    """
    with open(MANUAL) as manual:
        assert f"](../contrib/{name})" in manual.read(), f"expected a link to contrib/{name} in {MANUAL}"
    return read(f"{PROJECT}/contrib/{name}")


def installed_path(name):
    """Returns the path that the first comment of a file of contrib/ names."""
    return re.match(r"(#!.*\n)?# (/\S+)\n", read_contrib(name))[2]


def install_as_documented(name, page=MANUAL):
    """Installs a file of contrib/ with the commands that a page documents.

    Runs the only block of commands that names the file, and returns the path
    of the installed file, which the commands must have changed.
    """
    path = installed_path(name)
    blocks = re.findall(r"^```sh\n(.*?)^```$", read(page), re.DOTALL | re.MULTILINE)
    blocks = [block for block in blocks if re.search(rf"\bcontrib/{re.escape(name)}\s", block)]
    assert len(blocks) == 1, f"{page} has {len(blocks)} blocks of commands for contrib/{name} (expected 1)"
    write_fake_commands()
    before = read(path)
    environment = {**os.environ, "PATH": f"{COMMANDS}:{os.environ['PATH']}"}
    subprocess.run(["sh", "-eu", "-c", blocks[0]], cwd=PROJECT, env=environment, check=True)
    assert read(path) != before, f"expected these commands to change {path}:\n{blocks[0]}"
    return path


def read_service(name):
    """Returns the settings of a systemd service of contrib/."""
    # A unit repeats keys, which `strict` would reject.
    unit = configparser.ConfigParser(interpolation=None, strict=False)
    unit.optionxform = str
    unit.read_string(read_contrib(name))
    return unit["Service"]


def service_command(name):
    """Returns the command of a systemd service of contrib/."""
    return shlex.split(read_service(name)["ExecStart"])


# Makes every mount read-only whose path the regular expression $1 matches, and
# the regular expression $2 does not match.
READ_ONLY = """
read_only() {
    cut -d ' ' -f 5 /proc/self/mountinfo | grep -Ex "$1" | grep -vEx "$2" | while read -r path; do
        # Another mount hides some of the paths.
        ! mountpoint --quiet "$path" || mount -o remount,bind,ro "$path"
    done
}
"""
# What systemd does for a setting of a service, in a mount namespace.
PROTECTIONS = {
    ("ProtectProc", "invisible"): "mount -t proc -o hidepid=invisible proc /proc",
    ("ProtectHome", "yes"): "for path in /home /root; do mount -t tmpfs -o ro tmpfs $path; done",
    ("ProtectKernelTunables", "yes"): """
        for path in /proc/sys $(find /proc -maxdepth 1 -name sysrq-trigger); do
            mount --bind $path $path
            mount -o remount,bind,ro $path
        done
        read_only '/sys(/.*)?' '/sys/fs/cgroup(/.*)?'
    """,
    ("ProtectControlGroups", "yes"): "read_only '/sys/fs/cgroup(/.*)?' ''",
    ("ProtectSystem", "strict"): """
        mount --bind $writable $writable
        read_only '/.*' "(/dev|/proc|/sys)(/.*)?|$writable"
    """,
    ("PrivateTmp", "yes"): "for path in /tmp /var/tmp; do mount -t tmpfs tmpfs $path; done",
}


def protect_as_service(name, *command):
    """Returns a command that runs another one as protected as a service.

    It imitates the settings of the service that mount file systems, and the
    settings of capabilities and the umask. systemd also installs filters of
    system calls.
    """
    service = read_service(name)
    script = [f"set -eu; writable={service['ReadWritePaths']}", READ_ONLY]
    script += [text for (key, value), text in PROTECTIONS.items() if service.get(key) == value]
    script += [f"umask {service.get('UMask', '0022')}", 'exec "$@"']
    assert (service["CapabilityBoundingSet"], service["NoNewPrivileges"]) == ("", "yes")
    restrict = ["setpriv", "--bounding-set=-all", "--no-new-privs"]
    return ["unshare", "--mount", "bash", "-c", "\n".join(script), "bash", *restrict, *command]


# The directory of the fake commands, first in PATH.
COMMANDS = "/mnt/commands"


def write_fake_commands():
    """Writes the commands that replace real ones while the manual's run.

    `ssh` and `scp` reach this sandbox instead of a router. The commands that
    would start a service do nothing, because a test starts the service.
    """
    for path, text in {
        f"{COMMANDS}/ssh": 'shift\nexec busybox sh -c "$*"',
        f"{COMMANDS}/scp": '[ "$1" = -O ]\nexec cp "$2" "${3#root@192.168.1.1:}"',
        # By default uci keeps uncommitted changes in /tmp, which the sandbox
        # shares with the machine.
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


def read_uci(package):
    """Reads a file of /etc/config with OpenWrt's uci.

    Returns a dictionary for each section, by name: the value of each option,
    and the type of the section as `type`.
    """
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
    """Returns the text of a file, or an empty string if the file is missing."""
    try:
        with open(path) as file:
            return file.read()
    except FileNotFoundError:
        return ""


def run_program(*arguments, **options):
    """Runs the program, and returns its output."""
    return subprocess.run(
        [PROGRAM, *arguments], stdout=subprocess.PIPE, text=True, check=True, **options
    ).stdout


def sum_counts(keys, *arguments):
    """Returns the sum of the program's counts for some keys."""
    options = [word for key in keys for word in ("-q", key)]
    return sum(map(int, run_program(*options, *arguments).split()))


def run_as(user, command, **options):
    """Runs a command as a user with no supplementary group.

    Returns the output of the command.
    """
    return subprocess.run(
        command, user=user, group=user, extra_groups=[], stdout=subprocess.PIPE, text=True, check=True, **options
    ).stdout


def read_zabbix_value(configuration, key):
    """Returns the value of a key that `zabbix_agentd -t` prints.

    The agent runs as its own user, zabbix.
    """
    output = run_as("zabbix", ["zabbix_agentd", "-c", configuration, "-t", key])
    return re.fullmatch(rf"{re.escape(key)} +\[t\|(.*)\]\n", output, re.DOTALL)[1]


# All processes that `start` started.
started = []


def start(*command, **options):
    """Starts a process. The process ends with the sandbox at the latest."""
    print("$", *command, flush=True)
    started.append(subprocess.Popen(command, **options))
    return started[-1]


def wait_for(find, what, seconds=120):
    """Calls a function until the result is true, and returns the result.

    The time limit allows for a busy machine. The wait fails early if a started
    process has failed, because the result may depend on that process.
    """
    end = time.monotonic() + seconds
    while not (result := find()):
        for process in started:
            if process.poll() not in (None, 0, -signal.SIGKILL):
                raise AssertionError(f"expected {what}, but {process.args} ended with {process.returncode}")
        if time.monotonic() > end:
            raise AssertionError(f"expected {what} within {seconds} seconds")
        time.sleep(0.05)
    return result


def start_collectd(directory, interval, plugins):
    """Starts collectd with a file that configures plugins.

    collectd writes its values as CSV below the directory.
    """
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


def read_collectd_csv(directory):
    """Reads the CSV files that collectd wrote below a directory.

    Returns a list of pairs (time, number) for each value, by name.
    """
    result = {}
    for path in glob.glob(f"{directory}/csv/**/*", recursive=True):
        if os.path.isfile(path):
            match = re.fullmatch(r"(.*)-\d{4}-\d\d-\d\d", os.path.relpath(path, f"{directory}/csv"))
            assert match, path
            with open(path) as file:
                rows = list(csv.reader(file))[1:]
            # collectd starts a new file for each value at midnight.
            result.setdefault(match[1], []).extend((float(time), float(number)) for time, number in rows)
    return result


# COLLECTD_INTERVAL, and the interval that a script of contrib/ for collectd
# passes on. None stands for an unset variable. The program rejects the text of
# an invalid interval.
INTERVALS = {
    None: 10, "": 10,
    "30.000": 30, "10": 10, "60.": 60, "1.999": 1, "86400.000": 86400,
    "0.500": 1, ".5": 1, "0.000": 1, "0": 1, "00.9": 1,
    "abc": "abc", "10.x": "10.x", "x.10": "x.10", "1.2.3": "1.2.3", ".": ".", "-1.5": "-1.5", "-0.5": "-0.5",
    "1e3": "1e3", "nan": "nan", " 5": " 5", "5 -o /mnt/written": "5 -o /mnt/written", "*": "*", "86401": "86401",
}  # fmt: skip


def read_first_line(shell, wrapper, interval):
    """Returns the first line that a script of contrib/ for collectd prints.

    A shell runs the script as OpenWrt's collectd would. The line may be an
    error message.
    """
    environment = {"COLLECTD_HOSTNAME": "router"}
    if interval is not None:
        environment["COLLECTD_INTERVAL"] = interval
    process = subprocess.Popen(
        [*shell, f"{PROJECT}/contrib/{wrapper}"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env=environment,
    )  # fmt: skip
    line = process.stdout.readline()
    process.kill()
    process.wait()
    process.stdout.close()
    return line


def assert_passes_on_intervals(wrapper, value):
    """Asserts that a script of contrib/ for collectd passes on each interval.

    `value` is a regular expression for the name of the first value. Debian's
    and OpenWrt's shells run the script.
    """
    for shell in ["busybox", "sh"], ["dash"]:
        for interval, expected in INTERVALS.items():
            form = rf'PUTVAL "router/{value}" interval={expected} N:\d+\n'
            if isinstance(expected, str):
                form = rf"network-connections: invalid SECONDS '{re.escape(expected)}' \(expected a number .*\n"
            line = read_first_line(shell, wrapper, interval)
            assert re.fullmatch(form, line), f"{shell}, {wrapper}, interval {interval!r}: {line!r} (expected {form})"


def write_exec_plugin(path, section, command):
    """Writes the configuration of collectd's exec plugin for a section.

    OpenWrt's scripts generate the same configuration from the section.
    """
    words = " ".join(f'"{word}"' for word in (f"{section['cmduser']}:{section['cmdgroup']}", *command))
    write(path, f"LoadPlugin exec\n<Plugin exec>\n    Exec {words}\n</Plugin>\n")
    return path


def write_openwrt_plugin(path, section):
    """Writes the exec plugin for a section of OpenWrt without LuCI.

    The command of such a section is the path of a script, without arguments.
    """
    wrapper = section["cmdline"]
    assert os.access(wrapper, os.X_OK), wrapper
    # Newer versions of OpenWrt's /etc/init.d/collectd set this mode and owner.
    os.chmod(wrapper, 0o500)
    shutil.chown(wrapper, "nobody", "nogroup")
    return write_exec_plugin(path, section, [wrapper])


def write_luci_plugin(path, name):
    """Writes the exec plugin for a section of LuCI's configuration.

    The manual's commands add the section, which is a file of contrib/.
    """
    write("/etc/config/luci_statistics", "config statistics 'collectd_exec'\n\toption enable '0'\n")
    install_as_documented(name)
    sections = read_uci("luci_statistics")
    assert sections["collectd_exec"] == {"type": "statistics", "enable": "1"}, sections
    section = sections[re.fullmatch(r"collectd/luci-(.*)\.uci", name)[1].replace("-", "_")]
    assert section["type"] == "collectd_exec_input", section
    return write_exec_plugin(path, section, section["cmdline"].split())


def has_conntrack_table():
    """Returns whether the kernel shows the table of tracked connections.

    Ubuntu's kernel does not (CONFIG_NF_CONNTRACK_PROCFS).
    """
    return os.path.exists("/proc/net/nf_conntrack")


def is_listening(port):
    """Returns whether a server accepts connections on a port."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def get(url):
    with urllib.request.urlopen(url) as response:
        return response.read().decode()


def start_exporter():
    """Starts the node exporter the way Debian's service runs it."""
    start("prometheus-node-exporter", user="prometheus", group="prometheus", stderr=subprocess.DEVNULL)
    wait_for(lambda: is_listening(9100), "node exporter")


def is_prometheus_ready():
    """Returns whether Prometheus has started up.

    Until then Prometheus listens, and answers every request with 503.
    """
    try:
        get("http://127.0.0.1:9090/-/ready")
    except urllib.error.HTTPError as error:
        assert error.code == 503, error
        return False
    return True


def start_prometheus(rules=""):
    """Starts Prometheus the way Debian's service runs it.

    Prometheus scrapes the node exporter, and evaluates a file of rules if one
    is given. Returns a function that queries the API of Prometheus.
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
    wait_for(lambda: is_listening(9090) and is_prometheus_ready(), "Prometheus")

    def api(path, **parameters):
        return json.loads(get(f"http://127.0.0.1:9090/api/v1/{path}?{urllib.parse.urlencode(parameters)}"))["data"]

    return api


def advised_commands(alert):
    """Returns the commands that the description of an alert recommends."""
    rules = read_contrib("prometheus/network-connections.rules.yml")
    rule = re.search(rf"- alert: {alert}\n(.*?)(\n\n|\Z)", rules, re.DOTALL)[1]
    return re.findall("`(.*?)`", " ".join(rule.split("description:")[1].split()))


def make_counts(**others):
    """Returns the counts of all tables and states.

    An argument such as tcp4_ESTABLISHED=7 sets one count. All others are zero.
    """
    result = {(table, state): 0 for table in TABLES for state in STATES}
    for name, number in others.items():
        result[tuple(name.split("_", 1))] = number
    return result


def write_procfs(path, numbers):
    """Writes a procfs directory with this number of sockets of each kind."""
    for table in TABLES:
        address = ":".join(["0100007F" * (4 if table.endswith("6") else 1), "0016"])
        rows = ["  sl  local_address rem_address   st\n"]
        for state, code in STATES.items():
            for _ in range(numbers.get((table, state), 0)):
                row = f"{len(rows):4d}: {address} {address} {code} 00000000:00000000 00:00000000 00000000"
                rows.append(f"{row}     0        0 1 1 0000000000000000 100 0 0 10 0".ljust(149) + "\n")
        write(f"{path}/net/{table.removesuffix('4')}", "".join(rows))
    return path


def make_distinct_counts(first):
    """Returns counts that all differ, from `first` up.

    A program that swaps two counts therefore fails the test.
    """
    return dict(zip(make_counts(), range(first, first + len(make_counts()))))


def open_connections(family, number, half_closed=0):
    """Opens TCP connections, and more that are half closed.

    Returns the server and all ends, which the caller keeps to keep them open.
    Both ends are sockets of the sandbox. The ends of an open connection are
    ESTABLISHED. The ends of a half-closed one are FIN_WAIT2 and CLOSE_WAIT.
    """
    server = socket.create_server(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0), family=family)
    ends = []
    for n in range(number + half_closed):
        client = socket.create_connection(server.getsockname()[:2])
        if n >= number:
            client.shutdown(socket.SHUT_WR)
        ends += [client, server.accept()[0]]
    return server, ends
