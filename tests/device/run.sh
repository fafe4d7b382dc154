#!/usr/bin/env bash
# Everything that needs a card, in one call of a few minutes: agreement with the CPU bit by bit, trainings with the
# same bytes, formats of tensor cores, times beside the peak and beside PyTorch, compute-sanitizer. Packed by pack.sh:
#   PACK/run.sh [FOLDER FOR LOGS]
set -u
pack=$(cd "$(dirname "$0")" && pwd)
out=${1:-${OUT:-$pack/out}}
mkdir -p "$out"
# cuDNN and cuBLAS are too large to pack: they are those of the machine's PyTorch, whose wheel brings them.
vendor=$(python3 -c '
import glob, os, torch
print(":".join(glob.glob(os.path.join(os.path.dirname(os.path.dirname(torch.__file__)), "nvidia", "*", "lib"))))' || true)
export LD_LIBRARY_PATH=$pack/lib
by_tensor_cores() { LD_LIBRARY_PATH=$pack/lib:$vendor timeout "$@"; }
began=$SECONDS
section() { printf '\n== %s (%d s)\n' "$1" $((SECONDS - began)); }

section "machine"
nvidia-smi --query-gpu=name,driver_version,clocks.max.sm,memory.total --format=csv,noheader
nproc
"$pack/gradzone" --version || exit 1

section "integer products of the reference engine, digit by digit"
timeout 60 "$pack/agree_tests" --gtest_brief=1 --gtest_filter='DeviceProducts*' > "$out/products.log" 2>&1
echo "exit code $?"
tail -5 "$out/products.log"

section "agreement, bit by bit"
timeout 120 "$pack/agree_tests" --gtest_brief=1 \
  --gtest_filter='*Agreement/*:Device*:Divisor*:-DeviceProducts*:*TensorCore*:*tensor_cores*' > "$out/agree.log" 2>&1
echo "exit code $?"
grep -cE 'NVIDIA' "$out/agree.log" || true # traces of failures on the card
tail -15 "$out/agree.log"

section "tensor cores: layers and gradients within bounds, the same bits twice"
echo "libraries: $vendor"
by_tensor_cores 45 "$pack/agree_tests" --gtest_brief=1 \
  --gtest_filter='*TensorCore*:*tensor_cores*' > "$out/tensor-cores.log" 2>&1
echo "exit code $?"
grep -E 'off by|left out' "$out/tensor-cores.log" | sort -u
tail -15 "$out/tensor-cores.log"
for run in a b; do
  by_tensor_cores 40 "$pack/gradzone" train --net lenet5 --data glyphs:2000 --format fp16-tc,bf16-tc,tf32-tc,amp16-tc \
    --epochs 1 --batch 96 --lr 0.05 --device cuda --quiet --out "$out/tc-$run" || echo "FAILED by tensor cores"
done
for file in "$out"/tc-a/*.safetensors "$out/tc-a/trace.csv"; do
  cmp "$file" "$out/tc-b/$(basename "$file")" && echo "the same twice: $(basename "$file")"
done
cut -d, -f1-12 "$out/tc-a/trace.csv" | tail -4
rm -rf "$out/tc-a" "$out/tc-b"

section "trainings on the card and on the CPU"
train=(train --net lenet5 --data glyphs:2000 --format fp64,fp32,fp16,bf16,amp16 --beta 0,1000 --form composed,direct
       --epochs 1 --batch 96 --lr 0.05 --quiet)
timeout 60 "$pack/gradzone" "${train[@]}" --device cuda --out "$out/cuda" || echo "FAILED on the card"
timeout 60 "$pack/gradzone" "${train[@]}" --threads 0 --out "$out/cpu" || echo "FAILED on the CPU"
same=0 different=0
for file in "$out"/cpu/*.safetensors "$out"/cpu/trace.csv; do
  if cmp -s "$file" "$out/cuda/$(basename "$file")"; then same=$((same + 1)); else different=$((different + 1)); fi
done
echo "files with the same bytes: $same, different: $different"
rm -rf "$out/cuda" "$out/cpu"

section "steps of 128 images"
for step in "vgg11 fp32" "vgg11 fp16" "vgg11 amp16" "vgg11 fp64" "resnet18-bn fp32" "resnet18-bn fp16" "lenet5 fp32" \
            "lenet5 fp16" "vgg11 fp16-tc" "vgg11 bf16-tc" "vgg11 tf32-tc" "vgg11 amp16-tc" "resnet18-bn amp16-tc"; do
  read -r net format <<< "$step"
  by_tensor_cores 40 "$pack/gradzone" bench step --net "$net" --format "$format" --batch 128 --points 40 --device cuda \
    --threads 0 --quiet --json "$out/step-$net-$format.json" || echo "FAILED $step"
done
for net in vgg11 resnet18-bn lenet5; do
  env -u LD_LIBRARY_PATH timeout 40 python3 "$pack/peer_pytorch.py" --net "$net" --device cuda --steps 40 \
    > "$out/torch-$net.json" || echo "FAILED torch $net"
done
for peer in "vgg11 fp16-tc --amp fp16" "vgg11 amp16-tc --amp fp16" "vgg11 bf16-tc --amp bf16" "vgg11 tf32-tc --tf32" \
            "resnet18-bn amp16-tc --amp fp16"; do
  read -r net format options <<< "$peer"
  # shellcheck disable=SC2086  # options are words
  env -u LD_LIBRARY_PATH timeout 40 python3 "$pack/peer_pytorch.py" --net "$net" --device cuda --steps 40 $options \
    > "$out/torch-$net-$format.json" || echo "FAILED torch $peer"
done
python3 "$pack/table.py" steps "$out"

section "verdict and certified gradient of VGG-11, batch 128, on the card and on the CPU"
same=0 different=0
for work in "verdict --verdict" gradient; do
  read -r name flag <<< "$work"
  for device in cuda cpu; do
    timeout 60 "$pack/gradzone" bench reference --net vgg11 --init kaiming0 --batch 128 $flag --points 1 --threads 0 \
      --device $device --quiet --json "$out/reference-$name-$device.json" || echo "FAILED $name on $device"
  done
  if python3 "$pack/table.py" reference "$out" "$name"; then same=$((same + 1)); else different=$((different + 1)); fi
done
echo "results with the same bytes: $same, different: $different"

section "time by kernel"
for step in "vgg11 fp32" "resnet18-bn fp32" "vgg11 amp16-tc"; do
  read -r net format <<< "$step"
  log=$out/ncu-$net-$format
  by_tensor_cores 30 ncu --clock-control none --metrics gpu__time_duration.sum --csv "$pack/gradzone" bench step \
    --net "$net" --format "$format" --batch 128 --points 1 --device cuda --quiet > "$log.csv" 2> "$log.log" ||
    tail -3 "$log.log"
  python3 "$pack/table.py" kernels "$log.csv"
done

section "compute-sanitizer"
for tool in memcheck racecheck synccheck initcheck; do
  timeout 35 compute-sanitizer --tool $tool --error-exitcode 9 "$pack/agree_tests" --gtest_brief=1 \
    --gtest_filter='DeviceAgreement/fp32.*:DeviceTrainer.trains_as_the_cpu_in_every_format:DeviceProducts.of_zeros*' \
    > "$out/$tool.log" 2>&1
  echo "$tool: exit code $?, $(grep -E 'ERROR SUMMARY|RACECHECK SUMMARY' "$out/$tool.log" | tail -1)"
done
section "done"
