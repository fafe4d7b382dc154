#!/usr/bin/env bash
# E4: ReLU'(0) = 0 against 1 in the multilayer perceptrons of bertoin2021, on MNIST / 255 in file order: the share of
# initialisations for which some mini-batch of a pass gives other weight gradients in the first layer.
#   ./run.sh DATA OUT   DATA: mnist:DIR; OUT: a folder for the volumes
# Every hit is certified (of width 1024 those of the first 30 initialisations, in a folder of their own). Stopped, the same
# command continues. INITS and LAYER_INITS (300 and 1000) may be raised later.
set -euo pipefail
[ $# -eq 2 ] || { echo "usage: $0 DATA OUT" >&2; exit 2; }
data=$1,norm=unit out=$2 inits=${INITS:-300} layer_inits=${LAYER_INITS:-1000} exact_inits=${EXACT_INITS:-10}

volume() { # NAME LAYERSxWIDTH BATCH INITS ARGUMENTS...
  gradzone volume --out "$out/$1" --net "mlp-relu:$2" --batch "$3" --inits "$4" --data "$data" --init torch \
    --choices native,native+relu=1 --hit first-layer --until-hit "${@:5}"
}

for layers in 3 1 2 5 6; do
  volume "layers-$layers" "${layers}x256" 256 "$layer_inits" --format fp16,fp32 --certify hits
done
volume orders 3x256 256 "${ORDER_INITS:-100}" --format fp16,fp32 --order bias-first,pairwise,lanes16 --certify hits
for width in 16 64 512; do
  volume "width-$width" "3x$width" 256 "$inits" --format fp16,fp32 --certify hits
done
# With a 16-bit accumulator, as a sum that is split and reduced in 16 bits has.
volume width-64-strict 3x64 256 "$inits" --format fp16-strict --certify hits
volume width-1024 3x1024 256 "$inits" --format fp16,fp32 --certify none
volume width-1024-certified 3x1024 256 "${CERTIFIED_INITS:-30}" --format fp16,fp32 --certify hits
for batch in 16 64 512 1024; do
  volume "batch-$batch" 3x256 "$batch" "$inits" --format fp16,fp32 --certify hits
done
for layers in 1 2 3 5 6; do
  volume "fp64-layers-$layers" "${layers}x256" 256 "$exact_inits" --format fp64 --certify hits
done
for width in 16 64 512 1024; do
  volume "fp64-width-$width" "3x$width" 256 "$exact_inits" --format fp64 --certify hits
done
# The network of the paper's other notebook, which has no ReLU behind its first layer, batch 100.
gradzone volume --out "$out/no-first-relu" --net mlp:3x256 --batch 100 --inits "$inits" --data "$data" --init torch \
  --choices native,native+relu=1 --hit first-layer --until-hit --format fp16,fp32 --certify hits
