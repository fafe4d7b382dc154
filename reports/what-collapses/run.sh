#!/usr/bin/env bash
# What the composed form computes in place of the maximum, value by value.
#   ./run.sh OUT   OUT: a folder for the table
set -euo pipefail
[ $# -eq 1 ] || { echo "usage: $0 OUT" >&2; exit 2; }
mkdir -p "$1"
gradzone forms --format fp16,bf16,fp32 --beta 10,100,1000,1e4
gradzone forms --format fp16 --beta 10,100,1000,1e4 --quiet --csv "$1/forms.csv"
