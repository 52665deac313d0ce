"""Draws the dashboard of contrib/ from a recording: dashboard.py RECORDING PNG

This script runs in the sandbox of the tests. A Prometheus with the recording
answers the dashboard's queries. The script implements only the features of
Grafana's panels that the dashboard uses.
"""

import io
import json
import os
import re
import shutil
import sys
import time

import matplotlib

matplotlib.use("agg")
from matplotlib import patches, pyplot, ticker  # noqa: E402
from PIL import Image  # noqa: E402

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../tests/monitors"))
from support import PROJECT, read, start_prometheus  # noqa: E402

# The directory of Debian's Prometheus for its data.
STORED = "/var/lib/prometheus/metrics2"
# The recording is only minutes long, so a window of one minute stands in for
# half an hour.
WINDOWS = {"[30m]": "[1m]"}

# Lengths in pixels of the README, which shows the picture 900 pixels wide. The
# picture itself is SCALE times larger.
WIDTH, UNIT, GAP, EDGE = 900, 22, 6, 10
SCALE = 2
TITLE, TEXT, NUMBER = 10.5, 9, 24

# The colours of Grafana's dark theme that the dashboard uses.
CANVAS, PANEL, BORDER, GRID = "#111217", "#181b1f", "#25272d", "#26292f"
INK, FAINT = "#ccccdc", "#8e8f9c"
COLOURS = {
    "text": INK, "green": "#73bf69", "yellow": "#fade2a", "orange": "#ff9830", "red": "#f2495c", "blue": "#5794f2",
    "purple": "#b877d9",
}  # fmt: skip
SHADES = [1, 0.75, 0.55, 0.4, 0.3]


def blend(colour, opacity):
    """Returns the opaque colour that a translucent colour has on a panel."""
    pairs = zip(matplotlib.colors.to_rgb(COLOURS.get(colour, colour)), matplotlib.colors.to_rgb(PANEL))
    return tuple(opacity * front + (1 - opacity) * back for front, back in pairs)


def format_scaled(number, units, factor):
    """Returns a number with the largest unit that it reaches."""
    unit = 0
    while abs(number) >= factor and unit < len(units) - 1:
        number /= factor
        unit += 1
    return f"{number:.3g}{units[unit]}"


# The format of a number, by Grafana's name of the unit.
FORMATS = {
    "short": lambda number: format_scaled(number, ["", " K", " Mil"], 1000),
    "locale": lambda number: f"{number:,.0f}",
    "percentunit": lambda number: f"{100 * number:.3g}%",
    "s": lambda number: f"{number:.0f} s",
}


class Series:
    """One series of a panel.

    A series has values by time, and the panel's settings with the overrides
    that match the series.
    """

    def __init__(self, name, values, config):
        self.name, self.values = name, values
        self.custom = dict(config["defaults"].get("custom", {}))
        color = config["defaults"]["color"]
        for override in config["overrides"]:
            if self.matches(override["matcher"]):
                for property in override["properties"]:
                    kind, _, key = property["id"].partition(".")
                    if kind == "custom":
                        self.custom[key] = property["value"]
                    elif kind == "color":
                        color = property["value"]
                    else:
                        raise KeyError(property)
        self.mode, self.color = color["mode"], color.get("fixedColor")

    def matches(self, matcher):
        """Returns whether a matcher of the dashboard selects this series."""
        options = matcher["options"]
        match matcher["id"]:
            case "byName":
                return self.name == options
            case "byRegexp":
                return re.search(options.strip("/"), self.name) is not None
            case "byValue" if options["reducer"] == "allIsZero":
                return not any(self.values.values())
        raise KeyError(matcher)

    @property
    def is_stacked(self):
        return self.custom.get("stacking", {}).get("mode") == "normal"


class Dashboard:
    """A dashboard, with a Prometheus to query and the figure to draw."""

    def __init__(self, text, api):
        self.api = api
        for window, shorter in WINDOWS.items():
            assert window in text, f"expected the window {window} in a query"
            text = text.replace(window, shorter)
        self.panels = json.loads(text)["panels"]
        (up,) = api("query", query="up[14d]")["result"]
        self.instance = up["metric"]["instance"]
        # Prometheus also scrapes now, in vain. The recording is the time in
        # which the exporter was up.
        recorded = [at for at, value in up["values"] if value == "1"]
        self.begin, self.end = min(recorded), max(recorded)
        rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in self.panels)
        self.height = 2 * EDGE + rows * UNIT
        self.figure = pyplot.figure(figsize=(WIDTH / 72, self.height / 72), dpi=72, facecolor=CANVAS)

    def ask(self, query):
        """Returns the series of a query, as pairs of labels and values by time."""
        query = query.replace("$instance", self.instance)
        found = self.api("query_range", query=query, start=self.begin, end=self.end, step=1)["result"]
        return [(series["metric"], {at: float(value) for at, value in series["values"]}) for series in found]

    def series(self, panel):
        """Returns all series of a panel, with their colours."""
        found = []
        for target in panel["targets"]:
            for labels, values in self.ask(target["expr"]):
                name = re.sub(r"\{\{(\w+)\}\}", lambda match: labels[match[1]], target["legendFormat"])
                found.append(Series(name, values, panel["fieldConfig"]))
        assert found, f"expected series for the panel {panel['title']}"
        shades = {}
        for one in found:
            if one.mode == "shades" and not one.custom.get("hideFrom"):
                shades[one.color] = shades.get(one.color, -1) + 1
                one.color = blend(one.color, SHADES[shades[one.color]])
        return found

    # The methods below take coordinates in pixels from the upper left corner.

    def axes(self, left, top, width, height):
        """Adds axes to the figure."""
        return self.figure.add_axes(
            (left / WIDTH, 1 - (top + height) / self.height, width / WIDTH, height / self.height), facecolor="none"
        )

    def text(self, left, top, text, size=TEXT, color=INK, **options):
        """Adds a text to the figure, centred vertically."""
        return self.figure.text(
            left / WIDTH, 1 - top / self.height, text, fontsize=size, color=color, va="center", **options
        )

    def draw(self):
        """Draws all panels."""
        for panel in self.panels:
            grid = panel["gridPos"]
            column = (WIDTH - 2 * EDGE + GAP) / 24
            left, top = EDGE + grid["x"] * column, EDGE + grid["y"] * UNIT
            width, height = grid["w"] * column - GAP, grid["h"] * UNIT - GAP
            if panel["type"] == "row":
                self.text(left + 2, top + height / 2, f"⌄  {panel['title']}", TITLE + 1, fontweight="bold")
                continue
            box = patches.FancyBboxPatch(
                (left / WIDTH, 1 - (top + height) / self.height), width / WIDTH, height / self.height,
                boxstyle="round,pad=0,rounding_size=0.003", mutation_aspect=WIDTH / self.height,
                facecolor=PANEL, edgecolor=BORDER, linewidth=1, zorder=-1,
            )  # fmt: skip
            self.figure.add_artist(box)
            self.text(left + 9, top + 13, panel["title"], TITLE)
            {"stat": self.stat, "timeseries": self.timeseries}[panel["type"]](panel, left, top, width, height)

    def stat(self, panel, left, top, width, height):
        """Draws a panel with one number, and perhaps a small graph."""
        (one,) = self.series(panel)
        defaults, options = panel["fieldConfig"]["defaults"], panel["options"]
        assert (options["colorMode"], options["reduceOptions"]["calcs"]) == ("value", ["lastNotNull"]), panel
        value = list(one.values.values())[-1]
        color = "text"
        for step in defaults["thresholds"]["steps"]:
            if step["value"] is None or value >= step["value"]:
                color = COLOURS[step["color"]]
        self.text(left + width / 2, top + height * 0.52, FORMATS[defaults["unit"]](value), NUMBER,
                  COLOURS.get(color, color), ha="center")  # fmt: skip
        if options["graphMode"] == "area":
            axes = self.axes(left + 1, top + height * 0.72, width - 2, height * 0.28 - 1)
            axes.axis("off")
            axes.fill_between(list(one.values), list(one.values.values()), color=blend(color, 0.25), linewidth=0)
            axes.plot(list(one.values), list(one.values.values()), color=COLOURS.get(color, color), linewidth=1)
            axes.set(xlim=(self.begin, self.end), ylim=(0, max(*one.values.values(), 1e-9) * 1.1))

    def timeseries(self, panel, left, top, width, height):
        """Draws a panel with a graph."""
        defaults = panel["fieldConfig"]["defaults"]
        found = self.series(panel)
        lines = self.legend(found, left + 10, top + height, width - 20)
        axes = self.axes(left + 42, top + 30, width - 54, height - 30 - 20 - lines * 14 - 4)
        total = {}
        for one in found:
            color, fill = COLOURS.get(one.color, one.color), one.custom["fillOpacity"] / 100
            times = list(one.values)
            base = [total.get(at, 0) if one.is_stacked else 0 for at in times]
            upper = [value + low for value, low in zip(one.values.values(), base)]
            if one.is_stacked:
                total.update(zip(times, upper))
                if not any(one.values.values()):
                    continue
            if fill:
                axes.fill_between(times, base, upper, color=blend(color, fill), linewidth=0, zorder=2)
            style = (0, (4, 3)) if "lineStyle" in one.custom else "solid"
            axes.plot(times, upper, color=color, linewidth=1.2 * one.custom["lineWidth"], linestyle=style, zorder=3)
        highest = axes.get_ylim()[1]
        axes.set(xlim=(self.begin, self.end), ylim=(defaults["min"], defaults.get("max", highest)))
        if "thresholdsStyle" in one.custom:
            for step in defaults["thresholds"]["steps"]:
                if step["color"] != "transparent":
                    axes.axhline(step["value"], color=COLOURS[step["color"]], linewidth=1.2, linestyle=(0, (6, 4)))
        axes.spines[:].set_visible(False)
        axes.grid(color=GRID, linewidth=0.8)
        axes.set_axisbelow(True)
        axes.tick_params(length=0, labelsize=TEXT, labelcolor=FAINT, pad=5)
        axes.yaxis.set_major_locator(ticker.MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
        axes.yaxis.set_major_formatter(lambda number, _: FORMATS[defaults["unit"]](number))
        # A wide panel has a label for each half minute, others for each minute.
        axes.xaxis.set_major_locator(ticker.MultipleLocator(30 if width > WIDTH / 2 else 60))
        axes.xaxis.set_major_formatter(lambda at, _: time.strftime("%H:%M:%S", time.gmtime(at)))

    def legend(self, found, left, bottom, width):
        """Draws the names of the series, in as many lines as they need.

        Returns the number of lines.
        """
        shown = [one for one in found if not one.custom.get("hideFrom", {}).get("legend")]
        renderer = self.figure.canvas.get_renderer()
        lines, used = [[]], 0
        for one in shown:
            label = self.text(0, 0, one.name, color=INK)
            need = label.get_window_extent(renderer).width + 32
            if used + need > width and lines[-1]:
                lines.append([])
                used = 0
            lines[-1].append((left + used, label, one))
            used += need
        for line, labels in enumerate(lines):
            y = bottom - 12 - 14 * (len(lines) - 1 - line)
            for x, label, one in labels:
                style = (0, (2, 1.5)) if "lineStyle" in one.custom else "solid"
                mark = pyplot.Line2D(
                    [x / WIDTH, (x + 13) / WIDTH], [1 - y / self.height] * 2, linewidth=3, linestyle=style,
                    color=COLOURS.get(one.color, one.color), solid_capstyle="round",
                )  # fmt: skip
                self.figure.add_artist(mark)
                label.set_position(((x + 18) / WIDTH, 1 - y / self.height))
        return len(lines)

    def save(self, path):
        """Writes the picture as PNG.

        A palette of 256 colours reduces the file to a third of its size.
        """
        picture = io.BytesIO()
        self.figure.savefig(picture, format="png", dpi=72 * SCALE, facecolor=CANVAS)
        colours = Image.open(picture).convert("RGB").quantize(
            256, Image.Quantize.MAXCOVERAGE, kmeans=3, dither=Image.Dither.NONE
        )
        colours.save(path, "PNG", optimize=True)


def main():
    recording, path = sys.argv[1:]
    shutil.copytree(recording, STORED, dirs_exist_ok=True)
    for directory, _, names in os.walk(STORED):
        for name in [".", *names]:
            shutil.chown(os.path.join(directory, name), "prometheus", "prometheus")
    api = start_prometheus()
    dashboard = Dashboard(read(f"{PROJECT}/contrib/grafana/network-connections.json"), api)
    dashboard.draw()
    dashboard.save(path)


main()
