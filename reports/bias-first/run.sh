#!/usr/bin/env bash
# Does training care where the bias is added? LeNet-5 on MNIST in the orders chain and bias-first: the same weights, the same
# mini-batches.
#   ./run.sh DATA OUT   DATA: mnist:DIR; OUT: a folder
set -euo pipefail
[ $# -eq 2 ] || { echo "usage: $0 DATA OUT" >&2; exit 2; }
gradzone train --net lenet5 --data "$1" --format fp32,fp32/bias-first,fp16,fp16/bias-first --beta 0 --lr paper \
  --epochs 100 --stop-after "${EPOCHS:-3}" --runs "${RUNS:-3}" --out "$2"
