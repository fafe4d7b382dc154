// The worked examples, judged: the figures of boustany2024's introduction and of zones.md, section 6.
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "gradzone/study/example_study.hpp"

namespace gradzone {
namespace {

std::map<std::string, ExampleFinding> findings_in(const char* format) {
  std::map<std::string, ExampleFinding> out;
  for (ExampleFinding& f : judge_examples(worked_examples(), parse_formats(format)))
    out.emplace(f.example, std::move(f));
  return out;
}

std::string verdict(const ExampleFinding& f) {
  return std::string(name(f.point.zone)) + " " + f.point.cause;
}

TEST(WorkedExamples, HaveThePublishedDerivatives) {
  const auto f = findings_in("fp32");
  EXPECT_EQ(f.at("zero program").derivatives[0], 0);
  EXPECT_EQ(std::fabs(f.at("zero program").derivatives[1]), 0x1p-24);  // 5.96e-08
  EXPECT_EQ(f.at("four zeros").derivatives, (std::vector<double>{1, 2.5}));
  EXPECT_EQ(f.at("relu program").derivatives, (std::vector<double>{1, 0}));
}

TEST(WorkedExamples, ShowEveryZone) {
  auto f = findings_in("fp32");
  EXPECT_EQ(verdict(f.at("zero program")), "compensation rounding");
  EXPECT_EQ(verdict(f.at("one maximum")), "regular ");
  EXPECT_EQ(verdict(f.at("four zeros")), "bifurcation ");
  EXPECT_EQ(verdict(f.at("relu program")), "bifurcation ");
  EXPECT_EQ(verdict(f.at("equal patches")), "compensation rounding");
  EXPECT_EQ(verdict(f.at("true tie")), "bifurcation ");
  EXPECT_EQ(verdict(f.at("false tie")), "regular ");
  EXPECT_EQ(f.at("true tie").entry, "conv.weight[0]");
  f = findings_in("fp16");
  EXPECT_EQ(verdict(f.at("false tie")), "compensation false tie");
}

TEST(WorkedExamples, AreATable) {
  const std::string table = examples_csv(judge_examples(worked_examples(), parse_formats("fp32,fp64")));
  EXPECT_EQ(std::count(table.begin(), table.end(), '\n'), 1 + 7 * 2 * 2);
  EXPECT_NE(table.find("zero program,fp32/chain,t.weight[0],native,0,compensation,rounding,max2,structure"),
            std::string::npos)
      << table;
}

}  // namespace
}  // namespace gradzone
