#!/usr/bin/env bash
# E7 on MNIST: the pooling windows of LeNet-5 that tie, drawn for two images, counted for a hundred.
#   ./run.sh DATA OUT   DATA: mnist:DIR; OUT: a folder
set -euo pipefail
[ $# -eq 2 ] || { echo "usage: $0 DATA OUT" >&2; exit 2; }
ties() { gradzone ties --net lenet5 --init torch --seed 0 --data "$data" --split train --format fp32,fp16,bf16 "$@"; }
data=$1
ties --samples 0,312 --out "$2/two"
ties --samples "$(seq -s, 0 99)" --out "$2/hundred" --quiet
