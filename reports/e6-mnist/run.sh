#!/usr/bin/env bash
# E6 on MNIST: how far LeNet-5's weights drift from those of beta = 0, SGD without momentum, the same mini-batches.
#   ./run.sh DATA OUT   DATA: mnist:DIR; OUT: a folder
set -euo pipefail
[ $# -eq 2 ] || { echo "usage: $0 DATA OUT" >&2; exit 2; }
gradzone drift --net lenet5 --data "$1" --lr paper --epochs 100 --stop-after "${EPOCHS:-10}" --out "$2"
