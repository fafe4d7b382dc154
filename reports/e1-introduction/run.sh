#!/usr/bin/env bash
# E1: the programs of boustany2024's introduction, and the worked examples beside them.
#   ./run.sh OUT   OUT: a folder for the table
set -euo pipefail
[ $# -eq 1 ] || { echo "usage: $0 OUT" >&2; exit 2; }
mkdir -p "$1"
gradzone examples --format fp64,fp32,fp16,bf16 --csv "$1/examples.csv"
