#include "gradzone/exact/fast/comparison.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace gradzone {
namespace {

/// value * 2^exponent, to compare sizes that a double may not hold.
struct Size {
  double value = 0;
  int exponent = 0;
  friend bool operator<(const Size& a, const Size& b) {
    if (a.value == 0 || b.value == 0) return a.value < b.value;
    return std::ldexp(a.value, std::clamp(a.exponent - b.exponent, -3000, 3000)) < b.value;
  }
};

Size midpoint_size(const ParameterGradient& v, Index i) {
  return {v.mid.magnitude(i), v.mid.exponent[0]};
}

/// |midpoint| + radius, a little too large.
Size upper_size(const ParameterGradient& v, Index i) {
  const int unit = v.mid.exponent[0];
  const double radius = scaled_bound(v.radius_of(i), v.radius_exponent - unit);
  return {(v.mid.magnitude(i) + radius) * slack, unit};
}

/// Bounds of |x| over the interval, rounded outwards.
std::pair<double, double> absolute_bounds(const MpfrInterval& x) {
  const double low = std::fabs(mpfr_get_d(x.low.get(), x.low.sign() < 0 ? MPFR_RNDD : MPFR_RNDU)),
               high = std::fabs(mpfr_get_d(x.high.get(), x.high.sign() < 0 ? MPFR_RNDD : MPFR_RNDU));
  double inner = 0;
  if (x.low.sign() > 0) inner = mpfr_get_d(x.low.get(), MPFR_RNDD);
  if (x.high.sign() < 0) inner = -mpfr_get_d(x.high.get(), MPFR_RNDU);
  return {inner, std::max(low, high)};
}

class Comparison {
 public:
  explicit Comparison(const Graph& graph) : graph_(graph) {}

  void look_at(const ParameterGradient& difference, std::size_t parameter) {
    const Index size = difference.mid.size();
    Size largest;
    for (Index i = 0; i < size; ++i) {
      const Size upper = upper_size(difference, i);
      if (largest < upper) largest = upper;
    }
    // Only entries that come close to the largest can decide the bounds. Where all are so small that sizes
    // were raised to what a double holds, every entry is looked at.
    const Size close{largest.value > 0x1p-400 ? largest.value * (1 - 0x1p-18) : 0, largest.exponent};
    for (Index i = 0; i < size; ++i) {
      const Size mid = midpoint_size(difference, i);
      if (largest.value == 0 || upper_size(difference, i) < close) {
        if (mid < witness_size_ || mid.value == 0) continue;
      } else {
        const auto [lower, upper] = absolute_bounds(interval_of(difference, i));
        result_.lower = std::max(result_.lower, lower);
        result_.upper = std::max(result_.upper, upper);
      }
      if (!(witness_size_ < mid)) continue;
      const Certain<int> side = sign(difference, i);
      if (!side.is_known() || side.value() == 0) continue;
      witness_size_ = mid;
      result_.witness = fmt::format("{}[{}]", graph_.parameters()[parameter].name, i);
      result_.lower = std::max(result_.lower, absolute_bounds(interval_of(difference, i)).first);
    }
  }
  GradientDifference take() { return std::move(result_); }

 private:
  const Graph& graph_;
  Size witness_size_;
  GradientDifference result_;
};

}  // namespace

GradientDifference compare_gradients(const Graph& graph, const std::vector<FixedGradient>& gradients,
                                     int limbs) {
  Comparison comparison(graph);
  for (std::size_t s = 0; s + 1 < gradients.size(); ++s)
    for (std::size_t t = s + 1; t < gradients.size(); ++t)
      for (std::size_t p = 0; p < gradients[s].size(); ++p) {
        if (!gradients[s][p].empty())
          comparison.look_at(add(gradients[s][p], gradients[t][p], true, limbs), p);
      }
  return comparison.take();
}

void add_gradient(FixedGradient& a, FixedGradient b, int limbs) {
  if (a.empty()) {
    a = std::move(b);
    return;
  }
  for (std::size_t p = 0; p < a.size(); ++p) {
    if (!a[p].empty()) a[p] = add(a[p], b[p], false, limbs);
  }
}

}  // namespace gradzone
