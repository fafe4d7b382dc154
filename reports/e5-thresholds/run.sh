#!/usr/bin/env bash
# E5: how the difference of LeNet-5's float gradients is distributed, and what thresholds on it say beside proofs.
# Five initialisations, 20 mini-batches of 128 each, every mini-batch certified.
#   ./run.sh DATA OUT   DATA: mnist:DIR; OUT: a folder for the studies
set -euo pipefail
[ $# -eq 2 ] || { echo "usage: $0 DATA OUT" >&2; exit 2; }
data=$1 out=$2

threshold() { # NAME ARGUMENTS...
  gradzone threshold --out "$out/$1" --data "$data" --init torch --inits "${INITS:-5}" --batches "${BATCHES:-20}" \
    --batch 128 "${@:2}"
}

threshold maxpool --net lenet5 --choices native,minimal --format fp32,bf16,fp16,fp64
threshold maxpool-bias-first --net lenet5 --choices native,minimal --format fp32,bf16,fp16,fp64 --order bias-first
# The published notebook passes (alpha, beta) to a function that takes (beta, alpha): its "0, 1" is this study.
threshold relu --net lenet5 --choices native,native+relu=1 --format fp32,bf16,fp16,fp64
threshold normpool --net lenet5-normpool --choices native,native+normpool=1 --format fp16,bf16
# Orders whose convolutions run on the plain kernels: fewer mini-batches.
INITS=2 BATCHES=5 threshold orders --net lenet5 --choices native,minimal --format fp32,fp64 \
  --order chain,lanes16,pairwise --certify none
