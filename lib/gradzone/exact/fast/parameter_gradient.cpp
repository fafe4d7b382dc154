#include "gradzone/exact/fast/parameter_gradient.hpp"

#include <algorithm>
#include <cmath>

namespace gradzone {
namespace {

/// One image of one channel, with a radius for every entry.
FixedValues as_values(const ParameterGradient& g) {
  FixedValues out{g.mid, Radii()};
  out.mid.shape = {1, 1, 1, g.mid.size()};
  out.radii.entry.resize(static_cast<std::size_t>(g.mid.size()));
  for (Index i = 0; i < g.mid.size(); ++i) out.radii.entry[static_cast<std::size_t>(i)] = g.radius_of(i);
  out.radii.pixel = out.radii.entry;
  out.radii.exponent = {g.radius_exponent};
  return out;
}

ParameterGradient from_values(FixedValues v, const Shape& shape) {
  ParameterGradient out{std::move(v.mid), std::move(v.radii.entry), v.radii.exponent[0], 1};
  out.mid.shape = shape;
  return out;
}

}  // namespace

double log2_relative_radius(const ParameterGradient& g) {
  const double radius = *std::max_element(g.radius.begin(), g.radius.end());
  if (radius == 0) return -no_bound;
  // The first plane that is not all zeros has the largest entries.
  for (int l = 0; l < g.mid.limbs; ++l) {
    const std::int64_t* plane = g.mid.plane(l);
    std::int64_t largest = 0;
    for (Index i = 0; i < g.mid.size(); ++i) largest = std::max(largest, std::abs(plane[i]));
    if (largest == 0) continue;
    // Digits below may take away half a unit and a little.
    const double mid = static_cast<double>(largest) - 0.51;
    // slack is far more than what the logarithm rounds
    return std::log2(radius / mid * slack) + (g.radius_exponent - g.mid.exponent[0] + limb_bits * (l + 1));
  }
  return no_bound;
}

MpfrInterval interval_of(const ParameterGradient& g, Index i) {
  return interval_of(g.mid, i, g.radius_of(i), g.radius_exponent);
}

Certain<int> sign(const ParameterGradient& g, Index i) {
  const double radius = g.radius_of(i);
  if (radius == 0) return Certain<int>::known(g.mid.sign(i));
  const MpfrInterval x = interval_of(g, i);
  if (x.low.sign() > 0) return Certain<int>::known(1);
  if (x.high.sign() < 0) return Certain<int>::known(-1);
  return Certain<int>::unknown();
}

ParameterGradient add(const ParameterGradient& a, const ParameterGradient& b, bool subtract, int limbs) {
  return from_values(add(as_values(a), as_values(b), subtract, limbs), a.mid.shape);
}

ParameterGradient parameter_gradient(const Shape& shape, const std::vector<MpfrInterval>& entries,
                                     int limbs) {
  return from_values(fixed_values({1, static_cast<Index>(entries.size())}, entries, limbs), shape);
}

}  // namespace gradzone
