#!/usr/bin/env bash
# Everything that needs a card, in one call of less than ten minutes: agreement with the CPU bit by bit, trainings and
# audits with the same bytes, formats of tensor cores, the reference engine's products, times beside the peak and beside
# PyTorch, compute-sanitizer, the first epochs of a study. Packed by pack.sh:
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
began=$SECONDS
section() { printf '\n== %s (%d s)\n' "$1" $((SECONDS - began)); }
# within N COMMAND: for N seconds at most, and not beyond what is left of the whole.
within() {
  local limit=$1 left=$((570 - SECONDS + began))
  shift
  timeout $((left < limit ? (left > 0 ? left : 1) : limit)) "$@"
}
by_tensor_cores() { LD_LIBRARY_PATH=$pack/lib:$vendor within "$@"; }
# same_bytes A B: of the files A/* named on standard input.
same_bytes() {
  local same=0 different=0 file
  while read -r file; do
    if cmp -s "$1/$file" "$2/$file"; then same=$((same + 1)); else different=$((different + 1)); fi
  done
  echo "files with the same bytes: $same, different: $different"
}

section "machine"
nvidia-smi --query-gpu=name,driver_version,clocks.max.sm,memory.total --format=csv,noheader
nproc
"$pack/gradzone" --version || exit 1

section "integer products of the reference engine, digit by digit"
within 60 "$pack/agree_tests" --gtest_brief=1 --gtest_filter='DeviceProducts*' > "$out/products.log" 2>&1
echo "exit code $?"
tail -5 "$out/products.log"

section "agreement, bit by bit"
audit_tests='DeviceEvaluator.*:DeviceComparison.*'
within 120 "$pack/agree_tests" --gtest_brief=1 \
  --gtest_filter="*Agreement/*:Device*:Divisor*:-$audit_tests:DeviceProducts*:*TensorCore*:*tensor_cores*" \
  > "$out/agree.log" 2>&1
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
within 60 "$pack/gradzone" "${train[@]}" --device cuda --out "$out/cuda" || echo "FAILED on the card"
within 60 "$pack/gradzone" "${train[@]}" --threads 0 --out "$out/cpu" || echo "FAILED on the CPU"
(cd "$out/cpu" && ls ./*.safetensors trace.csv) | same_bytes "$out/cpu" "$out/cuda"
rm -rf "$out/cuda" "$out/cpu"

section "audits on the card and on the CPU"
within 60 "$pack/agree_tests" --gtest_brief=1 --gtest_filter="$audit_tests" > "$out/agree-audits.log" 2>&1
echo "agreement: exit code $?"
tail -3 "$out/agree-audits.log"
formats=fp64,fp32,fp16,bf16,fp16-strict
lenet=(--data glyphs:1000 --format $formats --choices native,minimal,beta=10+relu=1 --form composed --quiet)
for device in cuda cpu; do
  within 40 "$pack/gradzone" audit --model lenet5-bn:init=torch "${lenet[@]}" --batch 8 --samples 20 \
    --batch-norm training --device $device --out "$out/audit-$device" || echo "FAILED audit, $device"
  within 40 "$pack/gradzone" volume --net lenet5 "${lenet[@]}" --batch 64 --inits 3 --certify 1 --device $device \
    --out "$out/volume-$device" || echo "FAILED volume, $device"
done
printf '%s\n' points.csv branches.csv gradients.csv summary.json | same_bytes "$out/audit-cpu" "$out/audit-cuda"
printf '%s\n' points.csv volume.csv volume.json summary.json | same_bytes "$out/volume-cpu" "$out/volume-cuda"
for device in cuda cpu; do
  start=$SECONDS
  within 80 "$pack/gradzone" audit --model vgg11:init=kaiming0 --data glyphs32:3968 --split train --batch 128 \
    --samples 31 --verdict --device $device --out "$out/vgg11-$device" --quiet || echo "FAILED VGG-11, $device"
  echo "verdict of 31 VGG-11 mini-batches of 128, floats on $device: $((SECONDS - start)) s"
  cat "$out/vgg11-$device/timing.json"
done
printf '%s\n' points.csv branches.csv summary.json | same_bytes "$out/vgg11-cpu" "$out/vgg11-cuda"
rm -rf "$out"/{audit,volume,vgg11}-{cpu,cuda}

section "steps of 128 images"
for step in "vgg11 fp32" "vgg11 fp16" "vgg11 amp16" "vgg11 fp64" "resnet18-bn fp32" "resnet18-bn fp16" "lenet5 fp32" \
            "lenet5 fp16" "vgg11 fp16-tc" "vgg11 bf16-tc" "vgg11 tf32-tc" "vgg11 amp16-tc" "resnet18-bn amp16-tc"; do
  read -r net format <<< "$step"
  by_tensor_cores 40 "$pack/gradzone" bench step --net "$net" --format "$format" --batch 128 --points 40 --device cuda \
    --threads 0 --quiet --json "$out/step-$net-$format.json" || echo "FAILED $step"
done
for net in vgg11 resnet18-bn lenet5; do
  within 40 env -u LD_LIBRARY_PATH python3 "$pack/peer_pytorch.py" --net "$net" --device cuda --steps 40 \
    > "$out/torch-$net.json" || echo "FAILED torch $net"
done
for peer in "vgg11 fp16-tc --amp fp16" "vgg11 amp16-tc --amp fp16" "vgg11 bf16-tc --amp bf16" "vgg11 tf32-tc --tf32" \
            "resnet18-bn amp16-tc --amp fp16"; do
  read -r net format options <<< "$peer"
  # shellcheck disable=SC2086  # options are words
  within 40 env -u LD_LIBRARY_PATH python3 "$pack/peer_pytorch.py" --net "$net" --device cuda --steps 40 $options \
    > "$out/torch-$net-$format.json" || echo "FAILED torch $peer"
done
python3 "$pack/table.py" steps "$out"

section "verdict and certified gradient of VGG-11, batch 128, on the card and on the CPU"
same=0 different=0
for work in "verdict --verdict" gradient; do
  read -r name flag <<< "$work"
  for device in cuda cpu; do
    within 60 "$pack/gradzone" bench reference --net vgg11 --init kaiming0 --batch 128 $flag --points 1 --threads 0 \
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
  within 35 compute-sanitizer --tool $tool --error-exitcode 9 "$pack/agree_tests" --gtest_brief=1 \
    --gtest_filter='DeviceAgreement/fp32.*:DeviceTrainer.trains_as_the_cpu_in_every_format:DeviceProducts.of_zeros*' \
    > "$out/$tool.log" 2>&1
  echo "$tool: exit code $?, $(grep -E 'ERROR SUMMARY|RACECHECK SUMMARY' "$out/$tool.log" | tail -1)"
done
if [ -e "$pack/cifar10.tar.xz" ]; then
  section "VGG-11 on CIFAR-10, as many epochs of 200 as fit (EPOCHS of each configuration at most)"
  python3 -m tarfile -e "$pack/cifar10.tar.xz" "$pack/cifar10"
  images=$(echo "$pack"/cifar10/*)
  PATH=$pack:$PATH EPOCHS=${EPOCHS:-3} within 570 "$pack/e2-cifar/run.sh" "folder:$images,size=32,norm=cifar" \
    "$out/e2-cifar" --device cuda --quiet || echo "stopped: the same command continues"
  "$pack/gradzone" report "$out/e2-cifar" --published "$pack/e2-cifar/published.csv" --quiet || true
  cut -d, -f1-12 "$out/e2-cifar/trace.csv"
fi
section "done"
