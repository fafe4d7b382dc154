#include "gradzone/exact/fast/residue_field.hpp"

#include <algorithm>
#include <bit>
#include <unordered_set>
#include <utility>

#include "gradzone/base/random.hpp"

namespace gradzone {
namespace {

constexpr int lowest_unit = -1074, highest_unit = 971;

bool is_prime(std::int32_t n) {
  for (std::int32_t d = 3; d * d <= n; d += 2) {
    if (n % d == 0) return false;
  }
  return n % 2 == 1;
}

}  // namespace

ResidueField::ResidueField(std::int32_t prime)
    : prime_(prime), reciprocal_(1.0 / prime), half_((prime - 1) / 2) {
  const Residue half = inverse(2);
  Residue power = 1;
  for (int e = 0; e > lowest_unit; --e) power = multiply(power, half);
  powers_of_two_.reserve(highest_unit - lowest_unit + 1);
  for (int e = lowest_unit; e <= highest_unit; ++e, power = add(power, power))
    powers_of_two_.push_back(power);
}

Residue ResidueField::centred(std::int64_t r) const {
  const std::int64_t half = (prime_ - 1) / 2;
  return static_cast<Residue>(r > half ? r - prime_ : r < -half ? r + prime_ : r);
}

Residue ResidueField::inverse(Residue a) const {
  // Euclid's algorithm; `x` times a is congruent to `r` throughout.
  std::int64_t r = prime_, next_r = a < 0 ? std::int64_t{a} + prime_ : a, x = 0, next_x = 1;
  while (next_r != 0) {
    const std::int64_t quotient = r / next_r;
    r = std::exchange(next_r, r - quotient * next_r);
    x = std::exchange(next_x, x - quotient * next_x);
  }
  return centred(x);
}

Residue ResidueField::from(double x) const {
  const std::uint64_t bits = std::bit_cast<std::uint64_t>(x);
  const std::uint64_t biased = bits >> 52 & 0x7FF, fraction = bits & ((std::uint64_t{1} << 52) - 1);
  const std::uint64_t integer = biased == 0 ? fraction : fraction | std::uint64_t{1} << 52;
  const std::uint64_t unit = biased == 0 ? 0 : biased - 1;  // counted from 2^-1074
  // Horner's rule on the upper and lower 26 bits: at most 2^27 2^24 + 2^26.
  const Residue shift = powers_of_two_[26 - lowest_unit];
  const Residue magnitude = reduce(static_cast<double>(integer >> 26) * shift +
                                   static_cast<double>(integer & ((std::uint64_t{1} << 26) - 1)));
  const Residue sign = 1 - 2 * static_cast<Residue>(bits >> 63);  // no branch: signs cannot be predicted
  return sign * multiply(magnitude, powers_of_two_[unit]);
}

std::vector<Residue> ResidueField::from(const Tensor<double>& t) const {
  std::vector<Residue> out(t.data.size());
  std::transform(t.data.begin(), t.data.end(), out.begin(), [&](double x) { return from(x); });
  return out;
}

std::vector<std::int32_t> draw_residue_primes(std::uint64_t seed, int count) {
  constexpr std::int32_t lowest = std::int32_t{1} << (residue_prime_bits - 1);
  RandomStream random(seed, "residue primes");
  std::vector<std::int32_t> primes;
  std::unordered_set<std::int32_t> drawn;
  while (static_cast<int>(primes.size()) < count) {
    const std::int32_t n = lowest + static_cast<std::int32_t>(random.below(lowest));
    if (is_prime(n) && drawn.insert(n).second) primes.push_back(n);
  }
  return primes;
}

}  // namespace gradzone
