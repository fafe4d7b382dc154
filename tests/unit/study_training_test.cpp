#include <gtest/gtest.h>

#include <limits>

#include "gradzone/base/error.hpp"
#include "gradzone/study/drift_study.hpp"
#include "gradzone/study/published_rates.hpp"
#include "gradzone/study/rate_search.hpp"
#include "gradzone/study/train_study.hpp"

namespace gradzone {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

TEST(TrainingTables, ReadBackToTheSameBytes) {
  const TrainUnit unit{FormatId::fp16, Form::composed, 1e4, 3}, mixed{amp16, Form::direct, 0.5, 0};
  const std::string trace = trace_csv({{unit, {1, 0.1, 0.2, 0.3, 0.4, 1.0 / 3}},
                                       {unit, {2, nan, 0, nan, 0, 1e-9}},
                                       {mixed, {1, 1, 1, 1, 1, 1}}});
  EXPECT_EQ(trace_csv(read_trace_csv(trace, "trace.csv")), trace);
  EXPECT_EQ(trace.substr(0, trace.find('\n')),
            "run,epoch,train_loss,train_accuracy,test_loss,test_accuracy,beta,form,format,lr");

  const std::string times = times_csv({{unit, 1, 0.25, 30000}, {mixed, 2, 1.0 / 3, 1e5}});
  EXPECT_EQ(times_csv(read_times_csv(times, "times.csv")), times);

  ZoneRow row{unit, 1, 21, true, {}};
  row.point.zone = Zone::bifurcation;
  row.point.choices = "native,minimal";
  row.point.witness = "features.0.weight[12] in [1, 2]";
  row.point.delta_real_upper = std::numeric_limits<double>::infinity();
  ZoneRow none{unit, 1, 41, false, {}};
  none.point.cause = "non-finite";
  const std::string zones = zones_csv({row, none});
  EXPECT_EQ(zones_csv(read_zones_csv(zones, "zones.csv")), zones);

  const std::string drift = drift_csv({{1, 30, 0, 1, 0, 0.5, 0.25}, {1, 35, 10, 0, 1.5, nan, nan}});
  EXPECT_EQ(drift_csv(read_drift_csv(drift, "drift.csv")), drift);
}

TEST(TrainingTables, WhatIsNoTableIsNamedWithItsLine) {
  const std::string header =
      "run,epoch,train_loss,train_accuracy,test_loss,test_accuracy,beta,form,format,lr\n";
  for (const char* row : {"-1,1,0,0,0,0,0,direct,fp32,0\n", "0,1,0,0,0,0,0,sideways,fp32,0\n",
                          "0,1,0,0,0,0,0,direct,fp8,0\n", "0,1,0,0,0,0,x,direct,fp32,0\n", "0,1\n"}) {
    try {
      read_trace_csv(header + row, "trace.csv");
      ADD_FAILURE() << row;
    } catch (const InputError& error) {
      EXPECT_TRUE(std::string(error.what()).starts_with("trace.csv: line 2")) << error.what();
    }
  }
}

TEST(PublishedRates, AreThoseOfThePaperAndNoOthers) {
  EXPECT_EQ(published_rate("lenet5", "mnist:data/mnist", OptimiserKind::sgd, FormatId::fp16), 0.0232649);
  EXPECT_EQ(published_rate("vgg11-bn", "svhn:x", OptimiserKind::sgd, FormatId::fp32), 0.0186581);
  EXPECT_FALSE(published_rate("lenet5", "mnist:x", OptimiserKind::adam, FormatId::fp16));
  EXPECT_FALSE(published_rate("lenet5", "mnist:x", OptimiserKind::sgd, FormatId::bf16));
  EXPECT_FALSE(published_rate("lenet5", "glyphs", OptimiserKind::sgd, FormatId::fp32));
}

std::vector<EpochRecord> accuracies(const std::vector<double>& values) {
  std::vector<EpochRecord> out;
  for (const double v : values)
    out.push_back({.epoch = static_cast<int>(out.size()) + 1, .test_accuracy = v});
  return out;
}

TrialResult trial_with(const std::vector<double>& values) {
  return {FormatId::fp32, 0, 0.1, accuracies(values), false};
}

TEST(RateSearch, PrunesBelowTheMedianOfFiveOrMore) {
  std::vector<TrialResult> completed;
  for (const double v : {0.1, 0.2, 0.3, 0.4}) completed.push_back(trial_with({v, v + 0.1, v + 0.2}));
  EXPECT_FALSE(is_below_median(completed, accuracies({0}))) << "four trials are too few to judge by";
  completed.push_back(trial_with({0.5, 0.6, 0.7}));
  EXPECT_TRUE(is_below_median(completed, accuracies({0.29})));
  EXPECT_FALSE(is_below_median(completed, accuracies({0.3})));
  EXPECT_TRUE(is_below_median(completed, accuracies({0.3, 0.39})));
  EXPECT_FALSE(is_below_median(completed, accuracies({0.4, 0.1}))) << "its best counts";
  completed.push_back(trial_with({0.6, 0.7, 0.8}));
  EXPECT_TRUE(is_below_median(completed, accuracies({0.34})));
  EXPECT_FALSE(is_below_median(completed, accuracies({0.36})));
}

TEST(RateSearch, TheBestIsTheFirstOfTheHighestThatWasNotPruned) {
  const std::vector<TrialResult> trials{{FormatId::fp32, 0, 0.1, accuracies({0.2, 0.3}), false},
                                        {FormatId::fp16, 0, 0.1, accuracies({0.2, 0.9}), false},
                                        {FormatId::fp32, 1, 0.2, accuracies({0.8}), true},
                                        {FormatId::fp32, 2, 0.3, accuracies({0.9, 0.4}), false},
                                        {FormatId::fp32, 3, 0.4, accuracies({0.1, 0.4}), false}};
  EXPECT_EQ(best_trial(trials, FormatId::fp32).trial, 2);
  EXPECT_EQ(best_trial(trials, FormatId::fp16).trial, 0);
}

TEST(TrainStudy, SummarisesTheRunsOfAConfiguration) {
  const auto unit = [](double beta, int run, double accuracy) {
    UnitResult u{{FormatId::fp32, Form::direct, beta, run}, {}, {}};
    u.last.epoch = 7;
    u.last.test_accuracy = accuracy;
    return u;
  };
  std::vector<UnitResult> units{unit(0, 0, 0.5), unit(0, 1, 0.75), unit(0, 2, 1.0), unit(1, 0, 0.25)};
  units[3].non_finite = NonFinite{1, 2, "features.2"};
  const auto found = by_configuration(units);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].runs, 3);
  EXPECT_NEAR(found[0].test_accuracy.mean, 0.75, 1e-15);
  EXPECT_NEAR(found[0].test_accuracy.deviation, 0.25, 1e-15);
  EXPECT_EQ(found[0].test_accuracy.lowest, 0.5);
  EXPECT_EQ(found[0].test_accuracy.highest, 1.0);
  EXPECT_EQ(found[0].non_finite, 0);
  EXPECT_EQ(found[1].test_accuracy.deviation, 0);
  EXPECT_EQ(found[1].non_finite, 1);
}

}  // namespace
}  // namespace gradzone
