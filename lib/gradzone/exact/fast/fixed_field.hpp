// FixedField: multiword enclosures of a given number of limbs, as an arithmetic of the forward pass.
#pragma once

#include <vector>

#include "gradzone/exact/fast/fixed_layers.hpp"
#include "gradzone/exact/fast/sparse_map.hpp"
#include "gradzone/exact/stage_counts.hpp"

namespace gradzone {

class FixedField {
 public:
  using Values = FixedValues;
  static constexpr bool complete = true;
  static constexpr Index StageCounts::*stage = &StageCounts::multiword;

  explicit FixedField(int limbs) : limbs_(limbs) {}
  int limbs() const { return limbs_; }
  int interval_bits() const { return limb_bits * limbs_ + 64; }

  Values input(const Tensor<double>& x) const { return fixed_values(x, limbs_); }
  Values input(const Shape& shape, const std::vector<MpfrInterval>& entries) const {
    return fixed_values(shape, entries, limbs_);
  }
  Values forward(const LinearLayer& layer, const Values& x) const {
    return gradzone::forward(layer, x, limbs_);
  }
  Values apply(const SparseMap& map, const Values& x, const PixelRule& rule) const {
    return gradzone::apply(map, x, rule, limbs_);
  }
  Values add(const Values& a, const Values& b, bool subtract) const {
    return gradzone::add(a, b, subtract, limbs_);
  }
  Values multiply(const Values& a, const Values& b) const { return gradzone::multiply(a, b, limbs_); }
  Values scale_channels(const Values& x, const std::vector<MpfrInterval>& scale) const {
    return gradzone::scale_channels(x, scale, limbs_);
  }
  Values add_per_channel(const Values& x, const std::vector<MpfrInterval>& numbers) const {
    return gradzone::add_per_channel(
        x, fixed_values({1, static_cast<Index>(numbers.size())}, numbers, limbs_), limbs_);
  }
  Values concatenate(const std::vector<const Values*>& parts) const { return gradzone::concatenate(parts); }
  Values reshaped(Values v, const Shape& shape) const { return gradzone::reshaped(std::move(v), shape); }

  /// The sum over images and pixels of each channel.
  std::vector<MpfrInterval> channel_sums(const Values& v) const {
    const ParameterGradient sums = gradzone::channel_sums(v, limbs_ + 1);
    std::vector<MpfrInterval> out;
    for (Index c = 0; c < sums.mid.size(); ++c) out.push_back(interval_of(sums, c));
    return out;
  }

 private:
  int limbs_;
};

}  // namespace gradzone
