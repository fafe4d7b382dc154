// fp64: binary64 storage and accumulator.
#pragma once

#include <cmath>

#include "gradzone/arith/elementary.hpp"
#include "gradzone/arith/format.hpp"
#include "gradzone/base/host_device.hpp"

namespace gradzone {

struct Fp64 {
  using Real = double;
  static constexpr FormatId id = FormatId::fp64;
  static constexpr int precision = 53, emin = -1022, emax = 1023;  ///< storage
  static constexpr int accumulator_precision = 53, accumulator_emin = -1022, accumulator_emax = 1023;

  GRADZONE_HOST_DEVICE static Real store(Real x) { return x; }
  static Real from_double(double x) { return x; }
  GRADZONE_HOST_DEVICE static Real scalar(double x) { return x; }
  GRADZONE_HOST_DEVICE static Real add(Real a, Real b) { return a + b; }
  GRADZONE_HOST_DEVICE static Real sub(Real a, Real b) { return a - b; }
  GRADZONE_HOST_DEVICE static Real mul(Real a, Real b) { return a * b; }
  GRADZONE_HOST_DEVICE static Real div(Real a, Real b) { return a / b; }
  GRADZONE_HOST_DEVICE static Real fma(Real a, Real b, Real c) { return std::fma(a, b, c); }
  GRADZONE_HOST_DEVICE static Real sqrt(Real a) { return std::sqrt(a); }
  GRADZONE_HOST_DEVICE static Real exp(Real a) { return exp_rounded(a); }
  GRADZONE_HOST_DEVICE static Real log(Real a) { return log_rounded(a); }
};

}  // namespace gradzone
