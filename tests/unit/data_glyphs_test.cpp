#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "gradzone/data/glyphs.hpp"
#include "gradzone/data/strokes.hpp"

namespace gradzone {
namespace {

bool same_image(const Dataset& a, Index i, const Dataset& b, Index j) {
  return a.label(i) == b.label(j) && std::ranges::equal(a.pixels(i), b.pixels(j));
}

TEST(Glyphs, EachImageDependsOnSeedSplitAndIndexAlone) {
  const Dataset few = draw_glyphs(20, "train", 5);
  const Dataset many = draw_glyphs(50, "train", 5);
  for (Index i = 0; i < few.size(); ++i) EXPECT_TRUE(same_image(few, i, many, i)) << i;
  const Dataset other_split = draw_glyphs(20, "test", 5);
  const Dataset other_seed = draw_glyphs(20, "train", 6);
  for (Index i = 0; i < few.size(); ++i) {
    EXPECT_FALSE(same_image(few, i, other_split, i)) << i;
    EXPECT_FALSE(same_image(few, i, other_seed, i)) << i;
  }
}

TEST(Glyphs, AreTheSameBytesOnEveryMachine) {
  EXPECT_EQ(draw_glyphs(1000, "train", 0).fingerprint(),
            "e8168917e319f30c75f75ba29d5bf8410d8f55489d6356f9b043cb0f5be053a8");
}

TEST(Glyphs, DrawEveryDigitAboutEquallyOften) {
  const Dataset data = draw_glyphs(5000, "train", 1);
  std::array<int, 10> count{};
  for (const int y : data.labels()) ++count[static_cast<std::size_t>(y)];
  for (const int n : count) EXPECT_NEAR(n, 500, 5 * std::sqrt(500 * 0.9));
}

TEST(Glyphs, LeaveLargeRegionsOfConstantBackground) {
  const Dataset data = draw_glyphs(500, "train", 2);
  for (Index i = 0; i < data.size(); ++i) {
    const auto pixels = data.pixels(i);
    std::array<int, 256> count{};
    for (const auto p : pixels) ++count[p];
    const auto background = std::max_element(count.begin(), count.end());
    EXPECT_GT(*background, 784 / 3) << "image " << i;
    EXPECT_LT(background - count.begin(), 48) << "image " << i;
    const int brightest = *std::max_element(pixels.begin(), pixels.end());
    EXPECT_GT(brightest, background - count.begin() + 60) << "image " << i << " shows no ink";
  }
}

TEST(Glyphs, KeepTheirInkMostlyOnTheCanvas) {
  // The ink's centre of mass stays within the middle of the image: digits are not pushed out of sight.
  const Dataset data = draw_glyphs(500, "test", 3);
  for (Index i = 0; i < data.size(); ++i) {
    const auto pixels = data.pixels(i);
    const int background = *std::min_element(pixels.begin(), pixels.end());
    double mass = 0;
    double x = 0;
    double y = 0;
    for (int k = 0; k < 784; ++k) {
      const double ink = pixels[static_cast<std::size_t>(k)] - background;
      mass += ink;
      x += ink * (k % 28);
      y += ink * (k / 28);
    }
    EXPECT_NEAR(x / mass, 13.5, 8) << i;
    EXPECT_NEAR(y / mass, 13.5, 8) << i;
  }
}

TEST(Strokes, WriteEveryDigitInSeveralStylesWithinTheirBox) {
  for (int digit = 0; digit < 10; ++digit) {
    EXPECT_GE(digit_styles(digit).size(), 2u);
    for (const DigitStyle& style : digit_styles(digit)) {
      for (const Stroke& stroke : style) {
        ASSERT_GE(stroke.path.size(), 2u);
        for (const PenPosition& p : flatten(stroke, 8)) {
          EXPECT_GT(p.x, -0.15) << digit;
          EXPECT_LT(p.x, 1.15) << digit;
          EXPECT_GT(p.y, -0.15) << digit;
          EXPECT_LT(p.y, 1.15) << digit;
        }
      }
    }
  }
}

TEST(Strokes, FlattenPassesThroughEveryPenPosition) {
  const Stroke stroke{true, {{0, 0}, {1, 0.5}, {0.25, 1}}};
  const auto path = flatten(stroke, 4);
  ASSERT_EQ(path.size(), 9u);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_NEAR(path[4 * i].x, stroke.path[i].x, 1e-15);
    EXPECT_NEAR(path[4 * i].y, stroke.path[i].y, 1e-15);
  }
  EXPECT_EQ(flatten({false, stroke.path}, 4).size(), 3u);
}

}  // namespace
}  // namespace gradzone
