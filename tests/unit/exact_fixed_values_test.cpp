// Enclosures of multiword numbers: what is too small for a double is still an error.
#include <gtest/gtest.h>

#include "gradzone/exact/fast/fixed_layers.hpp"

namespace gradzone {
namespace {

/// One number: digit `limb` is 1, the error at most radius 2^exponent.
FixedValues one_digit(int limb, int limbs, int mid_exponent, double radius, int radius_exponent) {
  FixedValues out{FixedTensor(Shape{1, 1}, limbs, 1), Radii(Shape{1, 1})};
  out.mid.plane(limb)[0] = 1;
  out.mid.exponent = {mid_exponent};
  out.radii.entry = out.radii.pixel = {radius};
  out.radii.exponent = {radius_exponent};
  return out;
}

TEST(FixedValues, of_a_tiny_number_times_a_tiny_error_are_not_exact) {
  // 2^-312 * 2^-450 in units of 2^2000, and a number that is no double any more.
  for (const auto& [limb, mid_exponent] : {std::pair{5, 2000}, {23, 0}}) {
    const FixedValues x = one_digit(limb, 24, 0, 0, 0), y = one_digit(0, 1, mid_exponent, 0x1p-450, 0);
    EXPECT_GT(multiply(x, y, 24).radii.entry[0], 0);
    EXPECT_GT(multiply(y, x, 24).radii.entry[0], 0);
    EXPECT_GT(multiply(x, y, 24).radii.pixel[0], 0);
  }
}

TEST(FixedValues, of_exact_numbers_and_of_zeros_have_exact_products) {
  const FixedValues x = one_digit(0, 1, 3, 0, 0), y = one_digit(1, 2, -7, 0, 0);
  EXPECT_EQ(multiply(x, y, 3).radii.entry[0], 0);
  FixedValues zero = x;
  zero.mid.plane(0)[0] = 0;
  EXPECT_EQ(multiply(zero, one_digit(0, 1, 0, 0.25, 0), 3).radii.entry[0], 0);
}

}  // namespace
}  // namespace gradzone
