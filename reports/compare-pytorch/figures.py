#!/usr/bin/env python3
"""What folders of gradzone compare say, a line each; with --bifurcations POINTS.csv the images of such points of an audit."""
import collections
import csv
import os
import sys


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def counts(values):
    return ", ".join(f"{name} {count}" for name, count in collections.Counter(values).most_common(4))


def describe(folder):
    points = rows(os.path.join(folder, "points.csv"))
    tensors = [row for row in rows(os.path.join(folder, "compare.csv")) if row["tensor"] != "*"]
    bits = sorted(float(row["bits_median"]) for row in tensors if row["bits_median"])
    good = sum(b >= 15 for b in bits)
    ok = [float(row["budget_share"]) for row in tensors if row["judgement"] == "ok"]
    flagged = [f"{row['tensor']}: {row['reason'].split(',')[0]}" for row in tensors if row["judgement"] != "ok"]
    print(f"{os.path.basename(folder)}: zones {counts(row['zone'] for row in points)}; choice {counts(row['choice'] for row in points)}; "
          f"points {counts(row['judgement'] for row in points)}; 15 bits or more {good} of {len(bits)} tensors, median {bits[len(bits) // 2]:.1f}; "
          f"largest share of the budget, of tensors that are ok, {max(ok):.2f}; flagged: {counts(flagged) or 'none'}")


if sys.argv[1] == "--bifurcations":
    print(",".join(row["first"] for row in rows(sys.argv[2]) if row["zone"] == "bifurcation"))
else:
    for folder in sys.argv[1:]:
        describe(folder)
