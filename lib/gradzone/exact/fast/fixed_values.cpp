#include "gradzone/exact/fast/fixed_values.hpp"

#include <gmp.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "gradzone/base/parallel.hpp"
#include "gradzone/exact/fast/digits.hpp"

namespace gradzone {
namespace {

/// A number's size: value * 2^exponent, value accurate to a few units of its last place.
struct Approximation {
  double value = 0;
  int exponent = 0;
};

Approximation approximate(const std::int64_t* digits, int count) {
  int first = 0;
  while (first < count && digits[first] == 0) ++first;
  Approximation out{0, -limb_bits * first};
  for (int l = first; l < std::min(count, first + 4); ++l) {
    out.value += std::ldexp(static_cast<double>(digits[l]), -limb_bits * (l - first + 1));
  }
  return out;
}

/// The sign of a difference whose errors are at most `radius` * 2^unit.
Certain<int> judge(const std::int64_t* digits, int count, int exponent, double radius, int unit) {
  const Approximation d = approximate(digits, count);
  if (radius == 0) return Certain<int>::known((d.value > 0) - (d.value < 0));
  const double size = std::ldexp(std::fabs(d.value), d.exponent + exponent - unit);
  if (size * (1 - 0x1p-40) > radius * slack) return Certain<int>::known(d.value > 0 ? 1 : -1);
  return Certain<int>::unknown();
}

Digits digits_of(const FixedTensor& t, Index i) {
  Digits out{};
  for (int l = 0; l < t.limbs; ++l) out[static_cast<std::size_t>(l)] = t.plane(l)[i];
  return out;
}

std::size_t image_of(const FixedValues& v, Index i) {
  return static_cast<std::size_t>(i / v.mid.block_size());
}

constexpr int zero_block = std::numeric_limits<int>::min() / 4;

/// The exponent of an image, or zero_block where all its entries are zero.
int effective_exponent(const FixedTensor& t, Index block) {
  for (int l = 0; l < t.limbs; ++l) {
    const std::int64_t* first = t.plane(l) + block * t.block_size();
    if (std::any_of(first, first + t.block_size(), [](std::int64_t d) { return d != 0; }))
      return t.exponent[static_cast<std::size_t>(block)];
  }
  return zero_block;
}

constexpr int most_shift = limb_bits * (most_limbs + 4);

}  // namespace

FixedValues fixed_values(const Tensor<double>& x, int limbs) {
  FixedValues out;
  std::vector<bool> exact;
  out.mid = fixed_from_doubles(x, x.dim(0), limbs, &exact);
  out.radii = Radii(x.shape);
  const Extent e = extent(x.shape);
  for (Index n = 0; n < e.images; ++n) {
    const std::size_t at = static_cast<std::size_t>(n);
    if (exact[at]) continue;
    out.radii.exponent[at] = out.mid.exponent[at] - limb_bits * out.mid.limbs;
    std::fill_n(out.radii.entry.begin() + n * e.size(), e.size(), 1.0);
    std::fill_n(out.radii.pixel.begin() + n * e.area(), e.area(),
                bound(std::sqrt(static_cast<double>(e.channels))));
  }
  return out;
}

Certain<int> sign(const FixedValues& v, Index i) {
  const std::size_t n = image_of(v, i);
  const double radius = v.radii.entry[static_cast<std::size_t>(i)];
  if (radius == 0) return Certain<int>::known(v.mid.sign(i));
  const Digits d = digits_of(v.mid, i);
  return judge(d.data(), v.mid.limbs, v.mid.exponent[n], radius, v.radii.exponent[n]);
}

Certain<int> compare(const FixedValues& v, Index i, Index j) {
  const std::size_t n = image_of(v, i);
  Digits d{};
  for (int l = 0; l < v.mid.limbs; ++l)
    d[static_cast<std::size_t>(l)] = v.mid.plane(l)[i] - v.mid.plane(l)[j];
  balance(d.data(), v.mid.limbs);
  const double radius =
      v.radii.entry[static_cast<std::size_t>(i)] + v.radii.entry[static_cast<std::size_t>(j)];
  return judge(d.data(), v.mid.limbs, v.mid.exponent[n], radius, v.radii.exponent[n]);
}

bool midpoint_less(const FixedValues& v, Index i, Index j) {
  for (int l = 0; l < v.mid.limbs; ++l) {
    const std::int64_t a = v.mid.plane(l)[i], b = v.mid.plane(l)[j];
    if (a != b) return a < b;
  }
  return false;
}

Certain<int> compare(const FixedValues& v, Index i, double constant) {
  if (constant == 0) return sign(v, i);
  const std::size_t n = image_of(v, i);
  const FixedTensor c = fixed_from_doubles(Tensor<double>({1}, constant), 1, 2, nullptr);
  const int unit = std::max(v.mid.exponent[n], c.exponent[0]), planes = v.mid.limbs + 2;
  Digits d{};
  const Digits x = digits_of(v.mid, i);
  Digits k = digits_of(c, 0);
  for (std::int64_t& digit : k) digit = -digit;
  const auto shift = [&](int exponent) { return std::min(unit - exponent, most_shift); };
  const bool lost_of_x = add_shifted(d.data(), planes, x.data(), v.mid.limbs, shift(v.mid.exponent[n])),
             lost_of_k = add_shifted(d.data(), planes, k.data(), c.limbs, shift(c.exponent[0]));
  balance(d.data(), planes);
  double radius = v.radii.entry[static_cast<std::size_t>(i)];
  if (lost_of_x || lost_of_k) radius += scaled_bound(4, unit - limb_bits * planes - v.radii.exponent[n]);
  return judge(d.data(), planes, unit, radius, v.radii.exponent[n]);
}

FixedValues finish(FixedSums sums, int limbs, Radii radii, const std::vector<std::uint8_t>& cut) {
  FixedValues out;
  std::vector<std::uint8_t> inexact(static_cast<std::size_t>(sums.size()));
  out.mid = round_sums(sums, limbs, inexact.data());
  const Extent x = out.extent();
  const auto any = [&](const std::vector<std::uint8_t>& flags, Index n) {
    const auto begin = flags.begin() + n * x.size();
    return std::any_of(begin, begin + x.size(), [](std::uint8_t f) { return f != 0; });
  };
  std::vector<double> per_rounding, per_cut;
  for (Index n = 0; n < x.images; ++n) {
    const std::size_t at = static_cast<std::size_t>(n);
    const bool rounded = any(inexact, n), was_cut = sums.error > 0 && any(cut, n);
    const int rounding = out.mid.exponent[at] - limb_bits * limbs,
              cutting = sums.exponent[at] - limb_bits * (sums.planes - 1);
    std::vector<int> units;
    if (rounded) units.push_back(rounding);
    if (was_cut) units.push_back(cutting);
    if (!is_exact(radii, x, n)) units.push_back(radii.exponent[at]);
    const int unit = units.empty() ? 0 : *std::max_element(units.begin(), units.end());
    set_unit(radii, x, n, unit);
    per_rounding.push_back(rounded ? scaled_bound(rounding_error, rounding - unit) : 0);
    per_cut.push_back(was_cut ? scaled_bound(sums.error, cutting - unit) : 0);
    const double extra = (per_rounding.back() + per_cut.back()) * std::sqrt(static_cast<double>(x.channels));
    if (extra == 0) continue;
    for (Index p = n * x.area(); p < (n + 1) * x.area(); ++p) {
      double& norm = radii.pixel[static_cast<std::size_t>(p)];
      norm = bound(norm + extra);
    }
  }
  for_each_plane(x, [&](Index n, Index begin, Index end) {
    const double rounding = per_rounding[static_cast<std::size_t>(n)],
                 cutting = per_cut[static_cast<std::size_t>(n)];
    for (std::size_t i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) {
      radii.entry[i] = bound(radii.entry[i] + (inexact[i] != 0 ? rounding : 0) + (cut[i] != 0 ? cutting : 0));
    }
  });
  normalise(radii, x);
  out.radii = std::move(radii);
  return out;
}

namespace {

/// The sum of two tensors, or of a tensor and a number per channel, entry by entry: digits are shifted to the
/// larger exponent and added.
class AlignedSum {
 public:
  /// `shift_b[n]` and `shift_a[n]` are filled from the exponents; those of zero blocks do not count.
  AlignedSum(const FixedTensor& a, const FixedTensor& b, int sign_b, int limbs)
      : a_(a), b_(b), sign_b_(sign_b), cut_(static_cast<std::size_t>(a.size()), 0) {
    sums_ = FixedSums(a.shape, limbs + 1, static_cast<Index>(a.exponent.size()));
    sums_.error = 3.2;  // what falls off the end of each of two terms is less than 1.6 units
    const bool one_block = b.exponent.size() == 1;
    for (std::size_t n = 0; n < a.exponent.size(); ++n) {
      const int ea = effective_exponent(a, static_cast<Index>(n)),
                eb = effective_exponent(b, one_block ? 0 : static_cast<Index>(n)), e = std::max(ea, eb);
      sums_.exponent[n] = e == zero_block ? 0 : e;
      shift_a_.push_back(std::min(e - ea, most_shift));
      shift_b_.push_back(std::min(e - eb, most_shift));
    }
  }

  /// `entry_of_b(i)` is b's entry that meets entry i of a.
  template <class EntryOfB>
  FixedValues run(int limbs, Radii radii, EntryOfB&& entry_of_b) {
    for_each_plane(extent(sums_.shape), [&](Index n, Index begin, Index end) {
      const std::size_t at = static_cast<std::size_t>(n);
      for (Index i = begin; i < end; ++i) add(i, shift_a_[at], entry_of_b(i), shift_b_[at]);
    });
    return finish(std::move(sums_), limbs, std::move(radii), cut_);
  }

 private:
  void add(Index i, int shift_a, Index at_b, int shift_b) {
    Digits sum{};
    const Digits x = digits_of(a_, i);
    Digits y = digits_of(b_, at_b);
    if (sign_b_ < 0) {
      for (std::int64_t& digit : y) digit = -digit;
    }
    const bool cut_a = add_shifted(sum.data(), sums_.planes, x.data(), a_.limbs, shift_a);
    const bool cut_b = add_shifted(sum.data(), sums_.planes, y.data(), b_.limbs, shift_b);
    for (int l = 0; l < sums_.planes; ++l) sums_.plane(l)[i] = sum[static_cast<std::size_t>(l)];
    cut_[static_cast<std::size_t>(i)] = cut_a || cut_b;
  }

  const FixedTensor &a_, &b_;
  const int sign_b_;
  std::vector<int> shift_a_, shift_b_;
  FixedSums sums_;
  std::vector<std::uint8_t> cut_;
};

}  // namespace

FixedValues add(const FixedValues& a, const FixedValues& b, bool subtract, int limbs) {
  return AlignedSum(a.mid, b.mid, subtract ? -1 : 1, limbs)
      .run(limbs, sum_of(a.radii, b.radii, a.extent()), [](Index i) { return i; });
}

FixedValues add_per_channel(const FixedValues& a, const FixedValues& b, int limbs) {
  const Extent x = a.extent();
  const auto channel_of = [&x](Index i) { return i / x.area() % x.channels; };
  // The errors of b, as those of a tensor of a's shape.
  Radii other(a.shape());
  if (!is_exact(b.radii, b.extent(), 0)) {
    std::fill(other.exponent.begin(), other.exponent.end(), b.radii.exponent[0]);
    std::fill(other.pixel.begin(), other.pixel.end(), b.radii.pixel[0]);
    for (std::size_t i = 0; i < other.entry.size(); ++i) {
      other.entry[i] = b.radii.entry[static_cast<std::size_t>(channel_of(static_cast<Index>(i)))];
    }
  }
  return AlignedSum(a.mid, b.mid, 1, limbs).run(limbs, sum_of(a.radii, other, x), channel_of);
}

FixedValues concatenate(const std::vector<const FixedValues*>& parts) {
  Shape shape = parts[0]->shape();
  int limbs = 0;
  shape[1] = 0;
  for (const FixedValues* part : parts) {
    shape[1] += part->shape()[1];
    limbs = std::max(limbs, part->mid.limbs);
  }
  const Extent x = extent(shape);
  FixedValues out{FixedTensor(shape, limbs, x.images), Radii(shape)};
  std::vector<int> unit(static_cast<std::size_t>(x.images), std::numeric_limits<int>::min());
  for (Index n = 0; n < x.images; ++n) {
    const std::size_t at = static_cast<std::size_t>(n);
    int e = zero_block;
    for (const FixedValues* part : parts) {
      e = std::max(e, effective_exponent(part->mid, n));
      if (!is_exact(part->radii, part->extent(), n)) unit[at] = std::max(unit[at], part->radii.exponent[at]);
    }
    out.mid.exponent[at] = e == zero_block ? 0 : e;
    if (unit[at] == std::numeric_limits<int>::min()) unit[at] = 0;
  }
  out.radii.exponent = unit;
  Index offset = 0;
  for (const FixedValues* part : parts) {
    const Extent p = part->extent();
    std::vector<std::uint8_t> inexact(static_cast<std::size_t>(part->mid.size()));
    std::vector<int> exponent = out.mid.exponent;
    const FixedTensor mid = rescale(part->mid, limbs, exponent, inexact.data());
    Radii radii = part->radii;
    for (Index n = 0; n < x.images; ++n) {
      const std::size_t at = static_cast<std::size_t>(n);
      set_unit(radii, p, n, unit[at]);
      const double rounding =
          scaled_bound(rounding_error, out.mid.exponent[at] - limb_bits * limbs - unit[at]);
      bool any = false;
      for (Index k = 0; k < p.size(); ++k) {
        const Index from = n * p.size() + k, to = n * x.size() + offset + k;
        for (int l = 0; l < limbs; ++l) out.mid.plane(l)[to] = mid.plane(l)[from];
        const bool rounded = inexact[static_cast<std::size_t>(from)] != 0;
        any = any || rounded;
        out.radii.entry[static_cast<std::size_t>(to)] =
            bound(radii.entry[static_cast<std::size_t>(from)] + (rounded ? rounding : 0));
      }
      const double extra = any ? rounding * std::sqrt(static_cast<double>(p.channels)) : 0;
      for (Index k = 0; k < x.area(); ++k) {
        double& norm = out.radii.pixel[static_cast<std::size_t>(n * x.area() + k)];
        const double more = radii.pixel[static_cast<std::size_t>(n * x.area() + k)] + extra;
        norm = bound(std::hypot(norm, more));
      }
    }
    offset += p.size();
  }
  return out;
}

FixedValues channels_of(const FixedValues& v, Index first, Index count) {
  const Extent x = v.extent();
  Shape shape = v.shape();
  shape[1] = count;
  FixedValues out{FixedTensor(shape, v.mid.limbs, x.images), Radii(shape)};
  const Index size = count * x.area(), offset = first * x.area();
  for (Index n = 0; n < x.images; ++n) {
    for (int l = 0; l < v.mid.limbs; ++l) {
      std::copy_n(v.mid.plane(l) + n * x.size() + offset, size, out.mid.plane(l) + n * size);
    }
    std::copy_n(v.radii.entry.begin() + n * x.size() + offset, size, out.radii.entry.begin() + n * size);
  }
  out.mid.exponent = v.mid.exponent;
  out.radii.pixel = v.radii.pixel;
  out.radii.exponent = v.radii.exponent;
  return out;
}

FixedValues reshaped(FixedValues v, const Shape& shape) {
  v.radii.pixel = reshaped_pixels(v.radii, v.extent(), extent(shape));
  v.mid.shape = shape;
  return v;
}

FixedValues images_of(const FixedValues& v, const std::vector<Index>& images) {
  const Extent x = v.extent();
  Shape shape = v.shape();
  shape[0] = static_cast<Index>(images.size());
  FixedValues out{FixedTensor(shape, v.mid.limbs, shape[0]), Radii(shape)};
  for (std::size_t k = 0; k < images.size(); ++k) {
    const Index n = images[k], to = static_cast<Index>(k);
    for (int l = 0; l < v.mid.limbs; ++l) {
      std::copy_n(v.mid.plane(l) + n * x.size(), x.size(), out.mid.plane(l) + to * x.size());
    }
    std::copy_n(v.radii.entry.begin() + n * x.size(), x.size(), out.radii.entry.begin() + to * x.size());
    std::copy_n(v.radii.pixel.begin() + n * x.area(), x.area(), out.radii.pixel.begin() + to * x.area());
    out.mid.exponent[k] = v.mid.exponent[static_cast<std::size_t>(n)];
    out.radii.exponent[k] = v.radii.exponent[static_cast<std::size_t>(n)];
  }
  return out;
}

namespace {

/// digits as one integer, in units of 2^(exponent - 52 limbs).
void to_integer(const Digits& digits, int limbs, mpz_t out) {
  mpz_set_ui(out, 0);
  for (int l = 0; l < limbs; ++l) {
    mpz_mul_2exp(out, out, limb_bits);
    const std::int64_t d = digits[static_cast<std::size_t>(l)];
    if (d >= 0) {
      mpz_add_ui(out, out, static_cast<unsigned long>(d));
    } else {
      mpz_sub_ui(out, out, static_cast<unsigned long>(-d));
    }
  }
}

/// The integer as balanced digits; the last ones first.
Digits from_integer(mpz_t value, int limbs) {
  Digits out{};
  mpz_t low, half;
  mpz_inits(low, half, nullptr);
  mpz_ui_pow_ui(half, 2, limb_bits - 1);
  for (int l = limbs - 1; l >= 0; --l) {
    // value = 2^52 q + d with -2^51 <= d < 2^51
    mpz_add(value, value, half);
    mpz_fdiv_r_2exp(low, value, limb_bits);
    out[static_cast<std::size_t>(l)] =
        static_cast<std::int64_t>(mpz_get_ui(low)) - (std::int64_t{1} << (limb_bits - 1));
    mpz_fdiv_q_2exp(value, value, limb_bits);
  }
  out[0] += static_cast<std::int64_t>(mpz_get_si(value)) * (std::int64_t{1} << limb_bits);
  mpz_clears(low, half, nullptr);
  return out;
}

}  // namespace

namespace {

MpfrInterval interval_around(const FixedTensor& mid, Index i, int exponent, double radius,
                             int radius_exponent) {
  const int bits = limb_bits * (mid.limbs + 1) + 64;
  mpz_t integer;
  mpz_init(integer);
  to_integer(digits_of(mid, i), mid.limbs, integer);
  MpfrInterval out(bits);
  mpfr_set_z_2exp(out.low.get(), integer, exponent - limb_bits * mid.limbs, MPFR_RNDD);
  mpfr_set_z_2exp(out.high.get(), integer, exponent - limb_bits * mid.limbs, MPFR_RNDU);
  mpz_clear(integer);
  if (radius == 0) return out;
  BigFloat r(53);
  mpfr_set_d(r.get(), radius, MPFR_RNDU);
  mpfr_mul_2si(r.get(), r.get(), radius_exponent, MPFR_RNDU);
  mpfr_sub(out.low.get(), out.low.get(), r.get(), MPFR_RNDD);
  mpfr_add(out.high.get(), out.high.get(), r.get(), MPFR_RNDU);
  return out;
}

}  // namespace

MpfrInterval interval_of(const FixedValues& v, Index i) {
  const std::size_t n = image_of(v, i);
  return interval_around(v.mid, i, v.mid.exponent[n], v.radii.entry[static_cast<std::size_t>(i)],
                         v.radii.exponent[n]);
}

MpfrInterval interval_of(const FixedTensor& mid, Index i, double radius, int radius_exponent) {
  return interval_around(mid, i, mid.exponent[0], radius, radius_exponent);
}

FixedValues fixed_values(const Shape& shape, const std::vector<MpfrInterval>& entries, int limbs) {
  const Extent x = extent(shape);
  const int bits = limb_bits * limbs + 16;
  constexpr mpfr_exp_t smallest = -(1 << 28), largest = 1 << 28;
  FixedValues out{FixedTensor(shape, limbs, x.images), Radii(shape)};
  mpz_t integer;
  mpz_init(integer);
  for (Index n = 0; n < x.images; ++n) {
    const std::size_t at = static_cast<std::size_t>(n);
    int exponent = std::numeric_limits<int>::min();
    for (Index k = 0; k < x.size(); ++k)
      for (const BigFloat* end : {&entries[static_cast<std::size_t>(n * x.size() + k)].low,
                                  &entries[static_cast<std::size_t>(n * x.size() + k)].high}) {
        // Exponentials may be smaller than any exponent of ours: what is rounded to 0 stays in the radius.
        if (mpfr_regular_p(end->get()))
          exponent = std::max(exponent,
                              static_cast<int>(std::clamp(mpfr_get_exp(end->get()), smallest, largest)) + 2);
      }
    if (exponent == std::numeric_limits<int>::min()) exponent = 0;
    out.mid.exponent[at] = exponent;
    out.radii.exponent[at] = exponent - limb_bits * limbs;
    BigFloat mid(bits), back(bits + 64), low(64), high(64);
    for (Index k = 0; k < x.size(); ++k) {
      const Index i = n * x.size() + k;
      const MpfrInterval& v = entries[static_cast<std::size_t>(i)];
      double& radius = out.radii.entry[static_cast<std::size_t>(i)];
      const auto too_large = [](const BigFloat& end) {
        return mpfr_regular_p(end.get()) && mpfr_get_exp(end.get()) > largest;
      };
      if (!v.is_finite() || too_large(v.low) || too_large(v.high)) {
        radius = no_bound;
        continue;
      }
      mpfr_add(mid.get(), v.low.get(), v.high.get(), MPFR_RNDN);
      mpfr_mul_2si(mid.get(), mid.get(), limb_bits * limbs - exponent - 1, MPFR_RNDN);
      mpfr_get_z(integer, mid.get(), MPFR_RNDN);
      mpfr_set_z(back.get(), integer, MPFR_RNDN);  // exact
      const Digits digits = from_integer(integer, limbs);
      for (int l = 0; l < limbs; ++l) out.mid.plane(l)[i] = digits[static_cast<std::size_t>(l)];
      // How far the ends are from the number taken, in units of its last place.
      mpfr_mul_2si(back.get(), back.get(), exponent - limb_bits * limbs, MPFR_RNDN);
      mpfr_sub(high.get(), v.high.get(), back.get(), MPFR_RNDU);
      mpfr_sub(low.get(), back.get(), v.low.get(), MPFR_RNDU);
      mpfr_max(high.get(), high.get(), low.get(), MPFR_RNDU);
      mpfr_mul_2si(high.get(), high.get(), limb_bits * limbs - exponent, MPFR_RNDU);
      radius = bound(mpfr_get_d(high.get(), MPFR_RNDU));
    }
  }
  mpz_clear(integer);
  const std::vector<double> squares = squared_norms(out.radii.entry.data(), x);
  for (std::size_t i = 0; i < squares.size(); ++i) out.radii.pixel[i] = bound(std::sqrt(squares[i]));
  return out;
}

}  // namespace gradzone
