// What the composed form makes of the maximum, against values worked out by hand.
#include <gtest/gtest.h>

#include <cmath>

#include "gradzone/study/form_study.hpp"

namespace gradzone {
namespace {

FormBinade binade(const FormLoss& loss, int exponent) {
  for (const FormBinade& b : loss.binades) {
    if (b.exponent == exponent) return b;
  }
  throw std::out_of_range("no such binade");
}

TEST(ComposedLoss, LooksAtEveryPositiveValueOfA16BitFormat) {
  const auto values = [](const FormLoss& loss) {
    Index sum = 0;
    for (const FormBinade& b : loss.binades) sum += b.values;
    return sum;
  };
  EXPECT_EQ(values(composed_loss(FormatId::fp16, 10)), 0x7BFF);  // finite positive bit patterns of binary16
  EXPECT_EQ(values(composed_loss(FormatId::bf16, 10)), 0x7F7F);
}

TEST(ComposedLoss, IsNothingForTheMinimalAndTheNativePool) {
  for (const double beta : {0.0, 1.0})
    for (const FormatId format : all_formats) {
      const FormLoss loss = composed_loss(format, beta);
      for (const FormBinade& b : loss.binades) EXPECT_EQ(b.exact, b.values);
    }
}

TEST(ComposedLoss, RoundsTheProductsOfBinary16) {
  // Between 1 and 1.5 the products lie between 512 and 2048, on grids of 1/2 and 1: 1 is exact, its neighbour
  // 1 + 2^-10 gives 1001 - 1000 = 1.
  const FormBinade one = binade(composed_loss(FormatId::fp16, 1000), 0);
  EXPECT_EQ(one.values, 1024);
  EXPECT_LT(one.exact, 16);
  EXPECT_EQ(one.non_finite, 0);
  EXPECT_LT(one.bits_median, 3);
  EXPECT_GE(one.bits_least, 0);
}

TEST(ComposedLoss, OverflowsWhereBetaTimesTheMaximumDoes) {
  // 1000 * 65.5 rounds to 65500, the next value times 1000 is beyond 65520.
  EXPECT_EQ(composed_loss(FormatId::fp16, 1000).overflows_from, 65.5625);
  EXPECT_EQ(composed_loss(FormatId::fp16, 10000).overflows_from, 6.5546875);
  const FormLoss single = composed_loss(FormatId::fp32, 10000);
  EXPECT_GT(single.overflows_from, 1e34);
  EXPECT_TRUE(std::isfinite(single.overflows_from));
}

TEST(ComposedLoss, LosesAsManyBitsInEveryBinadeWithoutUnderflow) {
  const FormLoss loss = composed_loss(FormatId::fp32, 1000);
  for (const int exponent : {-60, -1, 0, 7, 40}) {
    EXPECT_NEAR(binade(loss, exponent).bits_median, binade(loss, 1).bits_median, 0.1) << exponent;
  }
  // About log2(1000) of the 24 bits.
  EXPECT_NEAR(binade(loss, 0).bits_median, 24 - 10, 2);
}

TEST(ComposedLoss, HasATableOfItsBinades) {
  const std::string csv = forms_csv({composed_loss(FormatId::fp16, 1)});
  EXPECT_TRUE(
      csv.starts_with("format,beta,exponent,values,exact,zero,non_finite,bits_median,bits_least\n"
                      "fp16,1,-24,1,1,0,0,11,11\n"));
}

}  // namespace
}  // namespace gradzone
