"""Tests the templates with a Zabbix server: the items, triggers and graphs."""

import itertools
import json
import os
import shutil
import subprocess
import time
import unittest
import urllib.request

from support import (
    PROGRAM, TABLES, install_as_documented, is_listening, make_distinct_counts, read_contrib, run_program, start,
    wait_for, write, write_procfs,
)  # fmt: skip

TEMPLATES = ["Network connections by Zabbix agent", "Network conntrack by Zabbix agent"]
COPY = "/mnt/network-connections"

# The default limits of the template. A trigger fires above its limit.
LIMITS = {"CLOSE_WAIT": 50, "SYN_RECV": 100, "TIME_WAIT": 1500}
# The number of rows of each kind in the table of tracked connections. The
# numbers are such that no two items have the same value.
TRACKED = {
    **{("tcp4", state, "ASSURED"): number for number, state in enumerate(
        "NONE SYN_SENT SYN_RECV ESTABLISHED FIN_WAIT CLOSE_WAIT LAST_ACK TIME_WAIT CLOSE SYN_SENT2 OTHER".split(), 101
    )},
    ("tcp6", "ESTABLISHED", "ASSURED"): 40, ("tcp6", None, "OFFLOAD"): 50,
    ("udp4", "", "UNREPLIED"): 70, ("udp4", "", "REPLIED"): 71, ("udp4", None, "OFFLOAD"): 1,
    ("udp6", "", "UNREPLIED"): 72, ("udp6", None, "HW_OFFLOAD"): 73,
    ("other4", "", "UNREPLIED"): 8, ("other4", "", "REPLIED"): 9,
    ("other6", "", "UNREPLIED"): 10, ("other6", "", "REPLIED"): 11,
}  # fmt: skip
REPLIED = sum(number for (_, _, status), number in TRACKED.items() if status != "UNREPLIED")
# The start of the rows of each group.
ROW_STARTS = {
    "tcp4": "ipv4     2 tcp      6", "tcp6": "ipv6     10 tcp      6",
    "udp4": "ipv4     2 udp      17", "udp6": "ipv6     10 udp      17",
    "other4": "ipv4     2 icmp     1", "other6": "ipv6     10 icmpv6   58",
}  # fmt: skip

# The numbers that a host changes, and the triggers that fire in consequence.
# The unchanged numbers are the limits, and fire nothing.
HOSTS = {
    "limits": ({}, set()),
    "CLOSE_WAIT": (
        {"CLOSE_WAIT": 51, "percent": 81},
        {"Network connections: A program does not close its connections", "Connection tracking table: Fills"},
    ),
    "SYN_RECV": (
        {"SYN_RECV": 101, "percent": 95},
        {"Network connections: Many handshakes are not completed", "Connection tracking table: Fills"},
    ),
    "TIME_WAIT": (
        {"TIME_WAIT": 1501, "percent": 96},
        {"Network connections: Many connections are in TIME_WAIT", "Connection tracking table: Full"},
    ),
    "unlimited": ({"percent": 0}, set()),
    "namespace": ({"percent": None}, set()),
    # setUpClass moves this host's tables away. The test of failures lists the
    # triggers that fire then.
    "fails": ({}, set()),
}


def write_socket_tables(path, changes):
    """Writes socket tables whose numbers are at the limits of the triggers.

    Numbers at the limits fire no trigger. `changes` replaces some of them.
    """
    numbers = make_distinct_counts(201)
    for state, limit in LIMITS.items():
        numbers["tcp6", state] = 20
        numbers["tcp4", state] = changes.get(state, limit) - 20
    write_procfs(path, numbers)


def write_conntrack_table(path, percent):
    """Writes a table of tracked connections, and its limit.

    The connections with a reply are `percent` of the limit. A `percent` of 0
    stands for no limit. Without a `percent`, the limit is missing.
    """
    rows = []
    for (group, state, status), number in TRACKED.items():
        # The row of an offloaded connection has neither a timeout nor a state.
        timeout = "" if state is None else f" 99 {state}"
        shown = "" if status == "REPLIED" else f" [{status}]"
        rows += [f"{ROW_STARTS[group]}{timeout} src=192.0.2.1 dst=198.51.100.1{shown} mark=0 use=2\n"] * number
    write(f"{path}/net/nf_conntrack", "".join(rows))
    os.chmod(f"{path}/net/nf_conntrack", 0o440)
    if percent is not None:
        limit = REPLIED * 100 // percent if percent else 0
        write(f"{path}/sys/net/netfilter/nf_conntrack_max", f"{limit}\n")
        write(f"{path}/sys/net/netfilter/nf_conntrack_count", f"{limit * 99 // 100}\n")


def start_agent(host, port, files):
    """Starts an agent with the files of contrib/.

    The agent's program is a script that counts in the host's own procfs.
    """
    directory = f"/mnt/{host}"
    changes, _ = HOSTS[host]
    write_socket_tables(directory, changes)
    write_conntrack_table(directory, changes.get("percent", 80))
    write(f"{directory}/program", f'#!/bin/sh\nexec {COPY} "$@" {directory}\n')
    os.chmod(f"{directory}/program", 0o755)
    write(
        f"{directory}/agent.conf",
        f"""
        Server=127.0.0.1
        ListenIP=127.0.0.1
        ListenPort={port}
        StartAgents=1
        LogType=console
        PidFile=/mnt/zabbix/{host}.pid
        """.replace("        ", "")
        + "".join(f"Include={file}\n" for file in files),
    )
    command = f"mount --bind {directory}/program {PROGRAM}; exec zabbix_agentd --foreground -c {directory}/agent.conf"
    start("unshare", "--mount", "sh", "-ec", command)


def start_database():
    """Starts MariaDB, in memory, with the database of a new Zabbix."""
    os.makedirs("/mnt/zabbix")
    shutil.chown("/mnt/zabbix", "zabbix", "zabbix")
    as_zabbix = {"user": "zabbix", "group": "zabbix"}
    directory = "--datadir=/mnt/zabbix/database"
    subprocess.run(
        ["mariadb-install-db", "--no-defaults", directory, "--skip-test-db"],
        stdout=subprocess.DEVNULL, check=True, **as_zabbix,
    )  # fmt: skip
    start(
        "mariadbd", "--no-defaults", directory, "--bind-address=127.0.0.1", "--socket=/mnt/zabbix/database.socket",
        "--skip-grant-tables", "--innodb-flush-log-at-trx-commit=0", **as_zabbix,
    )  # fmt: skip
    wait_for(lambda: is_listening(3306), "MariaDB")
    client = "mariadb --no-defaults --host=127.0.0.1"
    create = "CREATE DATABASE zabbix CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
    scripts = "schema.sql.gz images.sql.gz data.sql.gz"
    subprocess.run(
        ["sh", "-ec", f"{client} --execute='{create}'; zcat {scripts} | {client} zabbix"],
        cwd="/usr/share/zabbix-server-mysql", check=True,
    )  # fmt: skip


def start_server():
    """Starts the Zabbix server."""
    # Debian 12's MariaDB is newer than the versions that its Zabbix supports.
    write(
        "/mnt/zabbix_server.conf",
        """
        LogType=console
        PidFile=/mnt/zabbix/server.pid
        SocketDir=/mnt/zabbix
        DBHost=127.0.0.1
        DBName=zabbix
        DBUser=zabbix
        AllowUnsupportedDBVersions=1
        CacheUpdateFrequency=1
        HousekeepingFrequency=0
        StartDiscoverers=0
        StartHTTPPollers=0
        StartPingers=0
        """.replace("        ", ""),
    )
    start("zabbix_server", "--foreground", "-c", "/mnt/zabbix_server.conf", user="zabbix", group="zabbix")


def start_frontend():
    """Starts the frontend, which contains the API."""
    write(
        "/etc/zabbix/zabbix.conf.php",
        """<?php
        $DB = ['TYPE' => 'MYSQL', 'SERVER' => '127.0.0.1', 'PORT' => '0', 'DATABASE' => 'zabbix',
            'USER' => 'zabbix', 'PASSWORD' => '', 'SCHEMA' => '', 'ENCRYPTION' => false, 'DOUBLE_IEEE754' => true];
        $IMAGE_FORMAT_DEFAULT = IMAGE_FORMAT_PNG;
        """,
    )
    start("php", "-S", "127.0.0.1:8080", "-t", "/usr/share/zabbix", stderr=subprocess.DEVNULL)
    wait_for(lambda: is_listening(8080), "frontend")


class Api:
    """The API of the frontend. A call sends a request and returns the result."""

    # The session of the user who has logged in.
    session = None

    def __call__(self, method, parameters):
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters, "auth": self.session}
        request = urllib.request.Request(
            "http://127.0.0.1:8080/api_jsonrpc.php",
            json.dumps(request).encode(),
            {"Content-Type": "application/json-rpc"},
        )
        with urllib.request.urlopen(request) as response:
            answer = json.load(response)
        assert "result" in answer, f"{method}: {answer}"
        return answer["result"]


api = Api()


def get_items(host):
    """Returns the items of a host.

    The result is a dictionary of the items with numbers, by key, and a list of
    the items that hold the JSON of the agent, from which the numbers come.
    """
    fields = ["key_", "lastclock", "lastvalue", "state", "error"]
    found = {item["key_"]: item for item in api("item.get", {"host": host, "output": fields})}
    return found, [found.pop(key) for key in ("network.connections.json", "network.conntrack.json")]


def oldest_clock(host):
    """Returns when the item that has waited longest got its last number.

    The result is 0 if an item of the host has no number yet.
    """
    return min(int(item["lastclock"]) for item in get_items(host)[0].values())


def get_problems(host):
    """Returns the descriptions of the triggers that a host has fired."""
    triggers = api("trigger.get", {"host": host, "filter": {"value": 1}, "output": ["description"]})
    return {trigger["description"] for trigger in triggers}


def expected_numbers(host):
    """Returns the numbers of the program for all items, by the items' keys.

    An item's key contains the program's key.
    """
    path = f"/mnt/{host}"
    sockets, tracked = json.loads(run_program(path)), json.loads(run_program("--conntrack", path))
    queries = {
        # Without --all, the program refuses the key tcp.LISTEN. All sockets of
        # the tests have a remote address, so --all changes no number.
        "connections": (["--all"], [
            *(f"tcp.{state}" for state in sockets["tcp"]), "udp.ESTABLISHED", "udp.CLOSE",
            *(f"{table}.ESTABLISHED" for table in TABLES),
        ]),
        "conntrack": (["--conntrack"], [
            *(group for group in tracked if group != "table"),
            *(f"tcp.{state}" for state in tracked["tcp"]["state"]),
            *(f"all.{status}" for status in tracked["all"]["status"]),
            *(f"table.{name}" for name in ("entries", "limit", "percent", "replied_percent")),
        ]),
    }  # fmt: skip
    return {
        f"network.{kind}[{key}]": run_program(*options, "-q", key, path).strip()
        for kind, (options, keys) in queries.items()
        for key in keys
    }


def failure_message(*arguments):
    """Returns the error message of the program."""
    return subprocess.run([PROGRAM, *arguments], stderr=subprocess.PIPE, text=True).stderr.strip()


class ZabbixTemplate(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        start_database()
        start_server()
        start_frontend()
        api.session = api("user.login", {"username": "Admin", "password": "zabbix"})
        rules = ["groups", "templates", "items", "triggers", "graphs", "templateDashboards"]
        api("configuration.import", {
            "format": "yaml", "source": read_contrib("zabbix/network-connections.yaml"),
            "rules": {rule: {"createMissing": True, "updateExisting": True} for rule in rules},
        })  # fmt: skip

        files = [install_as_documented(f"zabbix/network-{name}.conf") for name in ("connections", "conntrack")]
        shutil.copy(PROGRAM, COPY)
        ports = dict(zip(HOSTS, itertools.count(20000)))
        for host, port in ports.items():
            start_agent(host, port, files)
        for port in ports.values():
            wait_for(lambda port=port: is_listening(port), "agent")

        cls.templates = api("template.get", {
            "filter": {"host": TEMPLATES}, "output": ["host"], "selectGraphs": ["graphid"],
        })  # fmt: skip
        (group,) = api("hostgroup.get", {"filter": {"name": "Linux servers"}, "output": ["groupid"]})
        # The items update as often as Zabbix can. Zabbix does not notice less
        # than 30 seconds without data.
        macros = {"INTERVAL": "1s", "NODATA": "30s", "CONNTRACK.INTERVAL": "1s", "CONNTRACK.NODATA": "30s"}
        api("host.create", [
            {
                "host": host, "groups": [group],
                "templates": [{"templateid": template["templateid"]} for template in cls.templates],
                "interfaces": [
                    {"type": 1, "main": 1, "useip": 1, "ip": "127.0.0.1", "dns": "", "port": str(port)},
                ],
                "macros": [{"macro": f"{{$NETCONN.{name}}}", "value": value} for name, value in macros.items()],
            }
            for host, port in ports.items()
        ])  # fmt: skip
        wait_for(lambda: oldest_clock("fails"), "numbers")
        os.rename("/mnt/fails/net", "/mnt/fails/gone")
        cls.failed = time.time()

    def test_numbers_match_the_program(self):
        numbers = expected_numbers("limits")
        self.assertEqual(len(set(numbers.values())), len(numbers), numbers)
        wait_for(lambda: oldest_clock("limits"), "numbers")
        self.assertEqual({key: item["lastvalue"] for key, item in get_items("limits")[0].items()}, numbers)

    def test_triggers_fire_only_above_their_limits(self):
        for host, (_, fired) in HOSTS.items():
            if fired:
                wait_for(lambda: get_problems(host), f"problem of {host}")
        start = wait_for(lambda: oldest_clock("limits"), "numbers")
        # Triggers that must not fire have had time to fire by then.
        wait_for(lambda: oldest_clock("limits") > start + 5, "newer numbers")
        for host, (_, fired) in HOSTS.items():
            if host != "fails":
                self.assertEqual(get_problems(host), fired, host)

    def test_third_number_above_the_limit_fires_a_trigger(self):
        first = wait_for(lambda: oldest_clock("unlimited"), "numbers")
        wait_for(lambda: oldest_clock("unlimited") > first + 3, "newer numbers")
        self.addCleanup(write_socket_tables, "/mnt/unlimited", {})
        write_socket_tables("/mnt/unlimited", {"CLOSE_WAIT": 51})
        wait_for(lambda: get_problems("unlimited"), "problem")
        (item,) = api("item.get", {"host": "unlimited", "filter": {"key_": "network.connections[tcp.CLOSE_WAIT]"}})
        history = api("history.get", {"itemids": item["itemid"]})
        over = sorted((int(row["clock"]), int(row["ns"])) for row in history if row["value"] == "51")
        (problem,) = api("problem.get", {"hostids": item["hostid"]})
        self.assertEqual(over.index((int(problem["clock"]), int(problem["ns"]))), 2)

    def test_unlimited_table_is_at_zero_percent(self):
        keys = [f"network.conntrack[table.{name}]" for name in ("limit", "percent", "replied_percent")]
        wait_for(lambda: oldest_clock("unlimited"), "numbers")
        self.assertEqual([get_items("unlimited")[0][key]["lastvalue"] for key in keys], ["0", "0", "0"])

        # Without a known limit, the items of the table are unsupported, and not
        # zero.
        keys.append("network.conntrack[table.entries]")
        wait_for(lambda: all(get_items("namespace")[0][key]["error"] for key in keys), "errors")
        for key, item in get_items("namespace")[0].items():
            if key in keys:
                self.assertEqual((item["state"], item["lastclock"]), ("1", "0"), key)
                self.assertRegex(item["error"], "The table of another network namespace does not show how full")
            else:
                self.assertEqual(item["state"], "0", key)

    def test_failure_fires_triggers_and_adds_no_numbers(self):
        # The error of an item with JSON is the program's message.
        fired = {"Network connections: Not counted", "Tracked connections: Not counted"}
        wait_for(lambda: get_problems("fails") == fired, "problem")
        others, masters = get_items("fails")
        messages = [failure_message("/mnt/fails"), failure_message("--conntrack", "/mnt/fails")]
        self.assertEqual([item["error"].split(" Failed: ")[-1] for item in masters], messages)
        for key, item in others.items():
            self.assertLess(int(item["lastclock"]), self.failed + 5, key)

    def test_dashboards_show_all_graphs(self):
        for template in self.templates:
            (dashboard,) = api("templatedashboard.get", {
                "templateids": template["templateid"], "selectPages": "extend",
            })  # fmt: skip
            shown = {
                field["value"]
                for page in dashboard["pages"]
                for widget in page["widgets"]
                for field in widget["fields"]
                if field["name"] == "graphid"
            }
            self.assertEqual(shown, {graph["graphid"] for graph in template["graphs"]}, template["host"])


if __name__ == "__main__":
    unittest.main()
