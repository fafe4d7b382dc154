// Block fixed point numbers: conversion, rounding and rescaling against big integers.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "support/fixed_numbers.hpp"

namespace gradzone {
namespace {

using support::Integer;
using support::Mix;
using support::whole;

constexpr int bits = 12000;  ///< exact numbers are in units of 2^-bits

/// whole 2^place in units of 2^-bits.
Integer number(const Integer& digits, int place) {
  return digits << (bits + place);
}
Integer number(const FixedTensor& t, Index i) {
  const std::size_t block = static_cast<std::size_t>(i / t.block_size());
  return number(whole(t, i), t.exponent[block] - limb_bits * t.limbs);
}
Integer number(const FixedSums& s, Index i) {
  const std::size_t block = static_cast<std::size_t>(i / (s.size() / static_cast<Index>(s.exponent.size())));
  return number(whole(s, i), s.exponent[block] - limb_bits * s.planes);
}
Integer number(double x) {
  int e = 0;
  const double significand = std::frexp(x, &e);
  return number(Integer(std::ldexp(significand, 53)), e - 53);
}

/// The distance of a number from the last place of entry i of t, in halves of it, rounded up.
Integer half_units_off(const Integer& x, const FixedTensor& t, Index i) {
  const int place = t.exponent[static_cast<std::size_t>(i / t.block_size())] - limb_bits * t.limbs;
  const Integer half = Integer(1) << (bits + place - 1);
  return (abs(x - number(t, i)) + half - 1) / half;
}

void expect_in_range(const FixedTensor& t) {
  EXPECT_TRUE(support::balanced(t, t.limbs, 0));
  for (Index i = 0; i < t.size(); ++i) EXPECT_LT(t.magnitude(i), 0.49 * (1 + 0x1p-50));
}

double random_double(RandomStream& random, int lowest, int highest) {
  if (random.below(8) == 0) return random.below(2) == 0 ? 0.0 : -0.0;
  const int e = lowest + static_cast<int>(random.below(static_cast<std::uint64_t>(highest - lowest + 1)));
  const double significands[] = {
      1, -1, 1 + 0x1p-52, -2 + 0x1p-52, random.uniform(1, 2), random.uniform(-2, -1)};
  return std::ldexp(significands[random.below(6)], e);
}

TEST(FixedTensor, holds_doubles_exactly_in_the_fewest_limbs) {
  std::uint64_t seed = 0;
  for (const auto& [lowest, highest] : {std::pair{0, 0},
                                        {-3, 4},
                                        {-60, 60},
                                        {-400, -300},
                                        {-1074, -1060},
                                        {1000, 1023},
                                        {-149, 127},
                                        {-500, 600}}) {
    SCOPED_TRACE(::testing::Message() << "exponents " << lowest << " to " << highest << ", seed " << ++seed);
    RandomStream random(seed, "fixed from doubles");
    Tensor<double> t({3, 100});
    for (double& x : t.data) x = random_double(random, lowest, highest);
    std::vector<bool> exact;
    const FixedTensor f = fixed_from_doubles(t, 3, most_limbs, &exact);
    EXPECT_EQ(exact, std::vector<bool>(3, true));
    EXPECT_EQ(f.shape, t.shape);
    expect_in_range(f);
    for (Index i = 0; i < t.size(); ++i) {
      EXPECT_EQ(number(f, i), number(t[i])) << t[i];
      EXPECT_EQ(f.sign(i), t[i] > 0 ? 1 : t[i] < 0 ? -1 : 0);
      const int e = f.exponent[static_cast<std::size_t>(i / 100)];
      const double least = t[i] == 0 ? 0 : FixedTensor::least_magnitude,
                   scaled = std::max(std::fabs(std::ldexp(t[i], -e)), least);
      EXPECT_LE(std::fabs(f.magnitude(i) - scaled), 0x1p-51 * scaled);
    }
    const std::int64_t* last = f.plane(f.limbs - 1);
    EXPECT_TRUE(f.limbs == 1 || std::any_of(last, last + f.size(), [](std::int64_t d) { return d != 0; }))
        << f.limbs << " limbs are one too many";
  }
}

TEST(FixedTensor, takes_one_more_limb_where_the_last_bit_needs_it_and_not_before) {
  // Numbers below 2 have exponent 3 and one limb ends at 2^-49.
  for (int last = 1; last <= 52; ++last) {
    const Tensor<double> t({2}, {1 + std::ldexp(1, -last), -1});
    std::vector<bool> exact;
    const FixedTensor f = fixed_from_doubles(t, 1, most_limbs, &exact);
    EXPECT_EQ(f.exponent[0], 3);
    EXPECT_EQ(f.limbs, last <= 49 ? 1 : 2) << "last bit 2^-" << last;
    EXPECT_TRUE(exact[0]);
  }
}

TEST(FixedTensor, says_which_blocks_of_doubles_do_not_fit) {
  RandomStream random(1, "too few limbs");
  for (const int most : {1, 2, 5}) {
    Tensor<double> t({4, 50});
    for (Index i = 0; i < t.size(); ++i) t[i] = random_double(random, i < 100 ? -100 : -3, 3);
    for (Index i = 50; i < 100; ++i) t[i] = i % 3 == 0 ? 0 : -0.5;  // fits anywhere
    for (Index i = 150; i < 200; ++i) t[i] = 0;
    std::vector<bool> exact;
    const FixedTensor f = fixed_from_doubles(t, 4, most, &exact);
    expect_in_range(f);
    EXPECT_EQ(f.exponent[3], 0);
    for (std::size_t b = 0; b < 4; ++b) {
      bool all = true;
      for (Index i = static_cast<Index>(b) * 50; i < static_cast<Index>(b + 1) * 50; ++i) {
        all = all && number(f, i) == number(t[i]);
        EXPECT_LE(half_units_off(number(t[i]), f, i), 2);
      }
      EXPECT_EQ(exact[b], all) << "block " << b << ", at most " << most << " limbs";
    }
    EXPECT_EQ(exact[0], most == 5);
    EXPECT_TRUE(exact[1] && exact[3]);
  }
}

/// Sums as products leave them (balanced from the second plane on), or with digits anywhere below 2^62.
FixedSums random_sums(Shape shape, int planes, Index blocks, RandomStream& random, Mix mix, bool balanced) {
  FixedSums out(std::move(shape), planes, blocks);
  out.balanced = balanced;
  for (int l = 0; l < planes; ++l)
    for (Index i = 0; i < out.size(); ++i) {
      const bool wide = !balanced || l == 0;
      out.plane(l)[i] = support::random_digit(random, mix) * (wide ? 1 << random.below(11) : 1);
    }
  for (int& e : out.exponent) e = static_cast<int>(random.below(6001)) - 3000;
  return out;
}

/// After rounding: as near as it gets, flagged where and only where it is not the number itself.
void expect_rounded(const std::vector<Integer>& before, const FixedTensor& after,
                    const std::vector<std::uint8_t>& inexact) {
  EXPECT_TRUE(support::balanced(after, after.limbs, 0));
  for (Index i = 0; i < after.size(); ++i) {
    const Integer& x = before[static_cast<std::size_t>(i)];
    // Half a unit and what balanced digits leave beyond it (rounding_error).
    const int place =
        after.exponent[static_cast<std::size_t>(i / after.block_size())] - limb_bits * after.limbs;
    const Integer most = support::scaled_up(rounding_error, 60) << (bits + place - 60);
    EXPECT_LE(abs(x - number(after, i)), most) << "entry " << i;
    EXPECT_EQ(inexact[static_cast<std::size_t>(i)] != 0, x != number(after, i)) << "entry " << i;
  }
}

template <class Numbers>
std::vector<Integer> numbers(const Numbers& t) {
  std::vector<Integer> out;
  for (Index i = 0; i < t.size(); ++i) out.push_back(number(t, i));
  return out;
}

TEST(FixedTensor, rounds_sums_to_nearest_and_flags_what_is_inexact) {
  std::uint64_t seed = 0;
  for (const int planes : {1, 2, 3, 4, 8, most_limbs + 2})
    for (const int limbs : {1, 2, 3, 5, 9, most_limbs})
      for (const Mix mix : support::all_mixes)
        for (const bool balanced : {false, true}) {
          SCOPED_TRACE(::testing::Message() << planes << " planes to " << limbs << " limbs, seed " << ++seed);
          RandomStream random(seed, "round sums");
          FixedSums sums = random_sums({2, 23}, planes, 2, random, mix, balanced);
          // Blocks whose first planes are zero, one of zeros only.
          const Index leading = static_cast<Index>(random.below(static_cast<std::uint64_t>(planes) + 1));
          for (int l = 0; l < leading; ++l) std::fill_n(sums.plane(l) + 23, 23, std::int64_t{0});
          const std::vector<Integer> before = numbers(sums);
          std::vector<std::uint8_t> inexact(46, 2);
          const FixedTensor after = round_sums(sums, limbs, inexact.data());
          expect_rounded(before, after, inexact);
          expect_in_range(after);
          for (std::size_t b = 0; b < 2; ++b) {
            Integer largest = 0;
            for (std::size_t i = b * 23; i < (b + 1) * 23; ++i)
              largest = std::max<Integer>(largest, abs(before[i]));
            if (largest == 0) {
              EXPECT_EQ(after.exponent[b], 0);
              continue;
            }
            // The exponent is the smallest, or next to it.
            EXPECT_GE(largest << 3, Integer(1) << (bits + after.exponent[b])) << "block " << b;
          }
        }
}

TEST(FixedTensor, is_rescaled_by_any_number_of_places_either_way) {
  std::uint64_t seed = 0;
  for (const int shift : {0, 1, 2, 25, 50, 51, 52, 53, 103, 104, 105, 155, 156, 157, 520, 1300, 1456, 3000})
    for (const int limbs : {1, 2, 3, 5, most_limbs})
      for (const Mix mix : support::all_mixes) {
        SCOPED_TRACE(::testing::Message() << "by " << shift << " to " << limbs << " limbs, seed " << ++seed);
        RandomStream random(seed, "rescale");
        FixedTensor t(Shape{2, 300}, 4, 2);  // more entries than one tile
        for (int l = 0; l < 4; ++l)
          for (Index i = 0; i < t.size(); ++i)
            t.plane(l)[i] = support::random_digit(random, mix) / (l == 0 ? 2 : 1);
        t.exponent = {static_cast<int>(random.below(4001)) - 2000, -17};
        const std::vector<int> exponent{t.exponent[0] + shift, t.exponent[1] + shift % 52};
        std::vector<std::uint8_t> inexact(600, 2);
        const FixedTensor right = rescale(t, limbs, exponent, inexact.data());
        EXPECT_EQ(right.exponent, exponent);
        expect_rounded(numbers(t), right, inexact);
        if (limbs < most_limbs || shift > limb_bits * (most_limbs - 4)) continue;
        // Nothing was lost on the way right, so that the way back left gives the number again.
        const FixedTensor back = rescale(right, 4, t.exponent, inexact.data());
        EXPECT_EQ(back.digits, t.digits);
        EXPECT_EQ(std::count(inexact.begin(), inexact.end(), 0), 600);
      }
}

TEST(FixedTensor, rounds_a_carry_through_all_digits) {
  FixedTensor t(Shape{1, 2}, 3, 1);
  for (const Index i : {0, 1}) {
    t.plane(0)[i] = 5;
    t.plane(1)[i] = support::largest_digit;
    t.plane(2)[i] = i == 0 ? 0 : support::largest_digit;
  }
  std::uint8_t inexact[2];
  const FixedTensor down = rescale(t, 2, {1}, inexact);  // ... + (2^51 - 1) / 2: a tie, and just above it
  EXPECT_EQ(down.limbs, 2);
  expect_rounded(numbers(t), down, {inexact[0], inexact[1]});
  EXPECT_EQ(inexact[0], 1);
  EXPECT_EQ(inexact[1], 1);
}

TEST(FixedTensor, of_zeros_is_zero_in_any_unit) {
  FixedTensor t(Shape{2, 3}, 2, 2);
  EXPECT_EQ(t.sign(0), 0);
  EXPECT_EQ(t.magnitude(0), 0);
  std::uint8_t inexact[6] = {1, 1, 1, 1, 1, 1};
  const FixedTensor r = rescale(t, 3, {3000, -3000}, inexact);
  EXPECT_EQ(std::count(r.digits.begin(), r.digits.end(), 0), 18);
  EXPECT_EQ(std::count(inexact, inexact + 6, 0), 6);
  EXPECT_EQ(fixed_from_doubles(Tensor<double>({2, 3}), 2, 5, nullptr).limbs, 1);
}

TEST(FixedTensor, magnitude_is_zero_for_zeros_only) {
  for (int limbs = 1; limbs <= most_limbs; ++limbs) {
    FixedTensor t(Shape{1, 2}, limbs, 1);
    t.plane(limbs - 1)[0] = -1;
    EXPECT_EQ(t.magnitude(0), std::max(std::ldexp(1.0, -limb_bits * limbs), FixedTensor::least_magnitude));
    EXPECT_EQ(t.magnitude(1), 0);
  }
}

TEST(FixedTensor, sign_is_that_of_the_first_digit_that_is_not_zero) {
  FixedTensor t(Shape{1, 3}, 3, 1);
  t.plane(0)[0] = 1;
  t.plane(1)[0] = support::least_digit;
  t.plane(2)[0] = support::least_digit;
  t.plane(2)[1] = -1;
  t.plane(1)[2] = 1;
  t.plane(2)[2] = support::least_digit;
  EXPECT_EQ(t.sign(0), 1);
  EXPECT_EQ(t.sign(1), -1);
  EXPECT_EQ(t.sign(2), 1);
  EXPECT_EQ(t.magnitude(1), 0x1p-156);
  for (Index i = 0; i < 3; ++i) EXPECT_EQ(t.sign(i), number(t, i).sign());
}

}  // namespace
}  // namespace gradzone
