// fp16: binary16 storage, binary32 accumulator, each operation's result rounded once to binary16. Values are
// carried as the equal binary32 numbers. Scalars (beta, slopes, eps) stay binary32.
#pragma once

#include "gradzone/arith/formats/fp32.hpp"
#include "gradzone/arith/rounding.hpp"

namespace gradzone {

struct Fp16 : BinaryAccumulator32 {
  static constexpr FormatId id = FormatId::fp16;
  static constexpr int precision = 11, emin = -14, emax = 15;

  GRADZONE_HOST_DEVICE static Real store(Real x) { return round_to_binary16(x); }
  static Real from_double(double x) {
    return static_cast<float>(round_to_precision(x, precision, emin, emax));
  }
};

}  // namespace gradzone
