// fp32: binary32 storage and accumulator. BinaryAccumulator32 is shared by every format that accumulates in
// binary32.
#pragma once

#include <cmath>

#include "gradzone/arith/elementary.hpp"
#include "gradzone/arith/format.hpp"
#include "gradzone/base/host_device.hpp"

namespace gradzone {

/// Operations of a binary32 accumulator: each rounded once to binary32.
struct BinaryAccumulator32 {
  using Real = float;
  static constexpr int accumulator_precision = 24, accumulator_emin = -126, accumulator_emax = 127;

  GRADZONE_HOST_DEVICE static Real scalar(double x) { return static_cast<float>(x); }
  GRADZONE_HOST_DEVICE static Real add(Real a, Real b) { return a + b; }
  GRADZONE_HOST_DEVICE static Real sub(Real a, Real b) { return a - b; }
  GRADZONE_HOST_DEVICE static Real mul(Real a, Real b) { return a * b; }
  GRADZONE_HOST_DEVICE static Real div(Real a, Real b) { return a / b; }
  GRADZONE_HOST_DEVICE static Real fma(Real a, Real b, Real c) { return std::fma(a, b, c); }
  GRADZONE_HOST_DEVICE static Real sqrt(Real a) { return std::sqrt(a); }
  GRADZONE_HOST_DEVICE static Real exp(Real a) { return exp_rounded(a); }
  GRADZONE_HOST_DEVICE static Real log(Real a) { return log_rounded(a); }
};

struct Fp32 : BinaryAccumulator32 {
  static constexpr FormatId id = FormatId::fp32;
  static constexpr int precision = 24, emin = -126, emax = 127;

  GRADZONE_HOST_DEVICE static Real store(Real x) { return x; }
  static Real from_double(double x) { return static_cast<float>(x); }
};

}  // namespace gradzone
