// Residue fingerprints, piece by piece, on numbers checked by hand or by GMP.
#include <gmp.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>

#include "../support/small_graphs.hpp"
#include "gradzone/base/error.hpp"
#include "gradzone/base/random.hpp"
#include "gradzone/exact/fast/residue_evaluator.hpp"
#include "gradzone/exact/fast/residue_field.hpp"
#include "gradzone/exact/fast/residue_height.hpp"

namespace gradzone {
namespace {

using support::batch_of;
using support::parameters_of;
using support::row_window;

constexpr std::int32_t first_prime = 16'777'259, last_prime = 33'554'393;  // of [2^24, 2^25)

std::int64_t modulo(std::int64_t x, std::int64_t p) {
  const std::int64_t r = x % p;
  return r > p / 2 ? r - p : r < -(p / 2) ? r + p : r;
}

TEST(ResidueField, ReducesIntegersUpToTheLimitOfItsSums) {
  for (const std::int32_t p : {first_prime, last_prime}) {
    const ResidueField field(p);
    RandomStream random(1, "reduce");
    std::vector<std::int64_t> numbers{0,         1,        -1,           p,         p / 2,
                                      p / 2 + 1, -(p / 2), -(p / 2) - 1, 1LL << 52, -(1LL << 52)};
    for (int k = 0; k < 20'000; ++k) {
      const std::int64_t x = static_cast<std::int64_t>(random.bits() >> (12 + k % 50));
      const std::int64_t multiple = x / p * p;
      for (const std::int64_t n :
           {x, -x, multiple, multiple + p / 2, multiple + p / 2 + 1, -multiple - p / 2})
        numbers.push_back(n);
    }
    for (const std::int64_t n : numbers) {
      if (std::llabs(n) > 1LL << 52) continue;
      ASSERT_EQ(field.reduce(static_cast<double>(n)), modulo(n, p)) << n << " mod " << p;
      ASSERT_EQ(field.from(n), modulo(n, p)) << n << " mod " << p;
    }
  }
}

TEST(ResidueField, InvertsEveryResidue) {
  const ResidueField field(last_prime);
  RandomStream random(2, "invert");
  for (int k = 0; k < 1000; ++k) {
    const Residue a = field.from(1 + static_cast<std::int64_t>(random.below(last_prime - 1)));
    ASSERT_EQ(field.multiply(a, field.inverse(a)), 1) << a;
  }
}

/// m 2^e modulo p by GMP.
std::int64_t residue_by_gmp(double x, std::int32_t p) {
  mpq_t q;
  mpz_t modulus, inverse;
  mpq_init(q);
  mpq_set_d(q, x);
  mpz_init_set_si(modulus, p);
  mpz_init(inverse);
  mpz_invert(inverse, mpq_denref(q), modulus);
  mpz_mul(inverse, inverse, mpq_numref(q));
  mpz_mod(inverse, inverse, modulus);
  const std::int64_t r = mpz_get_si(inverse);
  mpq_clear(q);
  mpz_clears(modulus, inverse, nullptr);
  return modulo(r, p);
}

TEST(ResidueField, TakesEveryFiniteDoubleForTheRationalItIs) {
  using Limits = std::numeric_limits<double>;
  std::vector<double> numbers{0.0,
                              -0.0,
                              1,
                              -1,
                              0.5,
                              0.1,
                              Limits::max(),
                              -Limits::max(),
                              Limits::min(),
                              Limits::denorm_min(),
                              -Limits::denorm_min(),
                              std::nextafter(Limits::min(), 0.0)};
  RandomStream random(3, "doubles");
  for (int k = 0; k < 3000; ++k) {
    const int exponent = static_cast<int>(random.below(2090)) - 1070;
    numbers.push_back(std::ldexp(random.uniform(-1, 1), exponent));
  }
  for (const std::int32_t p : {first_prime, last_prime}) {
    const ResidueField field(p);
    for (const double x : numbers) {
      ASSERT_EQ(field.from(x), residue_by_gmp(x, p)) << x;
    }
  }
}

TEST(ResiduePrimes, AreAsManyAsTheBoundsSay) {
  constexpr int lowest = 1 << (residue_prime_bits - 1), end = 2 * lowest;
  std::vector<char> composite(end);
  std::int64_t count = 0;
  for (int n = 2; n < end; ++n) {
    if (composite[static_cast<std::size_t>(n)]) continue;
    count += n >= lowest;
    for (std::int64_t m = std::int64_t{n} * n; m < end; m += n) composite[static_cast<std::size_t>(m)] = 1;
  }
  EXPECT_EQ(count, residue_primes);
  const std::vector<std::int32_t> drawn = draw_residue_primes(4, 2000);
  for (const std::int32_t p : drawn) {
    EXPECT_GE(p, lowest);
    EXPECT_FALSE(composite[static_cast<std::size_t>(p)]) << p;
  }
  EXPECT_EQ(std::set(drawn.begin(), drawn.end()).size(), drawn.size());
  EXPECT_EQ(draw_residue_primes(4, 100), std::vector(drawn.begin(), drawn.begin() + 100));
  EXPECT_NE(draw_residue_primes(5, 100), std::vector(drawn.begin(), drawn.begin() + 100));
}

TEST(ResidueHeights, HoldCommonDenominators) {
  EXPECT_EQ(Denominator::up_to(10).bits(), 12);                          // 2520
  EXPECT_EQ((Denominator::of(12) * Denominator::of(9)).bits(), 7);       // 108
  EXPECT_EQ(common(Denominator::of(12), Denominator::of(9)).bits(), 6);  // 36
  EXPECT_EQ(common(Denominator::power_of_two(-3), Denominator::one()).bits(), 0);
  EXPECT_EQ((Denominator::power_of_two(-3) * Denominator::power_of_two(5)).bits(), 2);
  EXPECT_EQ(Height::of(0.75).bits(), 2);  // 3 / 4: 3 <= 2^2
  EXPECT_EQ(Height::of(24).bits(), 2);    // 8 divides it: 3 <= 2^2
  EXPECT_EQ(Height::of(std::numeric_limits<double>::denorm_min()).bits(), 1);
}

/// Two windows of one entry each after a 1x2 convolution: patches (a, b) and (c, d), weights w.
struct TwoPatches {
  Graph graph;
  Parameters parameters;
  MiniBatch batch;

  TwoPatches(std::vector<double> x, std::vector<double> w) {
    GraphBuilder builder("two patches", {1, 1, 4});
    builder.then("conv", Conv2d{1, 1, row_window(2, 2), false});
    builder.then("pool", MaxPool2d{row_window(2, 2), {}});
    builder.then("flatten", Flatten{});
    graph = builder.build(Loss::output);
    parameters = parameters_of(graph, {std::move(w)});
    batch = batch_of({1, 1, 1, 4}, std::move(x));
  }
  ResiduePass start(ResidueOptions options = {}) const {
    return ResidueEvaluator(graph, parameters, options).start(batch, parse_choices("native,minimal"));
  }
  std::vector<LayerBranches> branches(std::vector<std::uint8_t> codes) const {
    return {{2, std::move(codes), {1}}};
  }
};

TEST(ResidueEvaluator, FindsThatDifferentPatchesTieAndThatTheChoicesDiffer) {
  const TwoPatches tie({2, 1, 0, 2}, {1, 2});
  for (const auto test : {ResidueOptions::Test::random, ResidueOptions::Test::certain}) {
    ResiduePass pass = tie.start({0, test});
    pass.advance(1, {});
    EXPECT_EQ(pass.equal(1, 0, 1), Equality::equal);
    EXPECT_EQ(pass.equal_to(1, 0, 4), Equality::equal);
    EXPECT_EQ(pass.equal_to(1, 0, 0), Equality::different);
    pass.advance(3, tie.branches({1, 1}));
    EXPECT_EQ(pass.choices_agree({}, {0}), Equality::different);
  }
}

TEST(ResidueEvaluator, FindsThatEqualPatchesTieAndThatTheChoicesAgree) {
  const TwoPatches tie({2, 1, 2, 1}, {1, 2});
  ResiduePass pass = tie.start();
  pass.advance(3, tie.branches({1, 1}));
  EXPECT_EQ(pass.equal(1, 0, 1), Equality::equal);
  EXPECT_EQ(pass.choices_agree({}, {0}), Equality::equal);
  EXPECT_LE(pass.log2_chance(), -100);
}

TEST(ResidueEvaluator, TellsNeighboursApartWhateverTheirScale) {
  for (const double scale : {1.0, 0x1p-1060, 0x1p60, 0x1p-60}) {
    const double next = std::nextafter(scale, 2 * scale);
    const TwoPatches near({scale, 1, next, 1}, {1, 0});
    ResiduePass pass = near.start();
    pass.advance(1, {});
    EXPECT_EQ(pass.equal(1, 0, 1), Equality::different) << scale;
    EXPECT_EQ(pass.equal_to(1, 1, next), Equality::equal) << scale;
  }
}

TEST(ResidueEvaluator, ProvesNothingOfAnImageWithAnUnknownBranch) {
  const TwoPatches tie({2, 1, 2, 1}, {1, 2});
  ResiduePass pass = tie.start();
  pass.advance(3, tie.branches({1, unknown_branch}));
  EXPECT_EQ(pass.equal(1, 0, 1), Equality::equal);
  EXPECT_EQ(pass.equal_to(2, 0, 4), Equality::unproven);
  EXPECT_EQ(pass.choices_agree({}, {0}), Equality::unproven);
}

TEST(ResidueEvaluator, RejectsBranchesThatAreMissingOrOfTheWrongSize) {
  const TwoPatches tie({2, 1, 2, 1}, {1, 2});
  ResiduePass pass = tie.start();
  EXPECT_THROW(pass.advance(3, {}), UsageError);
  EXPECT_THROW(pass.advance(3, tie.branches({1})), UsageError);
}

TEST(ResidueEvaluator, AgreesOnANetworkOfZeros) {
  for (const auto test : {ResidueOptions::Test::random, ResidueOptions::Test::certain}) {
    const TwoPatches zeros({0, 0, 0, 0}, {0, 0});
    ResiduePass pass = zeros.start({0, test});
    pass.advance(3, zeros.branches({1, 1}));
    EXPECT_EQ(pass.equal_to(3, 0, 0), Equality::equal);
    EXPECT_EQ(pass.choices_agree({}, {0}), Equality::equal);
  }
}

/// Each image: two patches whose responses tie; their maximum m gives the logits weights[i] m + biases[i].
struct TiedLogits {
  Graph graph;
  Parameters parameters;

  TiedLogits(std::vector<double> weights, std::vector<double> biases) {
    GraphBuilder builder("tied logits", {1, 1, 4});
    builder.then("conv", Conv2d{1, 1, row_window(2, 2), false});
    builder.then("pool", MaxPool2d{row_window(2, 2), {}});
    builder.then("flatten", Flatten{});
    builder.then("fc", Linear{1, static_cast<Index>(weights.size()), true});
    graph = builder.build(Loss::cross_entropy);
    parameters = parameters_of(graph, {{1, 2}, std::move(weights), std::move(biases)});
  }
  /// A tie in every window.
  ResiduePass run(const MiniBatch& batch) const {
    ResiduePass pass = ResidueEvaluator(graph, parameters).start(batch, parse_choices("native,minimal"));
    const auto windows = static_cast<std::size_t>(batch.size());
    pass.advance(graph.output(), {{2, std::vector<std::uint8_t>(2 * windows, 1), {}}});
    return pass;
  }
};

TEST(ResidueEvaluator, LetsABatchAgreeThoughItsSamplesDiffer) {
  // Patches (2, 1) and (0, 2) tie. Seen first or last, the native choice differs from the minimal one by
  // (1, -1/2) or (-1, 1/2); the maxima, and so the softmax vectors, are the same.
  const TiedLogits net({1, -1}, {0, 0});
  const MiniBatch batch = batch_of({2, 1, 1, 4}, {2, 1, 0, 2, 0, 2, 2, 1}, {0, 0});
  const ResiduePass pass = net.run(batch);
  EXPECT_EQ(pass.choices_agree(batch.labels, {0}), Equality::different);
  EXPECT_EQ(pass.choices_agree(batch.labels, {1}), Equality::different);
  EXPECT_EQ(pass.choices_agree(batch.labels, {0, 1}), Equality::equal);
  EXPECT_EQ(pass.choices_agree(batch.labels, {1, 0}), Equality::equal);
}

TEST(ResidueEvaluator, DoesNotLetSamplesOfDifferentSoftmaxCancel) {
  const TiedLogits net({1, -1}, {0, 0});
  const MiniBatch batch = batch_of({2, 1, 1, 4}, {2, 1, 0, 2, 0, 4, 4, 2}, {0, 0});
  EXPECT_EQ(net.run(batch).choices_agree(batch.labels, {0, 1}), Equality::unproven);
}

TEST(ResidueEvaluator, CountsEqualLogitsAsOneExponential) {
  // m = 4 and all logits are 0, with derivatives 1, -1 and 0 by m: their equal shares cancel for label 2.
  const TiedLogits net({1, -1, 0}, {-4, 4, 0});
  const MiniBatch batch = batch_of({1, 1, 1, 4}, {2, 1, 0, 2}, {2});
  EXPECT_EQ(net.run(batch).choices_agree({2}, {0}), Equality::equal);
  EXPECT_EQ(net.run(batch).choices_agree({0}, {0}), Equality::different);
  const TiedLogits apart({1, -1, 0}, {-4, 4, 1});
  EXPECT_EQ(apart.run(batch).choices_agree({2}, {0}), Equality::equal);  // logits 0 and 1 still share theirs
  const TiedLogits all_apart({1, -1, 0}, {-4, 5, 0});
  EXPECT_EQ(all_apart.run(batch).choices_agree({2}, {0}), Equality::different);
}

TEST(ResidueEvaluator, DecidesNothingBehindSquareRootsInCertainMode) {
  GraphBuilder builder("norm", {2, 1, 1});
  builder.then("bn", BatchNorm{.channels = 2, .eps = 0.5});
  builder.then("flatten", Flatten{});
  builder.then("fc", Linear{2, 1, false});
  const Graph graph = builder.build(Loss::output);
  const Parameters parameters = parameters_of(graph, {{1, 1}, {0, 0}, {0, 0}, {1, 1}, {0, 0}});
  const MiniBatch batch = batch_of({1, 2, 1, 1}, {1, 1});
  const std::vector<Choice> choices = parse_choices("native,minimal");
  ResiduePass random = ResidueEvaluator(graph, parameters).start(batch, choices);
  ResiduePass certain =
      ResidueEvaluator(graph, parameters, {0, ResidueOptions::Test::certain}).start(batch, choices);
  for (ResiduePass* pass : {&random, &certain}) pass->advance(3, {});
  EXPECT_EQ(random.equal_to(3, 0, 0), Equality::equal);
  EXPECT_EQ(random.choices_agree({}, {0}), Equality::equal);
  EXPECT_EQ(random.equal(1, 0, 1), Equality::unproven);  // two channels, two unknowns
  EXPECT_EQ(certain.equal_to(3, 0, 0), Equality::unproven);
  EXPECT_EQ(certain.choices_agree({}, {0}), Equality::unproven);
  EXPECT_EQ(certain.equal(0, 0, 1), Equality::equal);
}

TEST(ResidueEvaluator, ProvesNothingWhereADeviationIsZeroOrNoNumber) {
  for (const double variance : {0.0, -1.0}) {
    GraphBuilder builder("flat", {1, 1, 1});
    builder.then("bn", BatchNorm{.channels = 1, .eps = 0});
    builder.then("flatten", Flatten{});
    const Graph graph = builder.build(Loss::output);
    const Parameters parameters = parameters_of(graph, {{0}, {0}, {0}, {variance}});
    ResiduePass pass = ResidueEvaluator(graph, parameters).start(batch_of({1, 1, 1, 1}, {1}), {Choice{}});
    pass.advance(2, {});
    EXPECT_EQ(pass.equal_to(2, 0, 0), Equality::unproven) << variance;
  }
}

TEST(ResidueEvaluator, JudgesAnImageThoughAnotherOneOfItsBatchStatisticsIsUndecided) {
  GraphBuilder builder("coupled", {1, 1, 2});
  builder.then("bn", BatchNorm{.channels = 1, .eps = 1, .mode = BatchNorm::Mode::training});
  builder.then("relu", Activation{});
  builder.then("flatten", Flatten{});
  builder.then("fc", Linear{2, 2, false});
  const Graph graph = builder.build(Loss::cross_entropy);
  const Parameters parameters = parameters_of(graph, {{1}, {0}, {0}, {1}, {1, 2, 3, 4}});
  const MiniBatch batch = batch_of({2, 1, 1, 2}, {1, -1, 2, 3}, {0, 1});
  ResiduePass pass = ResidueEvaluator(graph, parameters).start(batch, parse_choices("native,native+relu=1"));
  pass.advance(4, {{2, {2, 0, 2, unknown_branch}, {}}});
  EXPECT_EQ(pass.choices_agree(batch.labels, {0}), Equality::equal);
  EXPECT_EQ(pass.choices_agree(batch.labels, {1}), Equality::unproven);
  ResiduePass kink = ResidueEvaluator(graph, parameters).start(batch, parse_choices("native,native+relu=1"));
  kink.advance(4, {{2, {2, 1, 2, unknown_branch}, {}}});
  EXPECT_EQ(kink.choices_agree(batch.labels, {0}), Equality::unproven);
}

TEST(ResidueEvaluator, GivesWindowsOfOneNormOneRoot) {
  GraphBuilder builder("norms", {1, 1, 6});
  builder.then("norm", NormPool2d{row_window(2, 2)});
  builder.then("flatten", Flatten{});
  builder.then("fc", Linear{3, 1, false});
  const Graph graph = builder.build(Loss::output);
  const Parameters parameters = parameters_of(graph, {{1, -1, 0}});
  ResiduePass pass =
      ResidueEvaluator(graph, parameters).start(batch_of({1, 1, 1, 6}, {1, 8, 7, -4, 3, 4}), {Choice{}});
  pass.advance(3, {{1, {0, 0, 0}, {}}});
  EXPECT_EQ(pass.equal(1, 0, 1), Equality::equal);  // 65 = 65
  EXPECT_EQ(pass.equal(1, 0, 2), Equality::unproven);
  EXPECT_EQ(pass.equal_to(3, 0, 0), Equality::equal);
}

}  // namespace
}  // namespace gradzone
