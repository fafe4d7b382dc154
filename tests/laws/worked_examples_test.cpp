// The worked examples of zones.md, section 6, and a few more points whose zones are worked out by hand.
#include <gtest/gtest.h>

#include <cmath>

#include "../support/small_graphs.hpp"
#include "gradzone/arith/formats.hpp"
#include "gradzone/zones/auditor.hpp"

namespace gradzone::support {
namespace {

/// Zone, cause and where it is: what every engine must say alike.
std::string finding(const PointRecord& point) {
  return std::string(name(point.zone)) + " " + point.cause + " at " + point.cause_layer;
}

/// The point as the fast engine sees it with nothing left to chance; the fast engine with residues and the
/// plain engine must agree.
PointRecord audit(const Graph& graph, const Parameters& parameters, const MiniBatch& batch, FormatId format,
                  const char* choices = "native,minimal", Form form = Form::direct,
                  ReferenceOptions reference = {}) {
  const auto with = [&](Engine engine, ProofMode proof) {
    reference.engine = engine;
    reference.proof = proof;
    const Auditor auditor(
        graph, parameters,
        {{format, Order::chain}, form, parse_choices(choices), reference, Backend::reference});
    return auditor.audit(batch).point;
  };
  const PointRecord point = with(Engine::fast, ProofMode::exact);
  const PointRecord plain = with(Engine::plain, ProofMode::exact);
  const PointRecord residue = with(Engine::fast, ProofMode::residue);
  EXPECT_EQ(finding(plain), finding(point));
  EXPECT_EQ(plain.proof, point.proof);
  EXPECT_EQ(finding(residue), finding(point));
  EXPECT_TRUE(residue.proof == point.proof ||
              (point.proof == "exact" && residue.proof.starts_with("residue(2^-1")))
      << residue.proof;
  return point;
}

/// "compensation, rounding, structure": zone, cause and proof in one string.
std::string summary(const PointRecord& point) {
  std::string out = name(point.zone);
  if (!point.cause.empty()) out += ", " + point.cause;
  return out + ", " + point.proof;
}

/// The float gradient of the first parameter tensor.
std::vector<double> float_gradient(const Graph& graph, const Parameters& parameters, const MiniBatch& batch,
                                   FormatId format, const char* choice) {
  return make_float_evaluator(graph, parameters, {format, Order::chain})
      ->run(batch, parse_choice(choice), Form::direct)
      .gradient[0]
      .data;
}

// ---- example 1: the zero program
// ---------------------------------------------------------------------------------

/// t -> max1(t x) - max2(t x) with max1 native whatever is audited.
Graph zero_program() {
  GraphBuilder b("zero program", {1, 2, 2});
  const NodeId z = b.then("t", Conv2d{1, 1, Window::square(1, 1), false});
  const NodeId native = b.add("max1", MaxPool2d{Window::square(2, 2), 0.0}, {z});
  const NodeId audited = b.add("max2", MaxPool2d{Window::square(2, 2), {}}, {z});
  b.add("zero", Add{true}, {native, audited});
  return b.build(Loss::output);
}

TEST(WorkedExample1, TheZeroProgramHasAFloatDerivativeThatIsNotZero) {
  const Graph graph = zero_program();
  const MiniBatch x = batch_of({1, 1, 2, 2}, {1.14, 1.14, 1.14, 1.14});
  for (const double t : {-3.0, -1.0, 0.0, 0.7, 1.0, 12.5}) {
    const Parameters p = parameters_of(graph, {{t}});
    EXPECT_EQ(float_gradient(graph, p, x, FormatId::fp32, "native"), std::vector<double>{0});
    EXPECT_EQ(std::fabs(float_gradient(graph, p, x, FormatId::fp32, "minimal")[0]), 0x1p-24) << t;
    EXPECT_EQ(summary(audit(graph, p, x, FormatId::fp32)), "compensation, rounding, structure") << t;
  }
}

/// t -> max(t x) on the image (1, 2, 3, 4).
Graph scaled_maximum() {
  GraphBuilder b("scaled maximum", {1, 2, 2});
  b.then("t", Conv2d{1, 1, Window::square(1, 1), false});
  b.then("max", MaxPool2d{Window::square(2, 2), {}});
  return b.build(Loss::output);
}

TEST(WorkedExample1, FourDifferentZerosBifurcateAtZeroAlone) {
  const Graph graph = scaled_maximum(), difference = zero_program();
  const MiniBatch x = batch_of({1, 1, 2, 2}, {1, 2, 3, 4});
  for (const FormatId format : all_formats) {
    const Parameters at_zero = parameters_of(graph, {{0}});
    EXPECT_EQ(float_gradient(graph, at_zero, x, format, "native"), std::vector<double>{1});
    EXPECT_EQ(float_gradient(graph, at_zero, x, format, "minimal"), std::vector<double>{2.5});
    const PointRecord point = audit(graph, at_zero, x, format);
    EXPECT_EQ(name(point.zone), std::string("bifurcation"));
    EXPECT_EQ(point.witness, "t.weight[0]");
    EXPECT_EQ(point.delta_real_lower, 1.5);
    EXPECT_EQ(point.delta_real_upper, 1.5);
    EXPECT_TRUE(point.float_sees);
    EXPECT_EQ(name(audit(difference, at_zero, x, format).zone), std::string("bifurcation"));
    for (const double t : {-1.0, 0.5, 3.0}) {
      EXPECT_EQ(summary(audit(graph, parameters_of(graph, {{t}}), x, format)), "regular, branches");
      EXPECT_EQ(summary(audit(difference, parameters_of(graph, {{t}}), x, format)), "regular, branches");
    }
  }
}

// ---- example 2: ReLU
// ---------------------------------------------------------------------------------------------

TEST(WorkedExample2, ReluPrograms) {
  // t -> (relu(-t) + t) - relu(t) is zero everywhere.
  GraphBuilder b("relu zero program", {1});
  const NodeId t = b.then("t", Linear{1, 1, false});
  b.add("minus", Linear{1, 1, false}, {t});
  b.then("left", Activation{});
  const NodeId sum = b.add("sum", Add{}, {b.last(), t});
  const NodeId right = b.add("right", Activation{}, {t});
  b.add("zero", Add{true}, {sum, right});
  const Graph graph = b.build(Loss::output);
  const MiniBatch one = batch_of({1, 1}, {1});
  for (const FormatId format : all_formats) {
    const Parameters at_zero = parameters_of(graph, {{0}, {-1}});
    EXPECT_EQ(float_gradient(graph, at_zero, one, format, "native"), std::vector<double>{1});
    EXPECT_EQ(float_gradient(graph, at_zero, one, format, "native+relu=0.5"), std::vector<double>{0});
    const PointRecord point = audit(graph, at_zero, one, format, "native,native+relu=0.5");
    EXPECT_EQ(name(point.zone), std::string("bifurcation"));
    EXPECT_EQ(point.witness, "t.weight[0]");
    EXPECT_EQ(point.delta_real_lower, 1);
    EXPECT_EQ(point.delta_real_upper, 1);
    for (const double away : {-2.0, 0.25}) {
      const PointRecord regular =
          audit(graph, parameters_of(graph, {{away}, {-1}}), one, format, "native,native+relu=0.5");
      EXPECT_EQ(summary(regular), "regular, branches");
    }
  }
}

// ---- example 3: equal patches
// ------------------------------------------------------------------------------------

TEST(WorkedExample3, EqualPatchesCompensate) {
  GraphBuilder b("equal patches", {1, 5, 5});
  b.then("conv", Conv2d{1, 1, Window::square(3, 1), false});
  b.then("pool", MaxPool2d{Window::square(3, 3), {}});
  b.then("g", Conv2d{1, 1, Window::square(1, 1), false});
  const Graph graph = b.build(Loss::output);
  const MiniBatch x = batch_of({1, 1, 5, 5}, std::vector<double>(25, 1.25));
  for (const FormatId format : all_formats) {
    // fl(g/9) * 1.25 summed nine times is not 1.25 g: g = 41/32 shows it where the accumulator is the storage
    // format (fp64, fp32, fp16-strict), g = 44/32 where g/9 alone is rounded to storage (fp16, bf16). Most
    // values of g round back, g = 1 always does in fp16 and bf16.
    const bool wide_accumulator = format == FormatId::fp16 || format == FormatId::bf16;
    const Parameters w =
        parameters_of(graph, {{0.5, 1, -0.25, 2, 1, 0.5, -1, 0.25, 1}, {wide_accumulator ? 1.375 : 1.28125}});
    const PointRecord point = audit(graph, w, x, format);
    EXPECT_EQ(summary(point), "compensation, rounding, structure") << name(format);
    EXPECT_EQ(point.cause_layer, "pool");
    EXPECT_EQ(point.delta_real_upper, 0);
    EXPECT_LT(point.delta_float_inf, 0.02);
  }
}

// ---- example 4: different patches, true tie
// ----------------------------------------------------------------------

/// A 1x2 convolution with stride 2 and the maximum over its two outputs.
Graph two_patches() {
  GraphBuilder b("two patches", {1, 1, 4});
  b.then("conv", Conv2d{1, 1, row_window(2, 2), false});
  b.then("pool", MaxPool2d{row_window(2, 2), {}});
  return b.build(Loss::output);
}

TEST(WorkedExample4, DifferentPatchesThatTieBifurcate) {
  const Graph graph = two_patches();
  const Parameters w = parameters_of(graph, {{1, 2}});
  const MiniBatch x = batch_of({1, 1, 1, 4}, {2, 1, 0, 2});
  for (const FormatId format : all_formats) {
    EXPECT_EQ(float_gradient(graph, w, x, format, "native"), (std::vector<double>{2, 1}));
    EXPECT_EQ(float_gradient(graph, w, x, format, "minimal"), (std::vector<double>{1, 1.5}));
    const PointRecord point = audit(graph, w, x, format);
    EXPECT_EQ(summary(point), "bifurcation, enclosure");
    EXPECT_EQ(point.delta_real_lower, 1);
    EXPECT_EQ(point.delta_real_upper, 1);
    EXPECT_EQ(point.delta_float_inf, 1);
    EXPECT_EQ(point.delta_float_l1, 1.5);
  }
}

// ---- example 5: false tie
// ----------------------------------------------------------------------------------------

TEST(WorkedExample5, AFalseTieCompensates) {
  const Graph graph = two_patches();
  const Parameters w = parameters_of(graph, {{1, 1}});
  const MiniBatch x = batch_of({1, 1, 1, 4}, {1, 0x1p-12, 1, 0});
  for (const FormatId format : {FormatId::fp16, FormatId::fp16_strict, FormatId::bf16}) {
    const PointRecord point = audit(graph, w, x, format);
    EXPECT_EQ(summary(point), "compensation, false tie, branches") << name(format);
    EXPECT_EQ(point.cause_layer, "pool");
  }
  for (const FormatId format : {FormatId::fp32, FormatId::fp64}) {
    EXPECT_EQ(summary(audit(graph, w, x, format)), "regular, branches");
  }
}

// ---- example 6: undecided
// ----------------------------------------------------------------------------------------

/// One entry is 1 + 2^-4000, the other 1: four scalings by 2^-1000 beside the constant.
Graph hair_apart() {
  GraphBuilder b("a hair apart", {2, 1, 2});
  const NodeId constant = b.then("constant", Conv2d{2, 1, Window::square(1, 1), false});
  b.add("scale1", Conv2d{2, 1, Window::square(1, 1), false}, {0});
  for (const char* layer : {"scale2", "scale3", "scale4"})
    b.then(layer, Conv2d{1, 1, Window::square(1, 1), false});
  b.add("sum", Add{}, {constant, b.last()});
  b.then("pool", MaxPool2d{row_window(2, 2), {}});
  return b.build(Loss::output);
}

TEST(WorkedExample6, EntriesAHairApartNeedPrecisionOrExactMethods) {
  const Graph graph = hair_apart();
  const Parameters p = parameters_of(graph, {{0, 1}, {0x1p-1000, 0}, {0x1p-1000}, {0x1p-1000}, {0x1p-1000}});
  const MiniBatch x = batch_of({1, 2, 1, 2}, {1, 0, 1, 1});
  const auto with = [&](int max_bits, bool exact) {
    return audit(graph, p, x, FormatId::fp64, "native,minimal", Form::direct,
                 {.start_bits = 128, .max_bits = max_bits, .exact = exact});
  };
  const PointRecord capped = with(1024, false);
  EXPECT_EQ(capped.zone, Zone::undecided);
  EXPECT_EQ(capped.proof, "");
  EXPECT_EQ(capped.delta_real_lower, 0);
  EXPECT_GT(capped.delta_real_upper, 0);
  EXPECT_LE(capped.bits_used, 1024);
  EXPECT_EQ(summary(with(8192, false)), "compensation, false tie, branches");
  EXPECT_EQ(with(1024, true).zone, Zone::compensation);
  EXPECT_EQ(with(1024, true).cause, "false tie");
}

// ---- more points worked out by hand
// ------------------------------------------------------------------------------

TEST(HandWorkedPoint, ALostTieMayHideABifurcation) {
  // The patches (1, e, e) and (e, e, 1), e = 2^-11, have one sum. A binary16 chain from 1 on loses both small
  // terms, the other keeps them: the tie is lost, the second patch wins, and the floats see no difference.
  GraphBuilder b("lost tie", {1, 1, 6});
  b.then("conv", Conv2d{1, 1, row_window(3, 3), false});
  b.then("pool", MaxPool2d{row_window(2, 2), {}});
  const Graph graph = b.build(Loss::output);
  const MiniBatch x = batch_of({1, 1, 1, 6}, {1, 0x1p-11, 0x1p-11, 0x1p-11, 0x1p-11, 1});
  const PointRecord point = audit(graph, parameters_of(graph, {{1, 1, 1}}), x, FormatId::fp16_strict);
  EXPECT_EQ(summary(point), "bifurcation, enclosure");
  EXPECT_FALSE(point.float_sees);
  EXPECT_EQ(point.delta_real_lower, (1 - 0x1p-11) / 2);
  EXPECT_TRUE(audit(graph, parameters_of(graph, {{1, 1, 1}}), x, FormatId::fp32).float_sees);
}

TEST(HandWorkedPoint, ALostTieIsACauseOfCompensation) {
  // Means of t (1, e, e) and t (e, e, 1) tie, and both have the derivative (1 + 2 e) / 3 for t: no choice
  // matters over the reals. fp16-strict loses that tie; the second window, three equal means, splits g into
  // three thirds.
  GraphBuilder b("lost tie of means", {1, 1, 18});
  b.then("t", Conv2d{1, 1, Window::square(1, 1), false});
  b.then("avg", AvgPool2d{row_window(3, 3)});
  b.then("pool", MaxPool2d{row_window(3, 3), {}});
  b.then("flatten", Flatten{});
  b.then("sum", Linear{2, 1, false});
  const Graph graph = b.build(Loss::output);
  constexpr double e = 0x1p-11;
  std::vector<double> row{1, e, e, e, e, 1, 0, 0, 0};
  row.resize(18, 1.25);
  const PointRecord point =
      audit(graph, parameters_of(graph, {{1}, {1, 1}}), batch_of({1, 1, 1, 18}, row), FormatId::fp16_strict);
  EXPECT_EQ(summary(point), "compensation, lost tie, exact");
  EXPECT_EQ(point.cause_layer, "pool");
}

TEST(HandWorkedPoint, AFalseTieAtZeroCompensates) {
  // relu(2^-10 * 2^-15) is positive over the reals and 0 in fp16, whose smallest number is 2^-24.
  GraphBuilder b("false zero", {1});
  b.then("fc", Linear{1, 1, false});
  b.then("relu", Activation{});
  const Graph graph = b.build(Loss::output);
  const Parameters w = parameters_of(graph, {{0x1p-10}});
  const MiniBatch x = batch_of({1, 1}, {0x1p-15});
  const char* choices = "native,native+relu=1";
  EXPECT_EQ(summary(audit(graph, w, x, FormatId::fp16, choices)), "compensation, false tie, branches");
  EXPECT_EQ(summary(audit(graph, w, x, FormatId::fp16_strict, choices)), "compensation, false tie, branches");
  EXPECT_EQ(summary(audit(graph, w, x, FormatId::bf16, choices)), "regular, branches");
  EXPECT_EQ(summary(audit(graph, w, x, FormatId::fp32, choices)), "regular, branches");
}

TEST(HandWorkedPoint, TheComposedFormAloneCancels) {
  // One entry a window: no tie anywhere, yet beta m + (1 - beta) m is not m in floats for beta = 0.1.
  GraphBuilder b("cancellation", {1, 1, 2});
  b.then("conv", Conv2d{1, 1, Window::square(1, 1), false});
  b.then("pool", MaxPool2d{row_window(2, 2), {}});
  b.then("out", Conv2d{1, 1, Window::square(1, 1), false});
  const Graph graph = b.build(Loss::output);
  const Parameters p = parameters_of(graph, {{1}, {1}});
  const MiniBatch x = batch_of({1, 1, 1, 2}, {1.3, 0.7});
  const char* choices = "native,beta=10000";
  const PointRecord composed = audit(graph, p, x, FormatId::fp16, choices, Form::composed);
  EXPECT_EQ(summary(composed), "compensation, cancellation, branches");
  EXPECT_EQ(composed.cause_layer, "pool");
  EXPECT_EQ(summary(audit(graph, p, x, FormatId::fp16, choices, Form::direct)), "regular, branches");
}

TEST(HandWorkedPoint, OverflowIsNonFinite) {
  // 300 * 300 is beyond fp16's 65504; the tie of equal patches agrees over the reals.
  GraphBuilder b("overflow", {1, 1, 2});
  b.then("conv", Conv2d{1, 1, Window::square(1, 1), false});
  b.then("pool", MaxPool2d{row_window(2, 2), {}});
  b.then("out", Conv2d{1, 1, Window::square(1, 1), false});
  const Graph graph = b.build(Loss::output);
  const Parameters p = parameters_of(graph, {{300}, {1}});
  const MiniBatch x = batch_of({1, 1, 1, 2}, {300, 300});
  const PointRecord half = audit(graph, p, x, FormatId::fp16);
  EXPECT_EQ(name(half.zone), std::string("compensation"));
  EXPECT_EQ(half.cause, "non-finite");
  EXPECT_EQ(half.cause_layer, "conv");
  EXPECT_TRUE(std::isinf(half.delta_float_inf));
  EXPECT_EQ(summary(audit(graph, p, x, FormatId::bf16)), "regular, structure");
}

/// The tie of example 4 as one feature of two logits.
Graph tied_feature() {
  GraphBuilder b("tied feature", {1, 1, 4});
  b.then("conv", Conv2d{1, 1, row_window(2, 2), false});
  b.then("pool", MaxPool2d{row_window(2, 2), {}});
  b.then("flatten", Flatten{});
  b.then("fc", Linear{1, 2, true});
  return b.build(Loss::cross_entropy);
}

TEST(HandWorkedPoint, ABatchMayAgreeAlthoughItsSamplesDoNot) {
  // Equal logits, so p = (1/2, 1/2); the labels 0 and 1 make opposite errors of the same image.
  const Graph graph = tied_feature();
  const Parameters p = parameters_of(graph, {{1, 2}, {1, -1}, {-4, 4}});
  const std::vector<double> image{2, 1, 0, 2};
  std::vector<double> twice = image;
  twice.insert(twice.end(), image.begin(), image.end());
  for (const FormatId format : all_formats) {
    for (const int label : {0, 1}) {
      EXPECT_EQ(summary(audit(graph, p, batch_of({1, 1, 1, 4}, image, {label}), format)),
                "bifurcation, enclosure");
    }
    EXPECT_EQ(summary(audit(graph, p, batch_of({2, 1, 1, 4}, twice, {0, 1}), format)), "regular, exact");
  }
}

TEST(HandWorkedPoint, LogitsThatShareTheTieAgree) {
  // The maximum enters both logits alike: p_0 - [0 = y] and p_1 - [1 = y] sum to zero.
  const Graph graph = tied_feature();
  const Parameters p = parameters_of(graph, {{1, 2}, {1, 1}, {0, 3}});
  const PointRecord point = audit(graph, p, batch_of({1, 1, 1, 4}, {2, 1, 0, 2}, {0}), FormatId::fp32);
  EXPECT_NE(name(point.zone), std::string("bifurcation"));
  EXPECT_EQ(point.proof, "exact");
  EXPECT_EQ(point.delta_real_upper, 0);
}

TEST(HandWorkedPoint, EqualLogitsOfOneSampleShareTheirUnknown) {
  // Logits (4, 4, 0), label 2, rows (d, -d, 0) of the tied feature: p_0 = p_1 makes the differences cancel.
  GraphBuilder b("opposite rows", {1, 1, 4});
  b.then("conv", Conv2d{1, 1, row_window(2, 2), false});
  b.then("pool", MaxPool2d{row_window(2, 2), {}});
  b.then("flatten", Flatten{});
  b.then("fc", Linear{1, 3, true});
  const Graph graph = b.build(Loss::cross_entropy);
  const MiniBatch x = batch_of({1, 1, 1, 4}, {2, 1, 0, 2}, {2});
  const PointRecord agree =
      audit(graph, parameters_of(graph, {{1, 2}, {1, -1, 0}, {0, 8, 0}}), x, FormatId::fp32);
  EXPECT_EQ(summary(agree), "regular, exact");
  const PointRecord differ =
      audit(graph, parameters_of(graph, {{1, 2}, {1, -1, 0}, {0, 7, 0}}), x, FormatId::fp32);
  EXPECT_EQ(summary(differ), "bifurcation, enclosure");
}

}  // namespace
}  // namespace gradzone::support
