// fp64: binary64 storage and accumulator.
#pragma once

#include <cmath>

#include "gradzone/arith/elementary.hpp"
#include "gradzone/arith/format.hpp"

namespace gradzone {

struct Fp64 {
  using Real = double;
  static constexpr FormatId id = FormatId::fp64;
  static constexpr int precision = 53, emin = -1022, emax = 1023;  ///< storage
  static constexpr int accumulator_precision = 53, accumulator_emin = -1022, accumulator_emax = 1023;

  static Real store(Real x) { return x; }
  static Real from_double(double x) { return x; }
  static Real scalar(double x) { return x; }
  static Real add(Real a, Real b) { return a + b; }
  static Real sub(Real a, Real b) { return a - b; }
  static Real mul(Real a, Real b) { return a * b; }
  static Real div(Real a, Real b) { return a / b; }
  static Real fma(Real a, Real b, Real c) { return std::fma(a, b, c); }
  static Real sqrt(Real a) { return std::sqrt(a); }
  static Real exp(Real a) { return exp_rounded(a); }
  static Real log(Real a) { return log_rounded(a); }
};

}  // namespace gradzone
