#include "gradzone/exact/fast/fixed_tensor.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "gradzone/base/parallel.hpp"
#include "gradzone/exact/fast/digits.hpp"

namespace gradzone {
namespace {

constexpr std::int64_t radix = std::int64_t{1} << limb_bits;
constexpr std::int64_t half_radix = radix / 2;
constexpr Index tile = 256;  ///< entries that are worked on together
constexpr int most_shift = limb_bits * (most_limbs + 4);
constexpr int no_exponent = std::numeric_limits<int>::min();

/// Calls body(block, begin, end) for pieces of at most `tile` entries, in parallel.
template <class Body>
void for_each_tile(Index blocks, Index block_size, Body&& body) {
  const Index tiles = (block_size + tile - 1) / tile;
  parallel_for(blocks * tiles, [&](Index t) {
    const Index begin = t / tiles * block_size, first = begin + t % tiles * tile;
    body(t / tiles, first, std::min(begin + block_size, first + tile));
  });
}

/// x as digits with exponent `exponent` (larger than that of 4 |x|), added to `digits`; whether all of x
/// fits.
bool add_double(std::int64_t* digits, int limbs, double x, int exponent) {
  int own = 0;
  const std::int64_t k = static_cast<std::int64_t>(std::ldexp(std::frexp(x, &own), 53));
  // x = k 2^(own - 53) = (k >> 3, the three bits below) with exponent own + 2
  const std::int64_t pair[] = {k >> 3, (k & 7) << (limb_bits - 3)};
  const bool lost = add_shifted(digits, limbs, pair, 2, std::min(exponent - own - 2, most_shift));
  balance(digits, limbs);
  return !lost;
}

}  // namespace

FixedTensor::FixedTensor(Shape s, int limb_count, Index blocks)
    : shape(std::move(s)), limbs(limb_count), entries(element_count(shape)) {
  digits.assign(static_cast<std::size_t>(limbs * entries), 0);
  exponent.assign(static_cast<std::size_t>(blocks), 0);
}

FixedTensor FixedTensor::unwritten(Shape s, int limb_count, Index blocks) {
  FixedTensor out;
  out.shape = std::move(s);
  out.limbs = limb_count;
  out.entries = element_count(out.shape);
  out.digits.resize(static_cast<std::size_t>(out.limbs * out.entries));
  out.exponent.assign(static_cast<std::size_t>(blocks), 0);
  return out;
}

FixedSums::FixedSums(Shape s, int plane_count, Index blocks)
    : shape(std::move(s)), planes(plane_count), entries(element_count(shape)) {
  digits.resize(static_cast<std::size_t>(planes * entries));
  exponent.assign(static_cast<std::size_t>(blocks), 0);
}

int FixedTensor::sign(Index i) const {
  for (int l = 0; l < limbs; ++l) {
    const std::int64_t d = plane(l)[i];
    if (d != 0) return d > 0 ? 1 : -1;
  }
  return 0;
}

double FixedTensor::magnitude(Index i) const {
  // Four digits from the first that is not zero: the others are below an ulp.
  int first = 0;
  while (first < limbs && plane(first)[i] == 0) ++first;
  if (first == limbs) return 0;
  double sum = 0;
  for (int l = std::min(limbs, first + 4) - 1; l >= first; --l)
    sum = sum * 0x1p-52 + static_cast<double>(plane(l)[i]);
  return std::max(std::fabs(std::ldexp(sum, -limb_bits * (first + 1))), least_magnitude);
}

namespace {

/// Places between `exponent` and the last bit of x.
int depth_of(double x, int exponent) {
  int own = 0;
  const std::int64_t k = static_cast<std::int64_t>(std::ldexp(std::frexp(x, &own), 53));
  return exponent - (own - 53 + std::countr_zero(static_cast<std::uint64_t>(k)));
}

}  // namespace

FixedTensor fixed_from_doubles(const Tensor<double>& t, Index blocks, int most, std::vector<bool>* exact) {
  std::vector<int> exponent;
  const Index size = t.size() / blocks;
  int depth = 1;
  for (Index b = 0; b < blocks; ++b) {
    double largest = 0;
    for (Index i = b * size; i < (b + 1) * size; ++i) largest = std::max(largest, std::fabs(t[i]));
    exponent.push_back(largest > 0 ? std::ilogb(largest) + 3 : 0);
    for (Index i = b * size; i < (b + 1) * size; ++i) {
      if (t[i] != 0) depth = std::max(depth, depth_of(t[i], exponent.back()));
    }
  }
  most = std::min(most, (depth + limb_bits - 1) / limb_bits);
  FixedTensor out(t.shape, most, blocks);
  out.exponent = exponent;
  std::vector<std::uint8_t> inexact(static_cast<std::size_t>(out.size()), 0);
  for_each_tile(blocks, size, [&](Index b, Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      if (t[i] == 0) continue;
      Digits d{};
      inexact[static_cast<std::size_t>(i)] =
          !add_double(d.data(), most, t[i], out.exponent[static_cast<std::size_t>(b)]);
      for (int l = 0; l < most; ++l) out.plane(l)[i] = d[static_cast<std::size_t>(l)];
    }
  });
  if (exact) {
    exact->clear();
    for (Index b = 0; b < blocks; ++b) {
      const auto first = inexact.begin() + b * size;
      exact->push_back(std::all_of(first, first + size, [](std::uint8_t f) { return f == 0; }));
    }
  }
  return out;
}

namespace {

/// Makes planes 1 ... planes - 1 balanced.
void balance_tile(FixedSums& sums, Index begin, Index end) {
  for (int l = sums.planes - 1; l > 0; --l) {
    std::int64_t *digits = sums.plane(l), *above = sums.plane(l - 1);
    for (Index i = begin; i < end; ++i) {
      const std::int64_t carry = (digits[i] + half_radix) >> limb_bits;
      digits[i] -= carry * radix;
      above[i] += carry;
    }
  }
}

/// The exponent of a block of balanced digits that leaves its entries below 0.49: from the largest digit of
/// the first plane that is not zero; what follows it is below 0.51 units.
int exponent_for(const std::int64_t* const* planes, int count, int exponent, Index begin, Index end) {
  for (int l = 0; l < count; ++l) {
    std::int64_t largest = 0;
    for (Index i = begin; i < end; ++i) largest = std::max(largest, std::abs(planes[l][i]));
    if (largest == 0) continue;
    // |x| < (largest + 0.51) 2^(exponent - 52 (l + 1)) <= 0.49 2^(the result)
    return exponent - limb_bits * (l + 1) + std::ilogb((static_cast<double>(largest) + 0.51) / 0.49) + 1;
  }
  return no_exponent;
}

/// Digits of one tile shifted right by `shift` places (left if negative) and rounded to `limbs` digits.
class ShiftedTile {
 public:
  ShiftedTile(const std::int64_t* const* from, int from_count, int shift, FixedTensor& to,
              std::uint8_t* inexact)
      : from_(from), count_(from_count), to_(to), inexact_(inexact) {
    // Plane l becomes planes l + words and l + words + 1; `words` may be negative.
    words_ = shift >= 0 ? shift / limb_bits : -((-shift + limb_bits - 1) / limb_bits);
    bits_ = shift - words_ * limb_bits;
  }

  void run(Index begin, Index end) {
    const Index n = end - begin;
    std::int64_t carry[tile] = {};
    std::uint8_t lost[tile] = {};
    // From the last plane that has any bits up: two below the result's last place, to round on.
    for (int q = count_ + words_; q >= 0 && q >= to_.limbs; --q) round_below(q, begin, n, carry, lost);
    for (int q = to_.limbs - 1; q >= 0; --q) {
      std::int64_t* out = to_.plane(q) + begin;
      std::int64_t digits[tile];
      gather(q, begin, n, digits);
      for (Index i = 0; i < n; ++i) {
        const std::int64_t d = digits[i] + carry[i];
        carry[i] = q == 0 ? 0 : (d + half_radix) >> limb_bits;
        out[i] = d - carry[i] * radix;
      }
    }
    if (inexact_) std::copy_n(lost, n, inexact_ + begin);
  }

 private:
  /// Digit q of the shifted number, before carries. Digits above the result's first are folded into it.
  void gather(int q, Index begin, Index n, std::int64_t* digits) const {
    std::fill_n(digits, n, std::int64_t{0});
    add_high(q - words_, begin, n, digits);
    if (bits_ > 0) add_low(q - words_ - 1, begin, n, digits);
    if (q > 0) return;
    // A left shift may leave -1, 0 or 1 above the first digit.
    std::int64_t higher[tile] = {};
    add_high(-1 - words_, begin, n, higher);
    if (bits_ > 0) add_low(-2 - words_, begin, n, higher);
    for (Index i = 0; i < n; ++i) digits[i] += higher[i] * radix;
  }
  void add_high(int l, Index begin, Index n, std::int64_t* digits) const {
    if (l < 0 || l >= count_) return;
    const std::int64_t* from = from_[l] + begin;
    for (Index i = 0; i < n; ++i) digits[i] += from[i] >> bits_;
  }
  void add_low(int l, Index begin, Index n, std::int64_t* digits) const {
    if (l < 0 || l >= count_) return;
    const std::int64_t* from = from_[l] + begin;
    const std::int64_t mask = (std::int64_t{1} << bits_) - 1;
    for (Index i = 0; i < n; ++i) digits[i] += (from[i] & mask) << (limb_bits - bits_);
  }
  /// A digit below the result's last place: it is dropped, after what it carries upwards.
  void round_below(int q, Index begin, Index n, std::int64_t* carry, std::uint8_t* lost) const {
    std::int64_t digits[tile];
    gather(q, begin, n, digits);
    for (Index i = 0; i < n; ++i) {
      const std::int64_t d = digits[i] + carry[i];
      carry[i] = (d + half_radix) >> limb_bits;
      lost[i] |= d != carry[i] * radix;
    }
  }

  const std::int64_t* const* from_;
  const int count_;
  FixedTensor& to_;
  std::uint8_t* const inexact_;
  int words_ = 0, bits_ = 0;
};

std::vector<const std::int64_t*> planes_of(const FixedSums& sums) {
  std::vector<const std::int64_t*> out;
  for (int l = 0; l < sums.planes; ++l) out.push_back(sums.plane(l));
  return out;
}

}  // namespace

FixedTensor round_sums(FixedSums& sums, int limbs, std::uint8_t* inexact) {
  const Index blocks = static_cast<Index>(sums.exponent.size()),
              size = sums.size() / std::max<Index>(1, blocks);
  FixedTensor out = FixedTensor::unwritten(sums.shape, limbs, blocks);
  const std::vector<const std::int64_t*> planes = planes_of(sums);
  const Index tiles = (size + tile - 1) / tile;
  std::vector<int> needed(static_cast<std::size_t>(blocks * tiles), no_exponent);
  for_each_tile(blocks, size, [&](Index b, Index begin, Index end) {
    if (!sums.balanced) balance_tile(sums, begin, end);
    needed[static_cast<std::size_t>(b * tiles + (begin - b * size) / tile)] =
        exponent_for(planes.data(), sums.planes, sums.exponent[static_cast<std::size_t>(b)], begin, end);
  });
  for (Index b = 0; b < blocks; ++b) {
    const auto first = needed.begin() + b * tiles;
    const int largest = tiles == 0 ? no_exponent : *std::max_element(first, first + tiles);
    out.exponent[static_cast<std::size_t>(b)] = largest == no_exponent ? 0 : largest;
  }
  for_each_tile(blocks, size, [&](Index b, Index begin, Index end) {
    const std::size_t at = static_cast<std::size_t>(b);
    // A block of zeros may be any number of places away.
    const int shift = std::clamp(out.exponent[at] - sums.exponent[at], -most_shift, most_shift);
    ShiftedTile(planes.data(), sums.planes, shift, out, inexact).run(begin, end);
  });
  return out;
}

FixedTensor rescale(const FixedTensor& t, int limbs, const std::vector<int>& exponent,
                    std::uint8_t* inexact) {
  const Index blocks = static_cast<Index>(t.exponent.size());
  FixedTensor out = FixedTensor::unwritten(t.shape, limbs, blocks);
  out.exponent = exponent;
  std::vector<const std::int64_t*> planes;
  for (int l = 0; l < t.limbs; ++l) planes.push_back(t.plane(l));
  for_each_tile(blocks, t.block_size(), [&](Index b, Index begin, Index end) {
    const std::size_t at = static_cast<std::size_t>(b);
    const int shift = std::clamp(exponent[at] - t.exponent[at], -most_shift, most_shift);
    ShiftedTile(planes.data(), t.limbs, shift, out, inexact).run(begin, end);
  });
  return out;
}

}  // namespace gradzone
