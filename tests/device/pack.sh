#!/usr/bin/env bash
# Packs what tests/device/run.sh needs on a machine with a card but without the libraries' packages:
#   tests/device/pack.sh build/cuda build/pack [CIFAR10.tar.xz]   # and there: tar -xzf pack.tar.gz && pack/run.sh
# With an archive of CIFAR-10 as a folder of images (docs/data.md), which has test/ and train/ in one folder, the study
# reports/e2-cifar is begun, too.
# The build has GRADZONE_CUDA=ON and its targets gradzone and agree_tests. cuDNN and cuBLAS, which the program looks for
# when it is asked for tensor cores, are not packed (they are 500 MB and more): run.sh takes PyTorch's.
set -euo pipefail
build=$1 pack=$2 images=${3:-}
mkdir -p "$pack/lib"
cp "$build/apps/gradzone/gradzone" "$build/tests/agree_tests" "$pack/"
cp "$(dirname "$0")/run.sh" "$(dirname "$0")/table.py" "$(dirname "$0")/../bench/peer_pytorch.py" "$pack/"
if [ -n "$images" ]; then
  mkdir -p "$pack/e2-cifar"
  cp "$images" "$pack/cifar10.tar.xz"
  cp "$(dirname "$0")"/../../reports/e2-cifar/{run.sh,published.csv} "$pack/e2-cifar/"
fi
strip "$pack/gradzone" "$pack/agree_tests"
# The C and C++ libraries are the machine's own.
ldd "$pack/gradzone" "$pack/agree_tests" | awk '$3 ~ "^/" {print $3}' | sort -u |
  grep -vE '/lib(c|m|stdc\+\+|gcc_s|pthread|dl|rt|resolv)\.so' | xargs -I{} cp -L {} "$pack/lib/"
# The tables of ICU, 30 MB that libxml2 asks for and nothing here reads: an empty library of that name.
for icu in "$pack"/lib/libicudata.so.*; do
  [ -e "$icu" ] || continue
  version=${icu##*.so.}
  echo "char icudt${version}_dat[16];" |
    cc -shared -fPIC -x c - -Wl,-soname,"$(basename "$icu")" -o "$icu"
done
strip "$pack"/lib/*.so.* 2>/dev/null || true
tar -czf "$pack.tar.gz" -C "$(dirname "$pack")" "$(basename "$pack")"
du -sh "$pack.tar.gz"
