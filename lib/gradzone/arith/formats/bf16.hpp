// bf16: bfloat16 storage, binary32 accumulator, each operation's result rounded once to bfloat16.
#pragma once

#include "gradzone/arith/formats/fp32.hpp"
#include "gradzone/arith/rounding.hpp"

namespace gradzone {

struct Bf16 : BinaryAccumulator32 {
  static constexpr FormatId id = FormatId::bf16;
  static constexpr int precision = 8, emin = -126, emax = 127;

  GRADZONE_HOST_DEVICE static Real store(Real x) { return round_to_bfloat16(x); }
  static Real from_double(double x) {
    return static_cast<float>(round_to_precision(x, precision, emin, emax));
  }
};

}  // namespace gradzone
