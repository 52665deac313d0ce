"""Tests the queries of the dashboard for Grafana with a real Prometheus.

Grafana itself does not run, because Debian has no package of Grafana.
scripts/lint checks the dashboard against Grafana's types.
"""

import json
import os
import re
import time
import unittest

from support import (
    EXPORTED, PROJECT, install_as_documented, make_distinct_counts, read_contrib, run_program, start_exporter,
    start_prometheus, sum_counts, wait_for, write_procfs,
)  # fmt: skip

TRACKED = f"{PROJECT}/tests/fixtures/conntrack/6.18"
INSTANCE = "127.0.0.1:9100"

# The keys whose counts a panel shows, by the panel's row and title. The values
# of the panel's first query add up to the sum of these counts.
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
        sockets = write_procfs("/mnt/sockets", make_distinct_counts(1))
        cls.sources = {"Sockets": [sockets], "Tracked connections": ["--conntrack", TRACKED]}
        for name, arguments in ("connections", [sockets]), ("conntrack", ["--conntrack", TRACKED]):
            run_program("-f", "prometheus", "-o", f"{EXPORTED}/network-{name}.prom", *arguments)
        start_exporter()
        cls.api = staticmethod(start_prometheus(install_as_documented("prometheus/network-connections.rules.yml")))
        wait_for(lambda: cls.ask("network_connections") and cls.ask("network_conntrack_states"), "series")

        cls.dashboard = json.loads(read_contrib("grafana/network-connections.json"))
        cls.panels = {}
        for panel in cls.dashboard["panels"]:
            if panel["type"] == "row":
                row = panel["title"].split(" (")[0]
            else:
                assert (row, panel["title"]) not in cls.panels, panel
                cls.panels[row, panel["title"]] = panel

    @classmethod
    def ask(cls, query, instance=INSTANCE):
        """Returns the current values of a query, as pairs of labels and value."""
        query = query.replace("$instance", instance)
        return [(series["metric"], float(series["value"][1])) for series in cls.api("query", query=query)["result"]]

    def normalise(self, query):
        """Returns a query in the format of Prometheus, to compare queries.

        The result selects all instances, and has no spaces.
        """
        query = re.sub(r'instance="\$instance"(, )?', "", query)
        return re.sub(r"\s|{}", "", self.api("format_query", query=query))

    def sum_counts(self, row, keys):
        """Returns the sum of the counts for some keys, from a row's source."""
        return sum_counts(keys, *self.sources[row])

    def test_panels_show_the_counts_of_only_the_chosen_instance(self):
        for (row, title), panel in self.panels.items():
            for target in panel["targets"]:
                with self.subTest(row=row, title=title, expr=target["expr"]):
                    found = self.ask(target["expr"])
                    self.assertTrue(found)
                    for label in re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]):
                        self.assertTrue(all(label in labels for labels, _ in found), label)
                    self.assertEqual(self.ask(target["expr"], "other"), [])
                    self.assertEqual(target["expr"].count('{instance="$instance"'), target["expr"].count("{"))
                    # Grafana sends a query for a range.
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
                    replied = self.sum_counts(row, ["all"]) - self.sum_counts(row, ["all.UNREPLIED"])
                    self.assertAlmostEqual(total, replied / self.sum_counts(row, ["table.limit"]))
                else:
                    self.assertEqual(total, self.sum_counts(row, PANELS[row, title]))

    def test_instance_variable_lists_the_instances(self):
        variables = {variable["name"]: variable for variable in self.dashboard["templating"]["list"]}
        self.assertEqual(list(variables), ["datasource", "instance"])
        query = variables["instance"]["query"]["query"]
        selector, label = re.fullmatch(r"label_values\((.*), (\w+)\)", query).groups()
        self.assertEqual(self.api(f"label/{label}/values", **{"match[]": selector}), [INSTANCE])
        # Some devices count only tracked connections, others only sockets.
        names = ["network_connections", "network_conntrack_entries"]
        self.assertEqual(self.api("label/__name__/values", **{"match[]": selector}), names)

    def test_alert_thresholds_are_lines_or_colours_of_panels(self):
        alerts = {}
        for group in self.api("rules")["groups"]:
            for rule in group["rules"]:
                query = self.normalise(rule["query"])
                threshold = re.fullmatch(r"(.*?)>([\d.]+)(>(.*))?", query)
                if not threshold:
                    self.assertRegex(rule["name"], "Missing$")
                    continue
                for file in ["connections", "conntrack"] if "mtime" in query else [None]:
                    expr = threshold[1].replace("(connections|conntrack)", str(file))
                    alerts.setdefault(expr, []).append((float(threshold[2]), rule["name"]))
                if threshold[4]:
                    panel = self.panels["Tracked connections", "Half-open (SYN_SENT and SYN_RECV)"]
                    self.assertEqual(self.normalise(panel["targets"][1]["expr"]), threshold[4])
        seen = set()
        for key, panel in self.panels.items():
            steps = panel["fieldConfig"]["defaults"].get("thresholds", {"steps": []})["steps"]
            values = [step["value"] for step in steps if step["value"] is not None]
            if not values:
                continue
            with self.subTest(panel=key):
                (expr,) = {self.normalise(target["expr"]) for target in panel["targets"]} & alerts.keys()
                self.assertEqual(values, [threshold for threshold, _ in alerts[expr]])
                for _, name in alerts[expr]:
                    self.assertIn(name, panel["description"])
                seen.add(expr)
        self.assertEqual(seen, alerts.keys())

    def test_dashboard_names_no_grafana_and_no_panels_overlap(self):
        # The dashboard has no identifiers of the Grafana that exported it, its
        # panels use the data source that the user chooses, and none overlap.
        for key in "id", "uid", "version":
            self.assertNotIn(key, self.dashboard)
        ids, cells = set(), set()
        for panel in self.dashboard["panels"]:
            self.assertNotIn(panel["id"], ids)
            ids.add(panel["id"])
            area = panel["gridPos"]
            self.assertLessEqual(area["x"] + area["w"], 24)
            covered = {(area["x"] + x, area["y"] + y) for x in range(area["w"]) for y in range(area["h"])}
            self.assertFalse(cells & covered, panel["title"])
            cells |= covered
            if panel["type"] != "row":
                self.assertEqual(panel["datasource"], {"type": "prometheus", "uid": "${datasource}"})


if __name__ == "__main__":
    unittest.main()
