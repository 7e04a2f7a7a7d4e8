#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Draws what bench_workspace and bench_experiment measured: plot.py FIGURES.jsonl OUT.svg (or OUT.png). Needs gnuplot."""
import json
import subprocess
import sys

OPERATIONS = ["commit", "branch", "merge", "merge-text", "read"]


def table(rows, columns, cell):
    """A gnuplot data block: one line for each row, `?` where nothing was measured."""
    lines = []
    for row in rows:
        values = [cell(row, column) for column in columns]
        lines.append(" ".join([f'"{row}"'] + ["?" if value is None else f"{value:.6g}" for value in values]))
    return "\n".join(lines)


def names(records, key):
    return list(dict.fromkeys(record[key] for record in records))


def operations_panel(records, shape, block):
    cells = {(r["peer"], r["operation"]): r["p50_us"] for r in records if r.get("shape") == shape and "peer" in r}
    peers = list(dict.fromkeys(peer for peer, _ in cells))
    data = table(OPERATIONS, peers, lambda operation, peer: cells.get((peer, operation)))
    bars = ", ".join(
        f"${block} using {index + 2}:xtic(1) title '{peer}'" if index == 0 else f"${block} using {index + 2} title '{peer}'"
        for index, peer in enumerate(peers)
    )
    return f"""${block} << END
{data}
END
set title "{shape}: median of one operation"
set style data histograms
set style histogram clustered gap 1
set style fill solid 0.9 noborder
set logscale y
set yrange [0.05:*]
set ylabel "microseconds"
set xtics norotate
set key outside right top
plot {bars}
"""


def crowd_panel(records):
    runs = [r for r in records if r.get("phase") == "crowd"]
    ways = names(runs, "way")
    blocks, lines = "", []
    for way in ways:
        points = [(r["agents"], r["commits"] / (r["wall_us"] / 1e6)) for r in runs if r["way"] == way]
        blocks += f"$crowd_{way} << END\n" + "\n".join(f"{agents} {rate:.6g}" for agents, rate in points) + "\nEND\n"
        lines.append(f"$crowd_{way} using 1:2 with linespoints lw 2 pt 7 title '{way}'")
    return f"""{blocks}
set title "agents at once, publishing after every five commits"
set logscale xy
set xlabel "agents"
set ylabel "commits a second"
set xtics auto
plot {", ".join(lines)}
"""


def main():
    if len(sys.argv) != 3 or not sys.argv[2].endswith((".svg", ".png")):
        sys.exit("usage: plot.py FIGURES.jsonl OUT.svg|OUT.png")
    with open(sys.argv[1], encoding="utf-8") as file:
        records = [json.loads(line) for line in file]
    shapes = names([r for r in records if "peer" in r], "shape")
    panels = [operations_panel(records, shape, f"shape_{index}") for index, shape in enumerate(shapes)]
    if any(r.get("phase") == "crowd" for r in records):
        panels.append(crowd_panel(records))
    if not panels:
        sys.exit(f"plot.py: {sys.argv[1]} holds no figures")
    kind = "svg" if sys.argv[2].endswith(".svg") else "pngcairo"
    head = f"""set terminal {kind} size 1100,{380 * len(panels)} font "sans,11" background "white"
set output "{sys.argv[2]}"
set datafile missing "?"
set grid ytics lc rgb "#dddddd"
set multiplot layout {len(panels)},1
"""
    subprocess.run(["gnuplot"], input=head + "\nreset\nset grid ytics lc rgb '#dddddd'\nset datafile missing '?'\n".join(panels) + "unset multiplot\n", text=True, check=True)


main()
