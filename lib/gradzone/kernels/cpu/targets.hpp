// The instruction sets that the SIMD kernels are compiled for: those with a fused multiply-add in hardware,
// because every format's sums are fused. Machines without one run the reference kernels (std::fma). SVE and
// RVV are left out because the kernels keep vectors in arrays, which their sizeless types do not allow.
// Include this before any Highway header.
#pragma once

#define HWY_DISABLED_TARGETS                                                                     \
  (HWY_SSSE3 | HWY_SSE4 | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV | HWY_WASM | \
   HWY_WASM_EMU256)
