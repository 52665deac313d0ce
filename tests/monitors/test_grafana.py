"""A real Prometheus answers each query of the dashboard, with the numbers that its panel is for.

Grafana itself isn't in Debian. scripts/lint checks by Grafana's types that it can read the dashboard.
"""

import json
import os
import re
import time
import unittest

from support import (
    EXPORTED, PROJECT, contrib, count, distinct, eventually, follow, procfs, run, start_exporter, start_prometheus,
)  # fmt: skip

TRACKED = f"{PROJECT}/tests/fixtures/conntrack/6.18"
INSTANCE = "127.0.0.1:9100"

# What the program counts has to be the sum of what a panel's first query finds, by the panel's row and title.
PANELS = {
    ("Sockets", "Established"): ["tcp.ESTABLISHED"],
    ("Sockets", "Half-open"): ["tcp.SYN_RECV"],
    ("Sockets", "TIME_WAIT"): ["tcp.TIME_WAIT"],
    ("Sockets", "CLOSE_WAIT that stays"): ["tcp.CLOSE_WAIT"],
    ("Sockets", "UDP"): ["udp"],
    ("Sockets", "TCP by state"): ["tcp"],
    ("Sockets", "By protocol and IP version"): ["all"],
    ("Sockets", "Half-open (SYN_RECV)"): ["tcp.SYN_RECV"],
    ("Sockets", "Closed (TIME_WAIT)"): ["tcp.TIME_WAIT"],
    ("Sockets", "Closed by the peer (CLOSE_WAIT)"): ["tcp.CLOSE_WAIT"],
    ("Tracked connections", "In the table"): ["table.entries"],
    ("Tracked connections", "Limit"): ["table.limit"],
    ("Tracked connections", "Half-open"): ["tcp.SYN_SENT", "tcp.SYN_RECV"],
    ("Tracked connections", "Unreplied"): ["all.UNREPLIED"],
    ("Tracked connections", "The table and its limit"): ["all"],
    ("Tracked connections", "TCP by state"): ["tcp"],
    ("Tracked connections", "By protocol and IP version"): ["all"],
    ("Tracked connections", "Half-open (SYN_SENT and SYN_RECV)"): ["tcp.SYN_SENT", "tcp.SYN_RECV"],
}


class Grafana(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        sockets = procfs("/mnt/sockets", distinct(1))
        cls.sources = {"Sockets": [sockets], "Tracked connections": ["--conntrack", TRACKED]}
        for name, arguments in ("connections", [sockets]), ("conntrack", ["--conntrack", TRACKED]):
            run("-f", "prometheus", "-o", f"{EXPORTED}/network-{name}.prom", *arguments)
        start_exporter()
        cls.api = staticmethod(start_prometheus(follow("prometheus/network-connections.rules.yml")))
        eventually(lambda: cls.ask("network_connections") and cls.ask("network_conntrack_states"), "series")

        cls.dashboard = json.loads(contrib("grafana/network-connections.json"))
        cls.panels = {}
        for panel in cls.dashboard["panels"]:
            if panel["type"] == "row":
                row = panel["title"].split(" (")[0]
            else:
                assert (row, panel["title"]) not in cls.panels, panel
                cls.panels[row, panel["title"]] = panel

    @classmethod
    def ask(cls, query, instance=INSTANCE):
        """What there is now, by labels."""
        query = query.replace("$instance", instance)
        return [(series["metric"], float(series["value"][1])) for series in cls.api("query", query=query)["result"]]

    def plain(self, query):
        """As Prometheus writes it, of all instances and without blanks."""
        query = re.sub(r'instance="\$instance"(, )?', "", query)
        return re.sub(r"\s|{}", "", self.api("format_query", query=query))

    def count(self, row, keys):
        return count(keys, *self.sources[row])

    def test_numbers(self):
        """Each panel shows what the program counts, and nothing of another instance."""
        for (row, title), panel in self.panels.items():
            for target in panel["targets"]:
                with self.subTest(row=row, title=title, expr=target["expr"]):
                    found = self.ask(target["expr"])
                    self.assertTrue(found)
                    for label in re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]):
                        self.assertTrue(all(label in labels for labels, _ in found), label)
                    self.assertEqual(self.ask(target["expr"], "other"), [])
                    self.assertEqual(target["expr"].count('{instance="$instance"'), target["expr"].count("{"))
                    # As Grafana asks for it.
                    now = time.time()
                    query = target["expr"].replace("$instance", INSTANCE)
                    matrix = self.api("query_range", query=query, start=now - 60, end=now, step=15)
                    self.assertEqual(len(matrix["result"]), len(found))
            with self.subTest(row=row, title=title):
                total = sum(number for _, number in self.ask(panel["targets"][0]["expr"]))
                if title == "Age of the counts":
                    file = {"Sockets": "connections", "Tracked connections": "conntrack"}[row]
                    written = os.stat(f"{EXPORTED}/network-{file}.prom").st_mtime
                    self.assertAlmostEqual(total, time.time() - written, delta=5)
                elif title.startswith("Replied to"):
                    replied = self.count(row, ["all"]) - self.count(row, ["all.UNREPLIED"])
                    self.assertAlmostEqual(total, replied / self.count(row, ["table.limit"]))
                else:
                    self.assertEqual(total, self.count(row, PANELS[row, title]))

    def test_instances(self):
        """The variable has the instances that can be chosen."""
        variables = {variable["name"]: variable for variable in self.dashboard["templating"]["list"]}
        self.assertEqual(list(variables), ["datasource", "instance"])
        query = variables["instance"]["query"]["query"]
        selector, label = re.fullmatch(r"label_values\((.*), (\w+)\)", query).groups()
        self.assertEqual(self.api(f"label/{label}/values", **{"match[]": selector}), [INSTANCE])
        # A router may count but what it tracks, and another device but its sockets.
        names = ["network_connections", "network_conntrack_entries"]
        self.assertEqual(self.api("label/__name__/values", **{"match[]": selector}), names)

    def test_alerts(self):
        """What an alert looks at is in a panel, with the same threshold as a line or a colour."""
        alerts = {}
        for group in self.api("rules")["groups"]:
            for rule in group["rules"]:
                query = self.plain(rule["query"])
                threshold = re.fullmatch(r"(.*?)>([\d.]+)(>(.*))?", query)
                if not threshold:
                    self.assertRegex(rule["name"], "Missing$")
                    continue
                for file in ["connections", "conntrack"] if "mtime" in query else [None]:
                    expr = threshold[1].replace("(connections|conntrack)", str(file))
                    alerts.setdefault(expr, []).append((float(threshold[2]), rule["name"]))
                if threshold[4]:
                    panel = self.panels["Tracked connections", "Half-open (SYN_SENT and SYN_RECV)"]
                    self.assertEqual(self.plain(panel["targets"][1]["expr"]), threshold[4])
        seen = set()
        for place, panel in self.panels.items():
            steps = panel["fieldConfig"]["defaults"].get("thresholds", {"steps": []})["steps"]
            values = [step["value"] for step in steps if step["value"] is not None]
            if not values:
                continue
            with self.subTest(panel=place):
                (expr,) = {self.plain(target["expr"]) for target in panel["targets"]} & alerts.keys()
                self.assertEqual(values, [threshold for threshold, _ in alerts[expr]])
                for _, name in alerts[expr]:
                    self.assertIn(name, panel["description"])
                seen.add(expr)
        self.assertEqual(seen, alerts.keys())

    def test_portable(self):
        """Nothing in it is of the Grafana that it was made with, and no panel covers another."""
        for key in "id", "uid", "version":
            self.assertNotIn(key, self.dashboard)
        ids, cells = set(), set()
        for panel in self.dashboard["panels"]:
            self.assertNotIn(panel["id"], ids)
            ids.add(panel["id"])
            place = panel["gridPos"]
            self.assertLessEqual(place["x"] + place["w"], 24)
            covered = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
            self.assertFalse(cells & covered, panel["title"])
            cells |= covered
            if panel["type"] != "row":
                self.assertEqual(panel["datasource"], {"type": "prometheus", "uid": "${datasource}"})


if __name__ == "__main__":
    unittest.main()
