#!/usr/bin/env bash
# E2 on MNIST: the training curves of LeNet-5, with and without batch norm, beside those of boustany2024.
#   ./run.sh DATA OUT   DATA: mnist:DIR; OUT: a folder for the trainings
# The first 20 of 100 epochs, 3 runs of each configuration; stopped, the same command continues. The published study
# in full, 10 runs of all epochs, continues from the same folders:
#   EPOCHS=100 RUNS=10 ./run.sh DATA OUT
set -euo pipefail
[ $# -eq 2 ] || { echo "usage: $0 DATA OUT" >&2; exit 2; }
data=$1 out=$2 here=$(cd "$(dirname "$0")" && pwd)

for net in lenet5 lenet5-bn; do
  gradzone train --net "$net" --data "$data" --optimiser sgd --format fp16,fp32 --beta 0,1,10,100,1000,1e4 \
    --form direct,composed --lr paper --epochs 100 --stop-after "${EPOCHS:-20}" --runs "${RUNS:-3}" --out "$out/$net"
  gradzone report "$out/$net" --published "$here/published.csv"
done
