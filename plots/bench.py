"""Draws the README's tables of benchmarks: bench.py README SVG

scripts/bench has measured and printed these tables. Each row of the picture is
a command. Each dot is the command's CPU time for a number of sockets or tracked
connections.
"""

import re
import sys

import matplotlib

matplotlib.use("svg")
# The fixed salt makes the same file each time. Letters are paths, which look
# the same everywhere.
matplotlib.rcParams.update({"svg.hashsalt": "network-connections", "svg.fonttype": "path", "font.size": 9})
from matplotlib import pyplot, ticker  # noqa: E402

OURS = "network-connections"
# The colours of the dots, from the smallest number to the largest, for the
# program and for other commands.
COLOURS = {True: ["#9ecae9", "#4292c6", "#08519c"], False: ["#d0d0d0", "#a0a0a0", "#5f5f5f"]}
# Notes on commands that do less than count sockets by state.
NOTES = {"floor": "  (only reads)", "ss -s": "  (sums, few states)"}
INK, FAINT = "#24292f", "#e4e6e9"


def tables(text):
    """Yields each table with columns such as `1,000 sockets (ms)`.

    A table is the kind of its objects, the numbers of objects, and the CPU
    times of each command.
    """
    for block in re.findall(r"(?:^ *\|.*\n)+", text, re.MULTILINE):
        lines = block.splitlines()
        head, _, *rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines]
        columns = {at: re.fullmatch(r"([\d,]+) (\w+) \(ms\)", name) for at, name in enumerate(head)}
        columns = {at: match for at, match in columns.items() if match}
        if columns:
            (kind,) = {match[2] for match in columns.values()}
            # A cell is `elapsed time / CPU time`.
            yield kind, [match[1] for match in columns.values()], {
                row[0].strip("`"): [float(row[at].split("/")[1]) for at in columns] for row in rows
            }


def draw(axes, kind, numbers, times):
    """Draws a table, with the fastest command at the top."""
    shades = {ours: colours[-len(numbers) :] for ours, colours in COLOURS.items()}
    commands = sorted(times, key=lambda command: -times[command][-1])
    for row, command in enumerate(commands):
        ours = command.startswith(OURS)
        if ours:
            axes.axhspan(row - 0.42, row + 0.42, color="#eef5fc", linewidth=0)
        dots = times[command]
        axes.plot([min(dots), max(dots)], [row, row], color=shades[ours][0], linewidth=2, zorder=1)
        axes.scatter(dots, [row] * len(dots), color=shades[ours], s=34, zorder=2)
        note = next((note for start, note in NOTES.items() if command.startswith(start)), "")
        axes.annotate(
            f"{dots[-1]:g}{note}", (dots[-1], row), (7, 0), textcoords="offset points", va="center",
            color=shades[ours][-1], fontweight="bold" if ours else "normal",
        )  # fmt: skip
    axes.set_yticks(range(len(commands)), commands)
    axes.tick_params(which="both", length=0, labelcolor=INK)
    for label in axes.get_yticklabels():
        if label.get_text().startswith(OURS):
            label.set(color=COLOURS[True][-1], fontweight="bold")
    axes.set_ylim(-0.6, len(commands) - 0.4)
    axes.set_title({"sockets": "Sockets", "entries": "Tracked connections"}[kind], loc="left", fontsize=10,
                   fontweight="bold", color=INK)  # fmt: skip
    handles = [axes.scatter([], [], color=colour, s=34) for colour in shades[False]]
    axes.legend(
        handles, [*numbers[:-1], f"{numbers[-1]} {kind}"], loc="lower right", bbox_to_anchor=(1, 1),
        ncols=len(numbers), frameon=False,
        handletextpad=0.1, columnspacing=1, borderpad=0, labelcolor=INK,
    )  # fmt: skip


def main():
    readme, svg = sys.argv[1:]
    with open(readme) as file:
        found = list(tables(file.read()))
    kinds = [kind for kind, _, _ in found]
    assert kinds == ["sockets", "entries"], f"expected a table of sockets and one of entries, not {kinds}"
    figure, parts = pyplot.subplots(
        len(found), 1, figsize=(9, 5), sharex=True, layout="constrained",
        height_ratios=[len(times) + 1 for _, _, times in found],
    )  # fmt: skip
    for axes, (kind, numbers, times) in zip(parts, found):
        draw(axes, kind, numbers, times)
        axes.set_xscale("log")
        axes.grid(axis="x", color=FAINT, linewidth=0.8)
        axes.set_axisbelow(True)
        axes.spines[:].set_visible(False)
    parts[-1].set_xlim(0.7, 1400)
    parts[-1].xaxis.set_major_formatter(ticker.FormatStrFormatter("%g ms"))
    figure.supxlabel("CPU time of one run (log scale; further left is better)", fontsize=9, color=INK)
    figure.savefig(svg, metadata={"Date": None, "Creator": None}, facecolor="white", bbox_inches="tight")


main()
