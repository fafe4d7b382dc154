#include "gradzone/exact/certified_tensor.hpp"

#include <algorithm>
#include <cmath>

namespace gradzone {
namespace {

Enclosure enclose(const Ball& x) {
  Enclosure out;
  out.high = mpfr_get_d(x.mid.get(), MPFR_RNDN);
  BigFloat rest(mpfr_get_prec(x.mid.get()) + 64);
  mpfr_sub_d(rest.get(), x.mid.get(), out.high, MPFR_RNDN);
  out.low = mpfr_get_d(rest.get(), MPFR_RNDN);
  mpfr_sub_d(rest.get(), rest.get(), out.low, MPFR_RNDN);
  out.exact = x.is_exact() && rest.is_zero();
  out.radius = out.exact ? 0 : x.rad.to_double() + std::fabs(mpfr_get_d(rest.get(), MPFR_RNDA));
  return out;
}

/// sum + error = a + b, |a| >= |b| (Dekker).
struct TwoSum {
  double sum, error;
};
TwoSum two_sum(double a, double b) {
  const double sum = a + b;
  return {sum, b - (sum - a)};
}

Ball ball_of(const ParameterGradient& v, Index i) {
  return ball_around(interval_of(v, i));
}

Enclosure enclose_entry(const Tensor<Ball>& balls, Index i) {
  return enclose(balls[i]);
}

Enclosure enclose_entry(const ParameterGradient& v, Index i) {
  const int exponent = v.mid.exponent[0];
  if (exponent < -600 || exponent > 1000) return enclose(ball_of(v, i));  // near the ends of double's range
  int first = 0;
  while (first < v.mid.limbs && v.mid.plane(first)[i] == 0) ++first;
  const auto digit = [&](int l) {
    return l < v.mid.limbs
               ? std::ldexp(static_cast<double>(v.mid.plane(l)[i]), exponent - limb_bits * (l + 1))
               : 0;
  };
  if (limb_bits * first > 300) return enclose(ball_of(v, i));
  // Four digits hold the number to 2^-150 of its size.
  const TwoSum a = two_sum(digit(first), digit(first + 1));
  const TwoSum b = two_sum(digit(first + 2), digit(first + 3));
  const TwoSum c = two_sum(a.error, b.sum);
  const TwoSum d = two_sum(a.sum, c.sum);
  Enclosure out{d.sum, d.error, 0, true};
  double rest = std::fabs(c.error) + std::fabs(b.error);
  // Balanced digits further down are worth about half a unit.
  if (first + 4 < v.mid.limbs) rest += std::ldexp(0.51, exponent - limb_bits * (first + 4));
  const double radius = v.radius_of(i);
  out.exact = rest == 0 && radius == 0;
  // Half a unit of low's last place for the sums above.
  if (!out.exact)
    out.radius = (scaled_bound(radius, v.radius_exponent) + rest + std::fabs(out.low) * 0x1p-51) * slack;
  return out;
}

}  // namespace

Ball ball_around(const MpfrInterval& x) {
  Ball out;
  out.mid = BigFloat(std::max(mpfr_get_prec(x.low.get()), mpfr_get_prec(x.high.get())) + 2);
  mpfr_add(out.mid.get(), x.low.get(), x.high.get(), MPFR_RNDN);
  mpfr_div_2ui(out.mid.get(), out.mid.get(), 1, MPFR_RNDN);
  BigFloat width(64);
  mpfr_sub(width.get(), x.high.get(), x.low.get(), MPFR_RNDU);
  if (!mpfr_number_p(width.get())) {
    out.rad = Magnitude::infinity();
  } else if (!width.is_zero()) {
    long exponent = 0;
    const double mantissa = mpfr_get_d_2exp(&exponent, width.get(), MPFR_RNDU);
    out.rad = Magnitude::of(mantissa).scaled(exponent - 1);  // half the width
  }
  return out;
}

CertifiedTensor::CertifiedTensor(ParameterGradient gradient, Shape shape) : entries_(std::move(gradient)) {
  std::get<ParameterGradient>(entries_).mid.shape = std::move(shape);
}

const Shape& CertifiedTensor::shape() const {
  const auto* fixed = std::get_if<ParameterGradient>(&entries_);
  return fixed ? fixed->mid.shape : std::get<Tensor<Ball>>(entries_).shape;
}

Index CertifiedTensor::size() const {
  const auto* fixed = std::get_if<ParameterGradient>(&entries_);
  return fixed ? fixed->mid.size() : std::get<Tensor<Ball>>(entries_).size();
}

Enclosure CertifiedTensor::enclosure(Index i) const {
  return std::visit([i](const auto& entries) { return enclose_entry(entries, i); }, entries_);
}

double CertifiedTensor::radius(Index i) const {
  if (const auto* fixed = std::get_if<ParameterGradient>(&entries_))
    return scaled_bound(fixed->radius_of(i), fixed->radius_exponent) * slack;
  return std::get<Tensor<Ball>>(entries_)[i].rad.to_double();
}

Ball CertifiedTensor::ball(Index i) const {
  if (const auto* fixed = std::get_if<ParameterGradient>(&entries_)) return ball_of(*fixed, i);
  return std::get<Tensor<Ball>>(entries_)[i];
}

}  // namespace gradzone
