#!/usr/bin/env bash
# Checks that modules include only modules to their left (docs/modules.md), and that libraries neither print nor
# parse arguments.
set -euo pipefail
cd "$(dirname "$0")/../lib/gradzone"
declare -A rank=([base]=0 [cluster]=1 [arith]=1 [graph]=2 [nets]=3 [choice]=3 [data]=3 [kernels]=4 [eval]=5 [exact]=6 [zones]=7
                 [io]=8 [train]=8 [study]=9 [report]=10)
status=0
for folder in */; do
  module=${folder%/}
  [ -n "${rank[$module]:-}" ] || { echo "module $module has no place in the order"; status=1; continue; }
  while read -r file other; do
    [ "$other" = "$module" ] && continue
    if [ -z "${rank[$other]:-}" ] || [ "${rank[$other]}" -ge "${rank[$module]}" ]; then
      echo "$file includes gradzone/$other, which is not to the left of $module"; status=1
    fi
  done < <(grep -rnoE --include='*.hpp' --include='*.cpp' '#include "gradzone/[a-z]+' "$module" |
             sed -E 's|^([^:]+):[0-9]+:#include "gradzone/([a-z]+)|\1 \2|')
done
if grep -rnE --include='*.hpp' --include='*.cpp' 'std::(cout|cerr)|printf\(|fmt::print|CLI11|CLI/CLI' . ; then
  echo "libraries never print and never parse arguments"; status=1
fi
exit $status
