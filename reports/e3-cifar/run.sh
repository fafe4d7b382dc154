#!/usr/bin/env bash
# E3: native against minimal in VGG on CIFAR-10, weights drawn anew (kaiming0): the share of mini-batches over the
# thresholds of boustany2024, and the zones of certified ones.
#   ./run.sh DATA OUT   DATA: cifar10:PATH (the first 4,000 training images are enough); OUT: a folder for the volumes
# Stopped, the same command continues; INITS may be raised later.
set -euo pipefail
[ $# -eq 2 ] || { echo "usage: $0 DATA OUT" >&2; exit 2; }
data=$1 out=$2

volume() { # NAME NET ARGUMENTS...
  gradzone volume --out "$out/$1" --net "$2" --data "$data" --init kaiming0 --choices native,minimal \
    --hit tau=1e-7 "${@:3}"
}

volume vgg11 vgg11 --batch 128 --batches 31 --inits "${INITS:-4}" --format fp32 --certify 4
volume vgg11-others vgg11 --batch 128 --batches 31 --inits "${OTHER_INITS:-2}" --format fp16,fp64 --certify 3
volume vgg11-bias-first vgg11 --batch 128 --batches 31 --inits "${INITS:-4}" --format fp32 --order bias-first --certify 1
for net in vgg13 vgg16 vgg19 vgg11-bn; do
  volume "$net" "$net" --batch 128 --batches 3 --inits 2 --format fp16,fp32,fp64 --certify 1
done
for batch in 64 256 512 1024; do
  volume "vgg19-batch-$batch" vgg19 --batch "$batch" --batches 1 --inits 3 --format fp32 --certify none
done
# kaiming0 has no biases; with PyTorch's own weights the order in which they are added can matter.
gradzone volume --out "$out/vgg11-torch" --net vgg11 --data "$data" --init torch --choices native,minimal --hit tau=1e-7 \
  --batch 128 --batches 31 --inits 2 --format fp32 --order chain,bias-first --certify none
