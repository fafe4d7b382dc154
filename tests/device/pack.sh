#!/usr/bin/env bash
# Packs what tests/device/run.sh needs on a machine with a card but without the libraries' packages:
#   tests/device/pack.sh build/cuda build/pack      # and there: tar -xzf pack.tar.gz && pack/run.sh
# The build has GRADZONE_CUDA=ON and its targets gradzone and agree_tests. cuDNN and cuBLAS, which the program looks for
# when it is asked for tensor cores, are not packed (they are 500 MB and more): run.sh takes PyTorch's.
set -euo pipefail
build=$1 pack=$2
mkdir -p "$pack/lib"
cp "$build/apps/gradzone/gradzone" "$build/tests/agree_tests" "$pack/"
cp "$(dirname "$0")/run.sh" "$(dirname "$0")/table.py" "$(dirname "$0")/../bench/peer_pytorch.py" "$pack/"
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
