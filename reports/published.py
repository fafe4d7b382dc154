#!/usr/bin/env python3
"""Writes published.csv, as `gradzone report --published` reads it, from the table of boustany2024's curves.

    reports/published.py CURVES.csv mnist lenet5,lenet5-bn > reports/e2-mnist/published.csv
    reports/published.py CURVES.csv cifar10 vgg11 > reports/e2-cifar/published.csv

CURVES.csv: one row per dataset, network, batch_norm, optimizer, bits, beta and epoch (from 0), gathered from the result
files that R. Boustany published with "On the numerical reliability of nonsmooth autodiff: a MaxPool case study" (TMLR 2024).
Taken are the curves of SGD at 16 and 32 bits.
"""
import csv
import sys

if len(sys.argv) != 4:
    sys.exit(__doc__)
curves, dataset, networks = sys.argv[1], sys.argv[2], sys.argv[3].split(",")
FIGURES = [f"test_accuracy_{figure}" for figure in ("mean", "std", "min", "max")]


def network_of(row):
    """Our name."""
    name = {"lenet": "lenet5"}.get(row["network"], row["network"])
    return name + ("-bn" if row["batch_norm"] == "True" else "")


out = csv.writer(sys.stdout, lineterminator="\n")
out.writerow(["network", "optimiser", "bits", "beta", "epoch", "test_accuracy_mean", "test_accuracy_sd", "test_accuracy_min",
              "test_accuracy_max", "runs"])
with open(curves, newline="") as file:
    for row in csv.DictReader(file):
        network = network_of(row)
        if row["dataset"] != dataset or network not in networks or row["optimizer"] != "sgd" or row["bits"] not in ("16", "32"):
            continue
        out.writerow([network, "sgd", row["bits"], f"{float(row['beta']):g}", int(row["epoch"]) + 1,
                      *(row[figure] for figure in FIGURES), row["runs"]])
