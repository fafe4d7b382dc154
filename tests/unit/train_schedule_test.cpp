#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "gradzone/base/error.hpp"
#include "gradzone/train/loss_scaler.hpp"
#include "gradzone/train/schedule.hpp"

namespace gradzone {
namespace {

TEST(Schedule, CosineFallsFromTheBaseRateTowardsZero) {
  const Schedule s = Schedule::parse("cosine");
  EXPECT_EQ(s.rate(0.5, 0, 100), 0.5);
  EXPECT_DOUBLE_EQ(s.rate(0.5, 50, 100), 0.25);
  EXPECT_DOUBLE_EQ(s.rate(1, 25, 100), (1 + std::sqrt(0.5)) / 2);
  EXPECT_DOUBLE_EQ(s.rate(1, 99, 100), (1 + std::cos(std::numbers::pi * 0.99)) / 2);
  for (int e = 1; e < 100; ++e) EXPECT_LT(s.rate(1, e, 100), s.rate(1, e - 1, 100));
}

TEST(Schedule, StepMultipliesEveryFewEpochs) {
  const Schedule s = Schedule::parse("step:30:0.1");
  EXPECT_EQ(s.rate(0.1, 29, 80), 0.1);
  EXPECT_EQ(s.rate(0.1, 30, 80), 0.1 * 0.1);
  EXPECT_DOUBLE_EQ(s.rate(0.1, 79, 80), 0.001);
}

TEST(Schedule, WarmUpRisesToTheSchedule) {
  const Schedule s = Schedule::parse("cosine,warmup:4"), plain = Schedule::parse("cosine");
  EXPECT_EQ(s.rate(1, 0, 20), 0.25);
  EXPECT_DOUBLE_EQ(s.rate(1, 2, 20), plain.rate(1, 2, 20) * 0.75);
  for (int e = 3; e < 20; ++e) EXPECT_EQ(s.rate(1, e, 20), plain.rate(1, e, 20));
  EXPECT_EQ(Schedule::parse("constant").rate(0.3, 7, 9), 0.3);
}

TEST(Schedule, ReadsWhatItWrites) {
  for (const char* text :
       {"constant", "cosine", "step:30:0.1", "cosine,warmup:5", "step:2:0.5,warmup:1", "constant,warmup:3"})
    EXPECT_EQ(Schedule::parse(text).text(), text);
}

TEST(Schedule, RefusesWhatItDoesNotKnow) {
  for (const char* text : {"", "linear", "step", "step:", "step:0:0.1", "step:-3:0.1", "step:3", "step:3:",
                           "step:3:0", "step:3:2", "step:3:nan", "step:3:0.1x", "cosine,", "cosine,warmup",
                           "cosine,warmup:0", "cosine,warmup:2,warmup:3", "cosine,decay:3", "cosine "})
    EXPECT_THROW(Schedule::parse(text), UsageError) << text;
}

TEST(LossScaler, DynamicScaleFollowsTheGradients) {
  LossScaler s = LossScaler::parse("dynamic");
  EXPECT_EQ(s.scale(), 65536);
  EXPECT_FALSE(s.update(false));
  EXPECT_EQ(s.scale(), 32768);
  for (int i = 0; i < 1999; ++i) EXPECT_TRUE(s.update(true));
  EXPECT_EQ(s.scale(), 32768);
  s.update(true);
  EXPECT_EQ(s.scale(), 65536);
  for (int i = 0; i < 1999; ++i) s.update(true);
  s.update(false);  // starts the count again
  for (int i = 0; i < 1999; ++i) s.update(true);
  EXPECT_EQ(s.scale(), 32768);
}

TEST(LossScaler, DynamicScaleStaysFinite) {
  LossScaler s = LossScaler::parse("dynamic");
  s.restore({0x1p127f, 1999});
  EXPECT_TRUE(s.update(true));
  EXPECT_EQ(s.scale(), 0x1p127f);
  EXPECT_EQ(s.state(), (LossScaler::State{0x1p127f, 0}));
  for (int i = 0; i < 300; ++i) EXPECT_FALSE(s.update(false));
  EXPECT_EQ(s.scale(), 0x1p-126f);
}

TEST(LossScaler, FixedScaleStaysAndSkips) {
  LossScaler s = LossScaler::parse("fixed:1024");
  EXPECT_FALSE(s.update(false));
  EXPECT_TRUE(s.update(true));
  EXPECT_EQ(s.scale(), 1024);
  EXPECT_EQ(s.text(), "fixed:1024");
  LossScaler none = LossScaler::parse("none");
  EXPECT_TRUE(none.update(false));
  EXPECT_EQ(none.scale(), 1);
}

TEST(LossScaler, RefusesWhatRounds) {
  for (const char* text : {"", "auto", "fixed", "fixed:", "fixed:0", "fixed:-2", "fixed:3", "fixed:inf",
                           "fixed:nan", "fixed:1e9", "fixed:2 ", "dynamic:2"})
    EXPECT_THROW(LossScaler::parse(text), UsageError) << text;
  EXPECT_EQ(LossScaler::parse("fixed:0.5").scale(), 0.5f);
}

TEST(LossScaler, UnscalesAndFindsWhatIsNotFinite) {
  std::vector<Tensor<float>> g{Tensor<float>({2}, std::vector<float>{8, -4}), Tensor<float>(),
                               Tensor<float>({40'000}, 16.0f)};
  EXPECT_TRUE(unscale(g, 8));
  EXPECT_EQ(g[0].data, (std::vector<float>{1, -0.5f}));
  EXPECT_EQ(g[2][39'999], 2);
  g[2][31'234] = INFINITY;
  EXPECT_FALSE(unscale(g, 1));
  g[2][31'234] = std::nanf("");
  EXPECT_FALSE(unscale(g, 1));
}

}  // namespace
}  // namespace gradzone
