#!/usr/bin/env python3
"""The counts of E4 beside the published ones, from the volumes that run.sh left in a folder.

    python3 table.py OUT > results.csv

A row a setting, format and order: hits of initialisations with the 95 % interval, the published share and their ratio, the
certified zones of the hits, and their causes.
"""
import csv
import json
import os
import sys

# bertoin2021: initialisations of 1000 with a hit, on a GPU (fp64: of 10).
PUBLISHED = {
    "layers": {1: (871, 54), 2: (999, 258), 3: (1000, 463), 5: (1000, 647), 6: (1000, 697)},
    "width": {16: (333, 21), 64: (1000, 163), 512: (1000, 582), 1024: (1000, 873)},
    "batch": {16: (1000, 439), 64: (1000, 453), 512: (1000, 351), 1024: (1000, 384)},
}
COLUMNS = ["setting", "format", "initialisations", "hits", "share", "low", "high", "published", "ratio", "certified",
           "compensation", "bifurcation", "undecided", "false_tie", "other_causes"]


def published_share(setting, format_name):
    if format_name.startswith("fp64"):
        return 0.0
    half = format_name.startswith("fp16")
    if setting == "no-first-relu":  # the other notebook: batch 100, 200 initialisations
        return 1.0 if half else 0.445
    if setting == "orders":
        setting = "layers-3"
    series, value = setting.removeprefix("fp64-").removesuffix("-certified").removesuffix("-strict").split("-")
    return PUBLISHED[series][int(value)][0 if half else 1] / 1000


def rows_of(folder):
    for setting in sorted(os.listdir(folder)):
        path = os.path.join(folder, setting, "summary.json")
        if not os.path.exists(path):  # not finished
            continue
        with open(path) as file:
            summary = json.load(file)
        for name, volume in summary["formats"].items():
            hit, zones = volume["hit"]["initialisations"], volume["certified"]["zones"]
            published = published_share(setting, name)
            causes = volume["certified"]["causes"]
            counts = {cause: sum(layers.values()) if isinstance(layers, dict) else layers for cause, layers in causes.items()}
            false_ties = counts.pop("false tie", 0)
            yield [setting, name, volume["initialisations"], hit["count"], round(hit["share"], 4), *hit["ci95"], published,
                   round(hit["share"] / published, 2) if published else "", volume["certified"]["hits"]["count"],
                   *(zones[z]["count"] for z in ("compensation", "bifurcation", "undecided")), false_ties,
                   " ".join(f"{cause}: {n}" for cause, n in counts.items())]


writer = csv.writer(sys.stdout, lineterminator="\n")
writer.writerow(COLUMNS)
writer.writerows(rows_of(sys.argv[1]))
