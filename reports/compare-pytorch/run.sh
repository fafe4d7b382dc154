#!/usr/bin/env bash
# PyTorch's gradients of LeNet-5 on MNIST, honest and spoilt, judged by gradzone compare: about ten minutes of two cores.
#   ./run.sh MNIST OUT   MNIST: the folder of its files; OUT: a folder for gradients and results
# PYTHON names a python3 with torch and numpy.
set -euo pipefail
[ $# -eq 2 ] || { echo "usage: $0 MNIST OUT" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
mnist=$(cd "$1" && pwd)
mkdir -p "$2" && cd "$2"

save() { # WEIGHTS FOLDER OPTIONS...
  "${PYTHON:-python3}" "$here/pytorch_gradients.py" "$1" "$mnist" "${@:2}"
}
compare() { # MODEL FOLDER OPTIONS...
  gradzone compare --quiet --model "lenet5:$1" --grads "$2" --out "${OUT:-$2-judged}" "${@:3}"
}

gradzone train --quiet --net lenet5 --data "mnist:$mnist" --lr 0.05 --epochs 2 --out trained
declare -A weights=([fresh]=seed:0 [trained]=trained/fp32-direct-beta0-run0.safetensors)
declare -A model=([fresh]=init=torch [trained]=${weights[trained]})

for net in fresh trained; do
  for pool in native minimal; do
    save "${weights[$net]}" $net-$pool --pool $pool --points 200
    compare "${model[$net]}" $net-$pool
    save "${weights[$net]}" $net-$pool-128 --pool $pool --points 20 --batch 128
    compare "${model[$net]}" $net-$pool-128
  done
  OUT=$net-regular-judged compare "${model[$net]}" $net-native --choices native,native+relu=1
  for defect in flip scale; do
    save "${weights[$net]}" $net-$defect --points 200 --defect $defect
    compare "${model[$net]}" $net-$defect
  done
done

# Ties between different patches: weights and images rounded to bf16, where they are not rare.
gradzone audit --quiet --model lenet5:init=torch --data "mnist:$mnist" --split train --samples 10000 --format bf16 \
  --verdict --out ties
images=$("${PYTHON:-python3}" "$here/figures.py" --bifurcations ties/points.csv)
for pool in native minimal; do
  save seed:0 ties-$pool --pool $pool --split train --images "$images" --coarse coarse.safetensors
  compare coarse.safetensors ties-$pool
done

"${PYTHON:-python3}" "$here/figures.py" ./*-judged | tee figures.txt
