// ParameterGradient: enclosures of the gradient of one parameter tensor.
#pragma once

#include "gradzone/exact/fast/fixed_values.hpp"

namespace gradzone {

/// Entry i is within radius[i / group] * 2^radius_exponent of the midpoint: one radius for all positions of a
/// kernel, so that ten million weights need a million of them.
struct ParameterGradient {
  FixedTensor mid;  ///< of the parameter's shape, one exponent; the first digit may be as large as 2^62
  std::vector<double> radius;
  int radius_exponent = 0;
  Index group = 1;

  /// The parameter is not trained.
  bool empty() const { return mid.limbs == 0; }
  double radius_of(Index i) const { return radius[static_cast<std::size_t>(i / group)]; }
};

/// log2 of the largest radius divided by the largest midpoint, as a bound; -infinity where there is no error,
/// infinity where only the midpoints vanish.
double log2_relative_radius(const ParameterGradient& g);
MpfrInterval interval_of(const ParameterGradient& g, Index i);
/// -1, 0 or 1, if the enclosure is certain of it.
Certain<int> sign(const ParameterGradient& g, Index i);

ParameterGradient add(const ParameterGradient& a, const ParameterGradient& b, bool subtract, int limbs);
/// Of intervals, one per entry, in the order of a tensor of this shape.
ParameterGradient parameter_gradient(const Shape& shape, const std::vector<MpfrInterval>& entries, int limbs);

}  // namespace gradzone
