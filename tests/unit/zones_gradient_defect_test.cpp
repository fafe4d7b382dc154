// What is wrong with a tensor: each defect by its own measure, and honest errors by none.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "gradzone/zones/gradient_defect.hpp"

namespace gradzone {
namespace {

using Kind = Defect::Kind;

/// Entry i is about 1 / (i + 1), with changing signs; rounding explains a millionth of it.
ExpectedTensor expectation(const Shape& shape = {4, 4}, Index batch = 8) {
  ExpectedTensor out{Tensor<double>(shape), {}, Tensor<double>(shape), batch};
  for (Index i = 0; i < out.real.size(); ++i) {
    out.real[i] = (i % 3 == 0 ? -1.0 : 1.0) / static_cast<double>(i + 1);
    out.parameter[i] = std::sin(static_cast<double>(i));
    out.budget.push_back(1e-6 * std::fabs(out.real[i]));
  }
  return out;
}

Defect after(const std::function<void(Tensor<double>&)>& change, const ExpectedTensor& expected) {
  Tensor<double> computed = expected.real;
  change(computed);
  return find_defect(computed, expected);
}
Defect after(const std::function<void(Tensor<double>&)>& change) {
  return after(change, expectation());
}

std::string text(const Defect& defect) {
  return defect_text(defect, "fc.weight", 8);
}

TEST(GradientDefect, RoundingIsNone) {
  const ExpectedTensor expected = expectation();
  const auto round = [&](Tensor<double>& t) {
    for (Index i = 0; i < t.size(); ++i) t[i] *= 1 + 0.9e-6 * (i % 2 == 0 ? 1 : -1);
  };
  EXPECT_EQ(after(round).kind, Kind::none);
  Tensor<double> computed = expected.real;
  round(computed);
  EXPECT_NEAR(share_of_budget(computed, expected), 0.9, 1e-3);
  EXPECT_EQ(text(after(round)), "");
}

TEST(GradientDefect, AFactorIsNamed) {
  const auto times = [](double factor) {
    return after([&](Tensor<double>& t) {
      for (double& x : t.data) x *= factor;
    });
  };
  EXPECT_EQ(times(1.01).kind, Kind::factor);
  EXPECT_EQ(text(times(1.01)), "scaled by 1.0100");
  EXPECT_EQ(text(times(8)), "8 times too large: the sum over the batch instead of the mean?");
  EXPECT_EQ(text(times(0.125)), "8 times too small: divided by the batch twice?");
  EXPECT_EQ(text(times(65536)), "65536 times too large: a loss scale that was not divided out?");
  EXPECT_EQ(text(times(-1)), "the sign of every entry is turned round");
  EXPECT_EQ(text(times(1e-5)), "scaled by 1e-05");
}

TEST(GradientDefect, FlippedSignsAreCountedAndNamed) {
  const Defect one = after([](Tensor<double>& t) { t[5] *= -1; });
  EXPECT_EQ(one.kind, Kind::signs);
  EXPECT_EQ(text(one), "1 sign flipped, first at fc.weight[5]");
  const Defect two = after([](Tensor<double>& t) { t[9] *= -1, t[2] *= -1; });
  EXPECT_EQ(text(two), "2 signs flipped, first at fc.weight[2]");
}

TEST(GradientDefect, ATransposedSquareIsSeen) {
  const ExpectedTensor expected = expectation();
  const Defect defect = after([&](Tensor<double>& t) {
    for (Index i = 0; i < 4; ++i)
      for (Index j = 0; j < 4; ++j) t[i * 4 + j] = expected.real[j * 4 + i];
  });
  EXPECT_EQ(defect.kind, Kind::axes);
  EXPECT_EQ(text(defect), "transposed: axes 0 and 1 are exchanged");
}

TEST(GradientDefect, NumbersThatAreNoneComeFirst) {
  const Defect defect = after([](Tensor<double>& t) {
    t[3] = std::numeric_limits<double>::quiet_NaN();
    t[4] = 7;
  });
  EXPECT_EQ(defect.kind, Kind::not_finite);
  EXPECT_EQ(text(defect), "NaN or infinity, first at fc.weight[3]");
}

TEST(GradientDefect, ADetachedTensorIsAllZero) {
  const auto zero = [](Tensor<double>& t) { t.data.assign(t.data.size(), 0); };
  EXPECT_EQ(after(zero).kind, Kind::zero);
  ExpectedTensor dead = expectation();
  zero(dead.real);
  dead.budget.assign(dead.budget.size(), 1e-45);
  EXPECT_EQ(after(zero, dead).kind, Kind::none);  // rightly so
}

TEST(GradientDefect, WeightDecayIsSeen) {
  const ExpectedTensor expected = expectation();
  const Defect defect = after([&](Tensor<double>& t) {
    for (Index i = 0; i < t.size(); ++i) t[i] += 5e-4 * expected.parameter[i];
  });
  EXPECT_EQ(defect.kind, Kind::decay);
  EXPECT_EQ(text(defect), "0.0005 times the parameters is added: weight decay?");
}

TEST(GradientDefect, AMissingTermLeavesZeros) {
  const Defect defect = after([](Tensor<double>& t) { t[6] = t[7] = 0; });
  EXPECT_EQ(defect.kind, Kind::cut);
  EXPECT_EQ(text(defect), "2 entries are 0 and should not be, first at fc.weight[6]: a term is missing?");
}

TEST(GradientDefect, AnythingElseIsShownAtItsWorst) {
  const Defect defect = after([](Tensor<double>& t) { t[1] += 0.25, t[2] += 0.5; });
  EXPECT_EQ(defect.kind, Kind::other);
  EXPECT_EQ(defect.entries, 2);
  EXPECT_EQ(text(defect),
            "2 entries are off, first at fc.weight[1]; worst at [2]: 0.833333 in place of 0.333333");
}

TEST(GradientDefect, WhereRoundingMakesAnythingNothingIsWrong) {
  ExpectedTensor expected = expectation();
  expected.budget[3] = std::numeric_limits<double>::infinity();  // our own program overflows there
  const auto overflow = [](Tensor<double>& t) { t[3] = std::numeric_limits<double>::infinity(); };
  EXPECT_EQ(after(overflow, expected).kind, Kind::none);
  const Defect scaled = after(
      [&](Tensor<double>& t) {
        overflow(t);
        for (double& x : t.data) x *= 3;
      },
      expected);
  EXPECT_EQ(scaled.kind, Kind::factor);
  EXPECT_NEAR(scaled.factor, 3, 1e-9);
}

}  // namespace
}  // namespace gradzone
