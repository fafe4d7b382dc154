// Windows that tie, one by one, on graphs small enough to know each of them; and counted, against the audit's
// own counts.
#include <gtest/gtest.h>

#include <algorithm>

#include "gradzone/eval/float_values.hpp"
#include "gradzone/nets/initialise.hpp"
#include "gradzone/nets/nets.hpp"
#include "gradzone/study/tie_tables.hpp"
#include "gradzone/zones/auditor.hpp"
#include "support/small_graphs.hpp"

namespace gradzone {
namespace {

using support::batch_of;
using support::parameters_of;
using support::row_window;

struct Looked {
  PointResult result;
  std::vector<LayerTies> layers;
};

Looked look(const Graph& graph, const Parameters& parameters, const MiniBatch& batch, Format format,
            const char* choices = "native,minimal", Form form = Form::direct,
            ReferenceOptions reference = {}) {
  reference.work = Work::verdict;
  const Auditor auditor(graph, parameters,
                        {format, form, parse_choices(choices), reference, Backend::reference});
  const PointEvidence evidence = auditor.evaluate(batch);
  const auto values =
      float_values(auditor.graph(), auditor.parameters(), format, evidence.batch, auditor.choices()[0], form);
  return {auditor.classify(evidence), list_ties({auditor.graph(), auditor.rules(), evidence.batch,
                                                 evidence.runs, evidence.verdict.branches, values})};
}

Looked look(const Graph& graph, const Parameters& parameters, const MiniBatch& batch, FormatId format) {
  return look(graph, parameters, batch, Format{format, Order::chain});
}

/// "real tie equal": what a window is.
std::string what(const Tie& tie) {
  const std::string why = name(tie.expressions);
  return name(tie.kind) + (why.empty() ? "" : " " + why);
}

/// A 1x2 convolution with stride 2 and the maximum over its two outputs.
Graph two_patches() {
  GraphBuilder b("two patches", {1, 1, 4});
  b.then("conv", Conv2d{1, 1, row_window(2, 2), false});
  b.then("pool", MaxPool2d{row_window(2, 2), {}});
  return b.build(Loss::output);
}

TEST(TieList, EqualPatchesTieInEveryFormat) {
  GraphBuilder b("equal patches", {1, 5, 5});
  b.then("conv", Conv2d{1, 1, Window::square(3, 1), false});
  b.then("pool", MaxPool2d{Window::square(3, 3), {}});
  b.then("g", Conv2d{1, 1, Window::square(1, 1), false});
  const Graph graph = b.build(Loss::output);
  const MiniBatch x = batch_of({1, 1, 5, 5}, std::vector<double>(25, 1.25));
  const Parameters w = parameters_of(graph, {{0.5, 1, -0.25, 2, 1, 0.5, -1, 0.25, 1}, {1.28125}});
  for (const FormatId format : all_formats) {
    const Looked looked = look(graph, w, x, format);
    ASSERT_EQ(looked.layers.size(), 1u);
    const LayerTies& pool = looked.layers[0];
    EXPECT_EQ(pool.layer, "pool");
    EXPECT_TRUE(pool.choices_differ);
    ASSERT_EQ(pool.ties.size(), 1u);
    const Tie& tie = pool.ties[0];
    EXPECT_EQ(what(tie), "real tie equal") << name(format);
    EXPECT_EQ(tie.float_sign, 1);
    EXPECT_EQ(tie.real_sign, 1);
    EXPECT_TRUE(tie.reached);
    EXPECT_EQ(tie.float_members, (std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8}));
    EXPECT_EQ(tie.float_members, tie.real_members);
    EXPECT_EQ(tie.entries, std::vector<double>(9, 6.25));  // 1.25 times the sum of the weights, 5
    EXPECT_EQ(pool.outputs, std::vector<double>{6.25});
    const PixelBox core = pool.core(0, 0);
    EXPECT_EQ((std::vector<Index>{core.x0, core.y0, core.x1, core.y1}), (std::vector<Index>{1, 1, 4, 4}));
  }
}

TEST(TieList, DifferentPatchesAreTold) {
  const Graph graph = two_patches();
  const Looked looked =
      look(graph, parameters_of(graph, {{1, 2}}), batch_of({1, 1, 1, 4}, {2, 1, 0, 2}), FormatId::fp32);
  ASSERT_EQ(looked.layers[0].ties.size(), 1u);
  EXPECT_EQ(what(looked.layers[0].ties[0]), "real tie different");
  EXPECT_EQ(looked.layers[0].ties[0].entries, (std::vector<double>{4, 4}));
  EXPECT_EQ(looked.result.point.zone, Zone::bifurcation);
}

TEST(TieList, AFalseTieIsThereWhereRoundingMakesIt) {
  const Graph graph = two_patches();
  const Parameters w = parameters_of(graph, {{1, 1}});
  const MiniBatch x = batch_of({1, 1, 1, 4}, {1, 0x1p-12, 1, 0});
  const Looked half = look(graph, w, x, FormatId::fp16);
  ASSERT_EQ(half.layers[0].ties.size(), 1u);
  const Tie& tie = half.layers[0].ties[0];
  EXPECT_EQ(what(tie), "false tie");
  EXPECT_EQ(tie.float_members, (std::vector<int>{0, 1}));
  EXPECT_EQ(tie.real_members, std::vector<int>{0});
  EXPECT_EQ(tie.entries, (std::vector<double>{1, 1}));
  EXPECT_EQ(tie.real_sign, 1);
  EXPECT_TRUE(look(graph, w, x, FormatId::fp32).layers[0].ties.empty());
}

/// Over the reals both patches give 2048 + 2: once at once, once as 2048 + 1 + 1, where fp16 rounds 2049 to
/// 2048 twice.
Looked lost(FormatId format) {
  GraphBuilder b("a lost tie", {1, 1, 6});
  b.then("conv", Conv2d{1, 1, row_window(3, 3), false});
  b.then("pool", MaxPool2d{row_window(2, 2), {}});
  const Graph graph = b.build(Loss::output);
  return look(graph, parameters_of(graph, {{1, 1, 1}}), batch_of({1, 1, 1, 6}, {2048, 1, 1, 2048, 2, 0}),
              format);
}

TEST(TieList, ALostTieIsListedWithItsRealEntries) {
  const Looked strict = lost(FormatId::fp16_strict);
  ASSERT_EQ(strict.layers[0].ties.size(), 1u);
  const Tie& tie = strict.layers[0].ties[0];
  EXPECT_EQ(what(tie), "lost tie different");
  EXPECT_FALSE(tie.in_floats);
  EXPECT_TRUE(tie.over_reals);
  EXPECT_EQ(tie.entries, (std::vector<double>{2048, 2050}));
  EXPECT_EQ(tie.float_members, std::vector<int>{1});
  EXPECT_EQ(tie.real_members, (std::vector<int>{0, 1}));
  EXPECT_EQ(what(lost(FormatId::fp32).layers[0].ties.at(0)), "real tie different");
}

TEST(TieList, ZerosThatReluLeavesAreConstants) {
  GraphBuilder b("zeros of a ReLU", {1, 1, 4});
  b.then("conv", Conv2d{1, 1, row_window(1, 1), false});
  b.then("relu", Activation{});
  b.then("pool", MaxPool2d{row_window(2, 2), {}});
  b.then("flatten", Flatten{});
  b.then("sum", Linear{2, 1, false});
  const Graph graph = b.build(Loss::output);
  const Parameters w = parameters_of(graph, {{1}, {1, 0}});
  // A window of zeros, which a derivative reaches, and one of 3 and 3, whose weight is 0.
  const Looked looked = look(graph, w, batch_of({1, 1, 1, 4}, {-1, -2, 3, 3}), FormatId::fp32);
  ASSERT_EQ(looked.layers[0].ties.size(), 2u);
  const auto& ties = looked.layers[0].ties;
  EXPECT_EQ(what(ties[0]), "real tie constant");
  EXPECT_EQ(ties[0].float_sign, 0);
  EXPECT_TRUE(ties[0].reached);
  EXPECT_EQ(what(ties[1]), "real tie equal");
  EXPECT_EQ(ties[1].column, 1);
  EXPECT_FALSE(ties[1].reached);
  // Exactly on the kink a derivative may pass, if the choices say so.
  const auto at_kink = [&](const char* choices) {
    return what(look(graph, w, batch_of({1, 1, 1, 4}, {0, -2, 3, 3}), {FormatId::fp32, Order::chain}, choices)
                    .layers[0]
                    .ties.at(0));
  };
  EXPECT_EQ(at_kink("native,minimal"), "real tie constant");
  EXPECT_EQ(at_kink("native+relu=1,minimal+relu=1"), "real tie different");
}

TEST(TieList, ZeroWindowsOfANormPoolAreListed) {
  GraphBuilder b("norms", {1, 1, 4});
  b.then("conv", Conv2d{1, 1, row_window(1, 1), false});
  b.then("norm", NormPool2d{row_window(2, 2)});
  b.then("flatten", Flatten{});
  b.then("sum", Linear{2, 1, false});
  const Graph graph = b.build(Loss::output);
  const MiniBatch x = batch_of({1, 1, 1, 4}, {0, 0, 3, 4});
  const Looked looked = look(graph, parameters_of(graph, {{1}, {1, 1}}), x, {FormatId::fp32, Order::chain},
                             "native,native+normpool=1");
  ASSERT_EQ(looked.layers[0].ties.size(), 1u);
  const Tie& tie = looked.layers[0].ties[0];
  EXPECT_EQ(what(tie), "real tie different");
  EXPECT_EQ(tie.column, 0);
  EXPECT_TRUE(tie.float_members.empty());
  EXPECT_TRUE(looked.layers[0].choices_differ);
  EXPECT_FALSE(look(graph, parameters_of(graph, {{1}, {1, 1}}), x, FormatId::fp32).layers[0].choices_differ);
}

TEST(TieList, WhatTheReferenceDoesNotDecideIsUndecided) {
  // 1 + 2^-4000 and 1, with too few bits to tell them apart.
  GraphBuilder b("a hair apart", {2, 1, 2});
  const NodeId constant = b.then("constant", Conv2d{2, 1, Window::square(1, 1), false});
  b.add("scale1", Conv2d{2, 1, Window::square(1, 1), false}, {0});
  for (const char* layer : {"scale2", "scale3", "scale4"})
    b.then(layer, Conv2d{1, 1, Window::square(1, 1), false});
  b.add("sum", Add{}, {constant, b.last()});
  b.then("pool", MaxPool2d{row_window(2, 2), {}});
  b.then("pool of one", MaxPool2d{row_window(1, 1), {}});
  const Graph graph = b.build(Loss::output);
  const Parameters p = parameters_of(graph, {{0, 1}, {0x1p-1000, 0}, {0x1p-1000}, {0x1p-1000}, {0x1p-1000}});
  const MiniBatch x = batch_of({1, 2, 1, 2}, {1, 0, 1, 1});
  const auto with = [&](bool exact) {
    return look(graph, p, x, {FormatId::fp64, Order::chain}, "native,minimal", Form::direct,
                {.max_bits = 1024, .exact = exact});
  };
  const Looked capped = with(false);
  ASSERT_EQ(capped.layers.size(), 2u);
  ASSERT_EQ(capped.layers[0].ties.size(), 1u);
  EXPECT_EQ(what(capped.layers[0].ties[0]), "undecided");
  EXPECT_TRUE(capped.layers[0].ties[0].real_members.empty());
  EXPECT_TRUE(capped.layers[1].ties.empty());
  EXPECT_EQ(what(with(true).layers[0].ties.at(0)), "false tie");
}

// ---- against the audit
// ---------------------------------------------------------------------------------------

void expect_counts_of_the_audit(const Looked& looked) {
  std::size_t seen = 0;
  for (const BranchRecord& record : looked.result.branches) {
    const auto layer = std::ranges::find(looked.layers, record.layer, &LayerTies::layer);
    if (layer == looked.layers.end()) continue;
    ++seen;
    SCOPED_TRACE(record.layer + " " + record.format);
    const TieCounts counts = count_ties(*layer);
    EXPECT_EQ(counts.windows, record.windows);
    EXPECT_EQ(counts.false_ties, record.false_ties);
    EXPECT_EQ(counts.lost_ties, record.lost_ties);
    EXPECT_EQ(counts.float_positive, record.float_ties_positive);
    EXPECT_EQ(counts.float_zero,
              record.float_ties_zero + (record.op == "norm_pool2d" ? record.float_zeros : 0));
    EXPECT_EQ(counts.float_negative, record.float_ties_negative);
    EXPECT_EQ(counts.real_positive, record.real_ties_positive);
    EXPECT_EQ(counts.real_zero, record.real_ties_zero + (record.op == "norm_pool2d" ? record.real_zeros : 0));
    EXPECT_EQ(counts.real_negative, record.real_ties_negative);
  }
  EXPECT_EQ(seen, looked.layers.size());
}

TEST(TieList, CountsWhatTheAuditCounts) {
  const Graph graph = make_net("lenet5", BatchNorm::Mode::evaluation);
  const Parameters parameters = initialise(graph, Initialisation::torch, 3);
  const Dataset data = load_dataset("glyphs:40", "test", 5);
  Index listed = 0, false_ties = 0;
  for (const Format format : parse_formats("fp64,fp32,fp16,bf16,fp16-strict,bf16/pairwise")) {
    for (const Index image : {0, 7, 21}) {
      const Looked looked = look(graph, parameters, data.batch(std::span(&image, 1)), format);
      expect_counts_of_the_audit(looked);
      for (const LayerTies& layer : looked.layers) {
        listed += static_cast<Index>(layer.ties.size());
        false_ties += count_ties(layer).false_ties;
        EXPECT_TRUE(std::ranges::is_sorted(
            layer.ties, {}, [](const Tie& t) { return std::tuple(t.channel, t.row, t.column); }));
      }
    }
  }
  EXPECT_GT(listed, 18 * 200);  // far more than the 200 windows that an audit keeps
  EXPECT_GT(false_ties, 0);
}

TEST(TieList, ValuesAreThoseTheBranchesCameFrom) {
  const Graph graph = make_net("lenet5", BatchNorm::Mode::evaluation);
  const Parameters parameters = initialise(graph, Initialisation::torch, 3);
  const Index image = 2;
  const MiniBatch batch = load_dataset("glyphs:40", "test", 5).batch(std::span(&image, 1));
  for (const Format format : parse_formats("fp32,bf16")) {
    const Looked looked = look(graph, parameters, batch, format);
    for (const LayerTies& layer : looked.layers)
      for (const Tie& tie : layer.ties) {
        const double maximum = *std::ranges::max_element(tie.entries);
        for (const int member : tie.float_members)
          EXPECT_EQ(tie.entries[static_cast<std::size_t>(member)], maximum);
        EXPECT_EQ(std::ranges::count(tie.entries, maximum), static_cast<Index>(tie.float_members.size()));
        EXPECT_EQ(layer.outputs[static_cast<std::size_t>(
                      (tie.channel * layer.rows + tie.row) * layer.columns + tie.column)],
                  maximum);
      }
  }
}

}  // namespace
}  // namespace gradzone
