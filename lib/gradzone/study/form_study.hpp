// What the composed form of a hybrid max pool computes in place of the maximum (zones.md, section 1):
// over the reals beta m + (1 - beta) m is m, in floats it is not. The same numbers say what becomes of a
// gradient at a window with one maximum.
#pragma once

#include <string>
#include <vector>

#include "gradzone/arith/format.hpp"
#include "gradzone/base/tensor.hpp"

namespace gradzone {

/// The positive values of one binade, 2^exponent <= m < 2^(exponent + 1), normal or not. Correct bits are
/// -log2 of the relative error, between 0 and the format's precision, which is also what exact results have.
struct FormBinade {
  int exponent = 0;
  Index values = 0;  ///< that were looked at: all, or one from each of 4,096 equal parts
  Index exact = 0, zero = 0, non_finite = 0;  ///< results equal to m, to 0, infinite or NaN
  double bits_median = 0, bits_least = 0;     ///< of the finite results; NaN without any
};

struct FormLoss {
  FormatId format = FormatId::fp32;
  double beta = 0;
  std::vector<FormBinade> binades;  ///< by exponent, from the smallest subnormal's
  /// The smallest value whose result is not finite, of those looked at; infinity without one.
  double overflows_from = 0;

  /// All binades of normal numbers with finite results only, together; `exponent` is meaningless.
  FormBinade normal() const;
};

/// fl(fl(beta m) + fl((1 - beta) m)) for the positive values m of a storage format.
FormLoss composed_loss(FormatId format, double beta);

/// Columns format, beta, exponent, values, exact, zero, non_finite, bits_median, bits_least.
std::string forms_csv(const std::vector<FormLoss>& losses);

}  // namespace gradzone
