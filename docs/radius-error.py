#!/usr/bin/env python3
"""Draws radius against true error: radius-error.py TABLE.csv PICTURE.svg (Debian: python3-matplotlib).

The table is what the law test FastRadius writes to the file GRADZONE_RADIUS_CSV."""

import csv
import math
import statistics
import sys

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams["svg.hashsalt"] = "gradzone"  # the same bytes every time
matplotlib.rcParams["svg.fonttype"] = "none"
import matplotlib.pyplot as plt

if len(sys.argv) != 3:
    sys.exit(__doc__)
with open(sys.argv[1], newline="") as table:
    rows = [(float(r["log2_error"]), float(r["log2_radius"])) for r in csv.DictReader(table)]
points = [(e, r) for e, r in rows if e != -math.inf]
exact = len(rows) - len(points)
error, radius = zip(*points)
median = statistics.median(r - e for e, r in points)

low, high = min(error) - 4, max(radius) + 4
figure, axes = plt.subplots(figsize=(6.4, 5.2))
bins = axes.hexbin(error, radius, gridsize=100, extent=(low, high, low, high), bins="log", mincnt=1, cmap="viridis",
                   linewidths=0)
figure.colorbar(bins, label="entries")
axes.plot((low, high), (low, high), "k-", label="radius = error")
axes.plot((low, high), (low + 20, high + 20), "r--", label="radius = 2$^{20}$ error")
axes.set(xlim=(low, high), ylim=(low, high), aspect="equal",
         xlabel="log$_2$ of true error / largest entry", ylabel="log$_2$ of radius / largest entry",
         title=f"{len(points)} gradient entries with errors ({exact} exact ones not shown):\n"
               f"the median radius is 2$^{{{median:.1f}}}$ times the error")
axes.legend(loc="lower right")
figure.savefig(sys.argv[2], bbox_inches="tight", metadata={"Date": None})
