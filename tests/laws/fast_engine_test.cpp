// The fast engine against the plain one, which shares no arithmetic with it: the same agreement, the same
// branches, enclosures that overlap entry by entry, the same bytes for every kernel and number of threads.
#include <gtest/gtest.h>
#include <tbb/global_control.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <map>

#include "../support/random_net.hpp"
#include "../support/small_graphs.hpp"
#include "gradzone/base/error.hpp"
#include "gradzone/data/dataset.hpp"
#include "gradzone/exact/fast/device_products.hpp"
#include "gradzone/exact/fast/fast_evaluator.hpp"
#include "gradzone/exact/fast/product_kernel.hpp"
#include "gradzone/exact/fast/products.hpp"
#include "gradzone/nets/initialise.hpp"
#include "gradzone/nets/nets.hpp"

namespace gradzone::support {
namespace {

int scaled(int count) {
  const char* scale = std::getenv("GRADZONE_TEST_SCALE");
  return scale ? static_cast<int>(count * std::atof(scale)) : count;
}

bool overlap(const Ball& a, const Ball& b) {
  const Certain<int> order = compare(a, b);
  return !order.is_known() || order.value() == 0;
}

/// A point with its choices as the float program sees them.
struct Point {
  Graph graph;
  Parameters parameters;
  MiniBatch batch;
  std::vector<Choice> choices;

  explicit Point(const RandomNet& net)
      : graph(net.graph.with_scalars_of(net.format)), parameters(net.parameters), batch(net.batch) {
    for (const Choice& c : net.choices) choices.push_back(round_to_scalars(c, net.format));
  }
  Point(const Graph& g, const Parameters& p, const MiniBatch& b, FormatId format)
      : graph(g.with_scalars_of(format)),
        parameters(round_to_format(p, format)),
        batch(round_to_format(b, format)),
        choices(parse_choices("native,minimal")) {}

  RealVerdict plain() const { return ReferenceEvaluator(graph, parameters).evaluate(batch, choices); }
  RealVerdict fast(ReferenceOptions options = {}) const {
    return FastEvaluator(graph, parameters, options).evaluate(batch, choices);
  }
};

void expect_same_branches(const RealVerdict& plain, const RealVerdict& fast) {
  ASSERT_EQ(plain.branches.size(), fast.branches.size());
  for (std::size_t l = 0; l < plain.branches.size(); ++l) {
    EXPECT_EQ(plain.branches[l].codes, fast.branches[l].codes) << "kink " << l;
    ASSERT_EQ(plain.branches[l].signs.size(), fast.branches[l].signs.size());
    for (std::size_t k = 0; k < plain.branches[l].signs.size(); ++k) {
      const int a = plain.branches[l].signs[k], b = fast.branches[l].signs[k];
      EXPECT_TRUE(a == b || a == unknown_sign || b == unknown_sign) << "window " << k;
    }
  }
}

/// Overlapping enclosures, and the fast ones as narrow as was asked for.
void expect_same_gradients(const RealVerdict& plain, const RealVerdict& fast, int bits) {
  ASSERT_EQ(plain.gradients.size(), fast.gradients.size());
  if (!fast.gradients.empty()) {
    ASSERT_EQ(plain.logits.shape, fast.logits.shape);
    for (Index i = 0; i < fast.logits.size(); ++i)
      EXPECT_TRUE(overlap(plain.logits[i], fast.logits[i])) << "logit " << i;
  }
  for (std::size_t s = 0; s < plain.gradients.size(); ++s)
    for (std::size_t p = 0; p < plain.gradients[s]->size(); ++p) {
      const CertifiedTensor &a = (*plain.gradients[s])[p], &b = (*fast.gradients[s])[p];
      ASSERT_EQ(a.shape(), b.shape());
      double largest = 0, radius = 0;
      for (Index i = 0; i < a.size(); ++i) {
        EXPECT_TRUE(overlap(a.ball(i), b.ball(i))) << "tensor " << p << " entry " << i;
        const Enclosure e = b.enclosure(i);
        largest = std::max(largest, std::fabs(e.high));
        radius = std::max(radius, b.radius(i));
        if (std::isinf(b.radius(i))) continue;  // exponentials of numbers that nobody knows to a unit
        EXPECT_LE(e.radius, b.radius(i) * 1.01 + std::fabs(e.high) * 0x1p-100 + 0x1p-440);
      }
      if (bits == 0 || largest == 0) continue;
      EXPECT_LE(radius, std::ldexp(largest, -bits)) << "tensor " << p;
    }
}

TEST(FastEngine, SaysWhatThePlainOneSaysOnRandomNets) {
  std::map<std::string, int> proofs;
  int beyond_the_plain_one = 0;
  const int count = scaled(1500);
  for (std::uint64_t seed = 0; seed < static_cast<std::uint64_t>(count) && !HasFailure(); ++seed) {
    const RandomNet net = random_net(seed, {.exponent_spread = seed % 3 == 0});
    SCOPED_TRACE(net.describe());
    const Point point(net);
    const RealVerdict plain = point.plain(), fast = point.fast();
    ++proofs[name(fast.proof)];
    if (plain.agreement == Agreement::undecided) {
      // Unknowns for irrational roots decide ties that rationals cannot.
      ++beyond_the_plain_one;
      continue;
    }
    EXPECT_EQ(plain.agreement, fast.agreement);
    expect_same_branches(plain, fast);
    expect_same_gradients(plain, fast, 0);
    EXPECT_LE(fast.log2_chance, -100);
  }
  if (HasFailure() || count < 1000) return;
  for (const char* proof : {"branches", "structure", "enclosure", "residue"})
    EXPECT_GE(proofs[proof], 20) << proof;
  EXPECT_LT(beyond_the_plain_one, count / 100);
}

TEST(FastEngine, LeavesNothingToChanceWhereThatIsAskedFor) {
  int exact = 0;
  for (std::uint64_t seed = 0; seed < 400 && !HasFailure(); ++seed) {
    const RandomNet net = random_net(seed, {.norms = false});
    SCOPED_TRACE(net.describe());
    const Point point(net);
    const RealVerdict fast = point.fast({.proof = ProofMode::exact}), plain = point.plain();
    EXPECT_EQ(plain.agreement, fast.agreement);
    EXPECT_EQ(fast.log2_chance, -std::numeric_limits<double>::infinity());
    EXPECT_NE(fast.proof, Proof::residue);
    EXPECT_EQ(fast.stages.residue, 0);
    exact += fast.proof == Proof::exact;
  }
  EXPECT_GE(exact, 5);
}

TEST(FastEngine, GivesTheSameVerdictWithoutGradients) {
  for (std::uint64_t seed = 5000; seed < 5300 && !HasFailure(); ++seed) {
    const RandomNet net = random_net(seed);
    SCOPED_TRACE(net.describe());
    const Point point(net);
    const RealVerdict all = point.fast(), verdict = point.fast({.work = Work::verdict});
    EXPECT_EQ(all.agreement, verdict.agreement);
    EXPECT_EQ(all.proof, verdict.proof);
    expect_same_branches(all, verdict);
    EXPECT_TRUE(verdict.gradients.empty() || verdict.stages.mpfr > 0);
  }
}

/// Everything of a verdict that must not depend on threads or instruction sets, as text.
std::string fingerprint(const RealVerdict& v) {
  std::string out = proof_text(v) + v.witness + std::to_string(v.lower) + std::to_string(v.upper);
  for (const LayerBranches& layer : v.branches) out.append(layer.codes.begin(), layer.codes.end());
  for (const auto& gradient : v.gradients)
    for (const CertifiedTensor& t : *gradient)
      for (Index i = 0; i < t.size(); ++i) {
        const Enclosure e = t.enclosure(i);
        for (const double d : {e.high, e.low, e.radius})
          out.append(reinterpret_cast<const char*>(&d), sizeof(d));
      }
  return out;
}

TEST(FastEngine, GivesTheSameBytesOnEveryKernelAndNumberOfThreads) {
  const std::vector<const ProductKernel*> kernels{plain_kernel(), fma_kernel(), ifma_kernel()};
  for (std::uint64_t seed = 100; seed < 160 && !HasFailure(); ++seed) {
    const RandomNet net = random_net(seed);
    SCOPED_TRACE(net.describe());
    const Point point(net);
    const std::string expected = fingerprint(point.fast());
    for (const ProductKernel* kernel : kernels) {
      if (!kernel) continue;  // not on this machine
      use_product_kernel(kernel);
      for (const std::size_t threads : {1u, 2u}) {
        const tbb::global_control limit(tbb::global_control::max_allowed_parallelism, threads);
        EXPECT_EQ(fingerprint(point.fast()), expected) << kernel->name << ", " << threads << " threads";
      }
    }
    use_product_kernel(nullptr);
  }
}

TEST(FastEngine, GivesTheSameBytesWithADevice) {
  const auto device = std::make_shared<DeviceProducts>(make_host_device(), 0);
  for (std::uint64_t seed = 100; seed < 220 && !HasFailure(); ++seed) {
    const RandomNet net = random_net(seed);
    SCOPED_TRACE(net.describe());
    const Point point(net);
    for (const ProofMode proof : {ProofMode::residue, ProofMode::exact})
      EXPECT_EQ(fingerprint(point.fast({.proof = proof, .device = device})),
                fingerprint(point.fast({.proof = proof})));
  }
}

/// LeNet-5 on real digits, in every format.
class FastEngineOnLeNet : public testing::TestWithParam<FormatId> {};

TEST_P(FastEngineOnLeNet, SaysWhatThePlainOneSays) {
  const std::string folder = GRADZONE_SHARED_DIR "/data/mnist";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << folder << ": real MNIST is not here";
  const Dataset data = load_dataset("mnist:" + folder, "test", 0);
  const Graph graph = make_net("lenet5", BatchNorm::Mode::evaluation);
  const Parameters parameters = initialise(graph, Initialisation::torch, 7);
  for (Index image = 0; image < scaled(12) && !HasFailure(); ++image) {
    SCOPED_TRACE(image);
    const Point point(graph, parameters, data.batch(std::span(&image, 1)), GetParam());
    const RealVerdict plain = point.plain(), fast = point.fast(),
                      verdict = point.fast({.work = Work::verdict});
    EXPECT_EQ(plain.agreement, fast.agreement);
    EXPECT_EQ(plain.proof, fast.proof);
    EXPECT_EQ(plain.proof, verdict.proof);
    EXPECT_GT(verdict.stages.filter, 3000) << "of about 5,700 branches";  // bf16 ties are many
    expect_same_branches(plain, fast);
    expect_same_branches(plain, verdict);
    expect_same_gradients(plain, fast, 106);
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, FastEngineOnLeNet,
                         testing::Values(FormatId::fp64, FormatId::fp32, FormatId::fp16, FormatId::bf16),
                         [](const auto& format) { return std::string(name(format.param)); });

/// conv, relu, pool, linear on a 4x4 image.
Graph small_net() {
  GraphBuilder b("small", {1, 4, 4});
  b.then("conv", Conv2d{1, 2, Window::square(2, 1)});
  b.then("relu", Activation{});
  b.then("pool", MaxPool2d{Window::square(3, 3), {}});
  b.then("flatten", Flatten{});
  b.then("fc", Linear{2, 3});
  return b.build(Loss::cross_entropy);
}

MiniBatch ramp() {
  MiniBatch batch{Tensor<double>({1, 1, 4, 4}), {1}};
  for (Index i = 0; i < 16; ++i) batch.x[i] = static_cast<double>(i % 5) - 1;
  return batch;
}

TEST(FastEngineEdges, AllZeroWeightsTieEverywhereAndAgree) {
  const Graph graph = small_net();
  Parameters zeros;
  for (const ParameterSpec& spec : graph.parameters()) zeros.emplace_back(spec.shape);
  const Point point(graph, zeros, ramp(), FormatId::fp32);
  const RealVerdict plain = point.plain(), fast = point.fast();
  EXPECT_EQ(fast.agreement, Agreement::equal);
  expect_same_branches(plain, fast);
  expect_same_gradients(plain, fast, 0);
}

TEST(FastEngineEdges, ADeadReluLayerStopsTheGradient) {
  const Graph graph = small_net();
  Parameters p = initialise(graph, Initialisation::torch, 3);
  p[1].data = {-100, -100};
  const Point point(graph, p, ramp(), FormatId::fp32);
  const RealVerdict fast = point.fast();
  EXPECT_EQ(fast.agreement, Agreement::equal);
  for (Index i = 0; i < 8; ++i) {
    const Enclosure e = (*fast.gradients[0])[0].enclosure(i);
    EXPECT_TRUE(e.exact && e.high == 0 && e.radius == 0) << i;
  }
}

TEST(FastEngineEdges, EqualLogitsAreFoundEqual) {
  const Graph graph = small_net();
  Parameters p = initialise(graph, Initialisation::torch, 3);
  std::fill(p[2].data.begin(), p[2].data.end(), 0.5);
  std::fill(p[3].data.begin(), p[3].data.end(), 0.25);
  const Point point(graph, p, ramp(), FormatId::fp32);
  const RealVerdict plain = point.plain(), fast = point.fast();
  EXPECT_EQ(plain.agreement, fast.agreement);
  expect_same_gradients(plain, fast, 0);  // the convolution's cancels to 0
}

TEST(FastEngineEdges, RefusesInfinityAndNaN) {
  const Graph graph = small_net();
  const Parameters p = initialise(graph, Initialisation::torch, 3);
  for (const double bad : {std::numeric_limits<double>::infinity(), std::nan("")}) {
    MiniBatch batch = ramp();
    batch.x[3] = bad;
    EXPECT_THROW(FastEvaluator(graph, p).evaluate(batch, parse_choices("native,minimal")), InputError);
    Parameters broken = p;
    broken[0][0] = bad;
    EXPECT_THROW(FastEvaluator(graph, broken), InputError);
  }
}

TEST(FastEngineEdges, NumbersAtTheEndsOfTheRangeAreEnclosed) {
  const Graph graph = small_net();
  for (const double scale : {0x1p-1060, 0x1p-500, 0x1p500, 0x1p1000}) {
    SCOPED_TRACE(scale);
    Parameters p = initialise(graph, Initialisation::torch, 11);
    for (double& w : p[0].data) w *= scale;
    const Point point(graph, p, ramp(), FormatId::fp64);
    const RealVerdict plain = point.plain(), fast = point.fast();
    EXPECT_EQ(plain.agreement, fast.agreement);
    expect_same_branches(plain, fast);
    expect_same_gradients(plain, fast, 0);
    for (const CertifiedTensor& t : *fast.gradients[0])
      for (Index i = 0; i < t.size(); ++i) EXPECT_GE(t.radius(i), 0);  // and not NaN
  }
}

}  // namespace
}  // namespace gradzone::support
