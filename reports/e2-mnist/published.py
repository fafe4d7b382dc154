#!/usr/bin/env python3
"""Writes published.csv, as `gradzone report --published` reads it, from the table of boustany2024's curves.

    ./published.py CURVES.csv > published.csv

CURVES.csv: one row per dataset, network, batch_norm, optimizer, bits, beta and epoch (from 0), gathered from the result
files that R. Boustany published with "On the numerical reliability of nonsmooth autodiff: a MaxPool case study" (TMLR 2024).
Taken are LeNet and LeNet-BN on MNIST, SGD, 16 and 32 bits.
"""
import csv
import sys

if len(sys.argv) != 2:
    sys.exit(__doc__)
NETWORKS = {("lenet", "False"): "lenet5", ("lenet", "True"): "lenet5-bn"}
FIGURES = [f"test_accuracy_{figure}" for figure in ("mean", "std", "min", "max")]

out = csv.writer(sys.stdout, lineterminator="\n")
out.writerow(["network", "optimiser", "bits", "beta", "epoch", "test_accuracy_mean", "test_accuracy_sd", "test_accuracy_min",
              "test_accuracy_max", "runs"])
with open(sys.argv[1], newline="") as file:
    for row in csv.DictReader(file):
        network = NETWORKS.get((row["network"], row["batch_norm"]))
        if row["dataset"] != "mnist" or network is None or row["optimizer"] != "sgd" or row["bits"] not in ("16", "32"):
            continue
        out.writerow([network, "sgd", row["bits"], f"{float(row['beta']):g}", int(row["epoch"]) + 1,
                      *(row[figure] for figure in FIGURES), row["runs"]])
