// Filter: enclosures in binary64, the cheapest stage. Midpoints come from the fp64 kernels with their stated
// summation order, so that they are the same on every machine; radii bound what those kernels rounded.
#pragma once

#include <vector>

#include "gradzone/base/certain.hpp"
#include "gradzone/exact/fast/fixed_layers.hpp"
#include "gradzone/exact/fast/sparse_map.hpp"
#include "gradzone/exact/stage_counts.hpp"
#include "gradzone/kernels/kernels.hpp"

namespace gradzone {

struct DoubleValues {
  Tensor<double> mid;
  Radii radii;  ///< all exponents 0

  const Shape& shape() const { return mid.shape; }
  Extent extent() const { return gradzone::extent(mid.shape); }
};

/// The filter as an arithmetic of the forward pass (forward_pass.hpp); FixedField is the other one.
class DoubleField {
 public:
  using Values = DoubleValues;
  /// Norm pools and batch statistics are left to FixedField.
  static constexpr bool complete = false;
  static constexpr Index StageCounts::*stage = &StageCounts::filter;

  DoubleField() : kernels_(make_cpu_kernels<Fp64>(Order::chain)) {}

  Values input(const Tensor<double>& x) const { return {x, Radii(x.shape)}; }
  /// The chain of k fused steps errs by at most gamma_k sum |w||x| <= gamma_k ||w_o|| ||x||; adding the bias
  /// by half an ulp.
  Values forward(const LinearLayer& layer, const Values& x) const;
  Values apply(const SparseMap& map, const Values& x, const PixelRule& rule) const;
  Values add(const Values& a, const Values& b, bool subtract) const;
  Values scale_channels(const Values& x, const std::vector<MpfrInterval>& scale) const;
  Values add_per_channel(const Values& x, const std::vector<MpfrInterval>& numbers) const;
  Values concatenate(const std::vector<const Values*>& parts) const;
  Values reshaped(Values v, const Shape& shape) const;

  int interval_bits() const { return 128; }

 private:
  std::shared_ptr<const Kernels<Fp64>> kernels_;
};

Certain<int> sign(const DoubleValues& v, Index i);
Certain<int> compare(const DoubleValues& v, Index i, Index j);
Certain<int> compare(const DoubleValues& v, Index i, double constant);
/// Whether the midpoint of entry i is below that of entry j.
inline bool midpoint_less(const DoubleValues& v, Index i, Index j) {
  return v.mid[i] < v.mid[j];
}

}  // namespace gradzone
