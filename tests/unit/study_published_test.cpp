// Bands and verdicts of published curves, on numbers worked out by hand.
#include <gtest/gtest.h>

#include <limits>

#include "gradzone/base/error.hpp"
#include "gradzone/study/published_curves.hpp"
#include "support/scratch_folder.hpp"

namespace gradzone {
namespace {

using support::message_of;

const std::string header =
    "network,optimiser,bits,beta,epoch,test_accuracy_mean,test_accuracy_sd,test_accuracy_min,test_accuracy_"
    "max,runs\n";

TrainingCurve curve(TrainUnit unit, const std::vector<double>& accuracies) {
  TrainingCurve out{unit, 1, {}};
  for (std::size_t i = 0; i < accuracies.size(); ++i) {
    out.epochs.push_back({static_cast<int>(i) + 1, 1, spread_of(std::vector{accuracies[i]}), {}, {}});
  }
  return out;
}

PublishedCurve published(int bits, double beta, const std::vector<double>& means) {
  PublishedCurve out{"lenet5", "sgd", bits, beta, {}};
  for (std::size_t i = 0; i < means.size(); ++i) {
    const double m = means[i];
    out.epochs.push_back({static_cast<int>(i) + 1, {m, 0.01, m - 0.02, m + 0.01}, 10});
  }
  return out;
}

PublishedVerdict verdict(const std::vector<double>& ours, const std::vector<double>& theirs) {
  // The β = 0 curve says what a network that learned reaches.
  const std::vector<PublishedCurve> all{published(16, 0, std::vector(theirs.size(), 0.9)),
                                        published(16, 1000, theirs)};
  return compare_with_published("lenet5", "sgd", {curve({FormatId::fp16, Form::composed, 1000, 0}, ours)},
                                all)[0]
      .verdict;
}

TEST(TrainingCurves, SpreadOfThreeValuesByHand) {
  const Spread spread = spread_of(std::vector{0.5, 0.7, 0.6});
  EXPECT_DOUBLE_EQ(spread.mean, 0.6);
  EXPECT_DOUBLE_EQ(spread.deviation, 0.1);  // √((0.01 + 0.01 + 0) / 2)
  EXPECT_EQ(spread.lowest, 0.5);
  EXPECT_EQ(spread.highest, 0.7);
  EXPECT_EQ(spread_of(std::vector{0.5}).deviation, 0);
  EXPECT_TRUE(std::isnan(spread_of(std::vector{0.5, std::numeric_limits<double>::quiet_NaN()}).highest));
}

TEST(TrainingCurves, RunsOfAConfigurationAreOneCurve) {
  const TrainUnit a{FormatId::fp32, Form::direct, 0, 0}, a1{FormatId::fp32, Form::direct, 0, 1},
      b{FormatId::fp32, Form::composed, 0, 0};
  const auto row = [](const TrainUnit& unit, int epoch, double accuracy) {
    return TraceRow{unit, {epoch, 2, 0.5, 1, accuracy, 0.1}};
  };
  const auto curves = curves_of({row(a, 1, 0.2), row(a, 2, 0.4), row(a1, 1, 0.4), row(b, 1, 0.9)});
  ASSERT_EQ(curves.size(), 2u);
  EXPECT_EQ(curves[0].runs, 2);
  ASSERT_EQ(curves[0].epochs.size(), 2u);
  EXPECT_DOUBLE_EQ(curves[0].epochs[0].test_accuracy.mean, 0.3);
  EXPECT_EQ(curves[0].last().runs, 1);  // the second run is not there yet
  EXPECT_EQ(curves[0].last().test_accuracy.mean, 0.4);
  EXPECT_EQ(curves[1].unit, b);
}

TEST(PublishedBand, IsTheRangeWidenedByTwoDeviations) {
  const Band band = band_of({1, {0.98, 0.005, 0.97, 0.99}, 10});
  EXPECT_DOUBLE_EQ(band.low, 0.96);
  EXPECT_DOUBLE_EQ(band.high, 1.0);
  EXPECT_TRUE(band.contains(0.96));
  EXPECT_FALSE(band.contains(0.9599));
  EXPECT_TRUE(band.contains(1.0));
  const Band point = band_of({1, {0.098, 0, 0.098, 0.098}, 10});
  EXPECT_TRUE(point.contains(0.098 / 3 + 0.098 / 3 + 0.098 / 3));
  EXPECT_FALSE(point.contains(0.0981));
}

TEST(PublishedComparison, NineOfTenEpochsAreEnough) {
  std::vector<double> ours(10, 0.9);
  const std::vector<double> theirs(10, 0.9);  // band [0.86, 0.93]
  EXPECT_EQ(verdict(ours, theirs), PublishedVerdict::inside);
  ours[3] = 0.94;
  EXPECT_EQ(verdict(ours, theirs), PublishedVerdict::inside);
  ours[4] = 0.85;
  EXPECT_EQ(verdict(ours, theirs), PublishedVerdict::outside);
}

TEST(PublishedComparison, CollapsesCountBeforeTheBand) {
  EXPECT_EQ(verdict({0.12, 0.098}, {0.3, 0.098}), PublishedVerdict::collapsed_as_published);
  EXPECT_EQ(verdict({0.9, 0.9}, {0.3, 0.098}), PublishedVerdict::differs);
  EXPECT_EQ(verdict({0.9, 0.098}, {0.9, 0.9}), PublishedVerdict::differs);
  EXPECT_EQ(verdict({0.9, 0.44}, {0.9, 0.9}), PublishedVerdict::differs);  // less than half
  EXPECT_EQ(verdict({0.9, 0.46}, {0.9, 0.9}), PublishedVerdict::outside);
}

TEST(PublishedComparison, OnlyEpochsThatBothHaveCount) {
  const std::vector<PublishedCurve> all{published(32, 0, {0.9, 0.9, 0.9, 0.2})};
  const auto shorter =
      compare_with_published("lenet5", "sgd", {curve({FormatId::fp32, Form::direct, 0, 0}, {0.9, 0.5})}, all);
  EXPECT_EQ(shorter[0].compared, 2);
  EXPECT_EQ(shorter[0].inside, 1);
  EXPECT_EQ(shorter[0].last_epoch, 2);
  EXPECT_EQ(shorter[0].last_ours, 0.5);
  EXPECT_EQ(shorter[0].last_published, 0.9);
  const auto longer = compare_with_published(
      "lenet5", "sgd", {curve({FormatId::fp32, Form::direct, 0, 0}, std::vector(9, 0.9))}, all);
  EXPECT_EQ(longer[0].compared, 4);
}

TEST(PublishedComparison, MatchesNetworkOptimiserBitsAndBeta) {
  const std::vector<PublishedCurve> all{published(16, 10, {0.9}), published(24, 10, {0.9})};
  const auto found = [&](const char* network, const char* optimiser, TrainUnit unit) {
    return compare_with_published(network, optimiser, {curve(unit, {0.9})}, all)[0].published;
  };
  const TrainUnit fp16{FormatId::fp16, Form::direct, 10, 0}, mixed{amp16, Form::composed, 10, 0};
  EXPECT_EQ(found("lenet5", "sgd", fp16), &all[0]);
  EXPECT_EQ(found("lenet5", "sgd", mixed), &all[1]);
  EXPECT_EQ(found("lenet5-bn", "sgd", fp16), nullptr);
  EXPECT_EQ(found("lenet5", "adam", fp16), nullptr);
  EXPECT_EQ(found("lenet5", "sgd", {FormatId::fp16, Form::direct, 1, 0}), nullptr);
  EXPECT_EQ(found("lenet5", "sgd", {FormatId::fp32, Form::direct, 10, 0}), nullptr);
  EXPECT_EQ(found("lenet5", "sgd", {FormatId::bf16, Form::direct, 10, 0}), nullptr);  // 16 bits, others
}

TEST(PublishedTable, IsReadInAnyOrder) {
  const auto curves = read_published_csv(header +
                                             "lenet5,sgd,16,1000,2,0.098,0,0.098,0.098,10\n"
                                             "lenet5,sgd,32,0,1,0.9,0.01,0.88,0.91,10\n"
                                             "lenet5,sgd,16,1e3,1,0.5,0.1,0.3,0.6,10\n",
                                         "t.csv");
  ASSERT_EQ(curves.size(), 2u);
  ASSERT_EQ(curves[0].epochs.size(), 2u);
  EXPECT_EQ(curves[0].epochs[0].epoch, 1);
  EXPECT_EQ(curves[0].epochs[0].test_accuracy.lowest, 0.3);
  EXPECT_EQ(curves[0].epochs[1].test_accuracy.mean, 0.098);
  EXPECT_EQ(curves[1].bits, 32);
}

TEST(PublishedTable, WhatIsNoneIsNamedWithItsLine) {
  const std::vector<std::pair<std::string, std::string>> bad{
      {"", "empty"},
      {"epoch,beta\n1,2\n", "no column 'network'"},
      {header, "no curve"},
      {header + "lenet5,sgd,16,0,1,99.2,0.05,99.1,99.3,10\n", "line 2, column \"test_accuracy_mean\""},
      {header + "lenet5,sgd,16,0,1,0.9,,0.8,0.95,10\n", "line 2, column \"test_accuracy_sd\""},
      {header + "lenet5,sgd,16,0,1,0.9,0.1,0.91,0.95,10\n", "outside of its minimum and maximum"},
      {header + "lenet5,sgd,16,0,0,0.9,0.1,0.8,0.95,10\n", "line 2, column \"epoch\""},
      {header + "lenet5,sgd,16,inf,1,0.9,0.1,0.8,0.95,10\n", "line 2, column \"beta\""},
      {header + "lenet5,sgd,half,0,1,0.9,0.1,0.8,0.95,10\n", "line 2, column \"bits\""},
      {header + "lenet5,sgd,16,0,1,0.9,0.1,0.8,0.95,10\nlenet5,sgd,16,0,1,0.9,0.1,0.8,0.95,10\n",
       "line 3, column \"epoch\""}};
  for (const auto& [text, what] : bad) {
    const std::string message = message_of<InputError>([&t = text] { read_published_csv(t, "t.csv"); });
    EXPECT_TRUE(message.starts_with("t.csv: ")) << message;
    EXPECT_NE(message.find(what), std::string::npos) << message;
  }
}

}  // namespace
}  // namespace gradzone
