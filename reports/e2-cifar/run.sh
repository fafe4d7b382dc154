#!/usr/bin/env bash
# E2 on CIFAR-10: the training curves of VGG-11 beside those of boustany2024.
#   ./run.sh DATA OUT [further options of gradzone train, such as --device cuda]
# DATA: cifar10:DIR, or folder:DIR,size=32,norm=cifar; OUT: a folder for the trainings.
# The first epochs of 200, one run of each configuration; stopped, the same command continues. The published study in full,
# 10 runs of all epochs, continues from the same folder:
#   EPOCHS=200 RUNS=10 ./run.sh DATA OUT --device cuda
set -euo pipefail
[ $# -ge 2 ] || { echo "usage: $0 DATA OUT [OPTION...]" >&2; exit 2; }
data=$1 out=$2 here=$(cd "$(dirname "$0")" && pwd)
shift 2

gradzone train --net vgg11 --data "$data" --augment crop-flip --optimiser sgd --format fp16,fp32 --beta 0,1000,1e4 \
  --form direct,composed --lr paper:cifar10 --epochs 200 --stop-after "${EPOCHS:-8}" --runs "${RUNS:-1}" --out "$out" "$@"
gradzone report "$out" --published "$here/published.csv"
