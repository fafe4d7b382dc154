// What the tests of multiword arithmetic share: random digits with the awkward ones among them, the exact
// integers that digits stand for, and every kernel the products can run on.
#pragma once

#include "gradzone/kernels/cpu/targets.hpp"
// After targets.hpp, which says what the kernels are compiled for.
#include <gtest/gtest.h>
#include <hwy/highway.h>

#include <boost/multiprecision/cpp_int.hpp>
#include <cmath>
#include <cstdint>
#include <utility>

#include "gradzone/base/random.hpp"
#include "gradzone/exact/fast/fixed_tensor.hpp"
#include "gradzone/exact/fast/products.hpp"

namespace gradzone::support {

using Integer = boost::multiprecision::cpp_int;

inline constexpr std::int64_t least_digit = -(std::int64_t{1} << (limb_bits - 1));
inline constexpr std::int64_t largest_digit = -(least_digit + 1);

/// uniform: all digits alike. extreme: least and largest ones only. lowest: the least one everywhere, whose
/// products are the largest and never cancel. sparse: zeros, +-1 and a few others.
enum class Mix { uniform, extreme, lowest, sparse };
inline constexpr Mix all_mixes[] = {Mix::uniform, Mix::extreme, Mix::lowest, Mix::sparse};

inline std::int64_t random_digit(RandomStream& random, Mix mix) {
  const auto any = static_cast<std::int64_t>(random.bits() >> (64 - limb_bits)) + least_digit;
  switch (mix) {
    case Mix::uniform:
      return any;
    case Mix::extreme:
      return any < 0 ? least_digit : largest_digit;
    case Mix::lowest:
      return least_digit;
    case Mix::sparse:
      break;
  }
  const auto kind = static_cast<std::int64_t>(random.below(8));
  return kind < 5 ? 0 : kind < 7 ? 2 * kind - 11 : any;
}

inline FixedTensor random_fixed(Shape shape, int limbs, Index blocks, RandomStream& random, Mix mix) {
  FixedTensor out(std::move(shape), limbs, blocks);
  for (std::int64_t& digit : out.digits) digit = random_digit(random, mix);
  return out;
}

/// x in units of 2^-bits, rounded towards zero.
inline Integer scaled_up(double x, int bits) {
  return Integer(std::ldexp(x, bits));
}

/// The digits of entry i of a FixedTensor or FixedSums as one integer, in units of its last place.
template <class Numbers>
Integer whole(const Numbers& numbers, int planes, Index i) {
  Integer out = 0;
  for (int l = 0; l < planes; ++l) out = (out << limb_bits) + numbers.plane(l)[i];
  return out;
}
inline Integer whole(const FixedTensor& t, Index i) {
  return whole(t, t.limbs, i);
}
inline Integer whole(const FixedSums& sums, Index i) {
  return whole(sums, sums.planes, i);
}

/// Digits from plane `first` on are balanced, so that they are the only ones of their number.
template <class Numbers>
::testing::AssertionResult balanced(const Numbers& numbers, int planes, int first) {
  for (int l = first; l < planes; ++l)
    for (Index i = 0; i < numbers.size(); ++i) {
      const std::int64_t digit = numbers.plane(l)[i];
      if (digit < least_digit || digit > largest_digit) {
        return ::testing::AssertionFailure() << "digit " << l << " of entry " << i << " is " << digit;
      }
    }
  return ::testing::AssertionSuccess();
}

/// Calls body() with the products on every kernel, and on every SIMD target of the machine where one is
/// written for several.
template <class Body>
void on_every_kernel(const Body& body) {
  const auto with = [&](const ProductKernel* kernel, const char* target) {
    SCOPED_TRACE(::testing::Message() << "kernel " << kernel->name << " " << target);
    use_product_kernel(kernel);
    body();
    use_product_kernel(nullptr);
  };
  with(plain_kernel(), "");
  if (ifma_kernel()) with(ifma_kernel(), "");
  hwy::SetSupportedTargetsForTest(0);
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    with(fma_kernel(), hwy::TargetName(target));
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

}  // namespace gradzone::support
