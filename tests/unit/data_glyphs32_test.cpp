#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "gradzone/base/error.hpp"
#include "gradzone/data/glyphs.hpp"
#include "gradzone/data/glyphs32.hpp"

namespace gradzone {
namespace {

TEST(Glyphs32, EachImageDependsOnSeedSplitAndIndexAlone) {
  const Dataset few = draw_glyphs32(20, "train", 5), many = draw_glyphs32(50, "train", 5);
  const Dataset other_split = draw_glyphs32(20, "test", 5), other_seed = draw_glyphs32(20, "train", 6);
  for (Index i = 0; i < few.size(); ++i) {
    EXPECT_EQ(few.pixels(i), many.pixels(i)) << i;
    EXPECT_EQ(few.label(i), many.label(i)) << i;
    EXPECT_NE(few.pixels(i), other_split.pixels(i)) << i;
    EXPECT_NE(few.pixels(i), other_seed.pixels(i)) << i;
  }
}

TEST(Glyphs32, AreTheSameBytesOnEveryMachine) {
  EXPECT_EQ(draw_glyphs32(1000, "train", 0).fingerprint(),
            "5a8f9dd2b7e7c7702d6b911e0365ea3af83e87c9fa39e79980c99e9979d95919");
}

TEST(Glyphs32, DrawEveryDigitAboutEquallyOften) {
  const Dataset data = draw_glyphs32(2000, "train", 1);
  std::array<int, 10> count{};
  for (const int y : data.labels()) ++count[static_cast<std::size_t>(y)];
  for (const int n : count) EXPECT_NEAR(n, 200, 5 * std::sqrt(200 * 0.9));
}

TEST(Glyphs32, HaveEveryColourAboutEquallyOften) {
  const Dataset data = draw_glyphs32(500, "train", 2);
  std::array<double, 3> mean{};
  for (Index i = 0; i < data.size(); ++i) {
    const auto pixels = data.pixels(i);
    for (std::size_t p = 0; p < pixels.size(); ++p) mean[p / 1024] += pixels[p] / (1024.0 * 500);
  }
  for (const double m : mean) EXPECT_NEAR(m, 127.5, 10);
}

TEST(Glyphs32, AreADataSetByName) {
  EXPECT_EQ(load_dataset("glyphs32:7", "test", 1).size(), 7);
  EXPECT_EQ(load_dataset("glyphs32", "test", 1).size(), usual_test_glyphs);
  EXPECT_EQ(load_dataset("glyphs32:7", "test", 1).image_shape(), (Shape{3, 32, 32}));
  EXPECT_THROW(load_dataset("glyphs32:0", "test", 1), UsageError);
}

}  // namespace
}  // namespace gradzone
