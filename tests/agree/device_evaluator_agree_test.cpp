// Evaluators and audits on a device against those on the CPU: every number, branch and record the same.
#include <tbb/global_control.h>
#include <tbb/task_arena.h>

#include "../support/random_net.hpp"
#include "agree/agree_support.hpp"
#include "agree/every_operation.hpp"
#include "gradzone/base/parallel.hpp"
#include "gradzone/eval/float_evaluator.hpp"
#include "gradzone/io/results.hpp"
#include "gradzone/nets/initialise.hpp"
#include "gradzone/nets/nets.hpp"
#include "gradzone/zones/auditor.hpp"

namespace gradzone::agree {
namespace {

void expect_same_tensors(const std::vector<Tensor<double>>& expected,
                         const std::vector<Tensor<double>>& actual) {
  ASSERT_EQ(expected.size(), actual.size());
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_TRUE(same_bits(expected[i], actual[i])) << i;
}

void expect_same_run(const FloatRun& expected, const FloatRun& actual) {
  const auto scalar = [](double v) { return Tensor<double>({1}, v); };
  expect_same_tensors({scalar(expected.loss), expected.logits, expected.input_gradient},
                      {scalar(actual.loss), actual.logits, actual.input_gradient});
  expect_same_tensors(expected.gradient, actual.gradient);
  expect_same_tensors(expected.output_gradients, actual.output_gradients);
  EXPECT_EQ(expected.non_finite_layer, actual.non_finite_layer);
  ASSERT_EQ(expected.branches.size(), actual.branches.size());
  for (std::size_t i = 0; i < expected.branches.size(); ++i) {
    EXPECT_EQ(expected.branches[i].node, actual.branches[i].node);
    EXPECT_EQ(expected.branches[i].codes, actual.branches[i].codes);
    EXPECT_EQ(expected.branches[i].signs, actual.branches[i].signs);
  }
}

/// The host as a device, and the card if there is one.
std::vector<Backend> device_backends() {
  std::vector<Backend> out{Backend(make_host_device())};
  if (auto card = make_card()) out.push_back(Backend(std::move(card)));
  return out;
}

/// Few-bit numbers, so that ties and exact zeros abound.
MiniBatch coarse_batch(const Graph& graph, Index images, double scale, RandomStream& random) {
  Shape shape = graph.input_shape();
  shape.insert(shape.begin(), images);
  MiniBatch out{Tensor<double>(shape), {}};
  for (double& v : out.x.data) v = scale * random_value<Fp64>(random, Mix::coarse);
  for (Index n = 0; n < images; ++n) out.labels.push_back(static_cast<int>(random.below(10)));
  return out;
}

std::vector<Choice> all_choices() {
  return parse_choices("native,minimal,beta=1000+relu=0.5+normpool=1,beta=0.5+leaky=1+abs=1");
}

TEST(DeviceEvaluator, returns_the_runs_of_the_cpu) {
  bool some_not_finite = false;
  for (const BatchNorm::Mode mode : {BatchNorm::Mode::training, BatchNorm::Mode::evaluation}) {
    const Graph graph = every_operation().with_batch_norm(mode);
    const Parameters parameters = initialise(graph, Initialisation::torch, 5);
    for (const FormatId format : all_formats) {
      const auto cpu = make_float_evaluator(graph, parameters, {format});
      for (const Backend& backend : device_backends()) {
        const auto other = make_float_evaluator(graph, parameters, {format}, backend);
        RandomStream random(6, "device runs");
        // The memory of a run is the next one's, be it of other sizes.
        for (const auto& [images, scale] : {std::pair<Index, double>{3, 1}, {35, 1}, {3, 1e5}, {3, 1}}) {
          const MiniBatch batch = coarse_batch(graph, images, scale, random);
          for (const Choice& choice : all_choices())
            for (const Form form : {Form::direct, Form::composed}) {
              SCOPED_TRACE(::testing::Message() << name(format) << ", " << images << " images of size "
                                                << scale << ", " << choice.name() << ", " << name(form));
              const FloatRun expected = cpu->run(batch, choice, form);
              expect_same_run(expected, other->run(batch, choice, form));
              some_not_finite |= !expected.non_finite_layer.empty();
            }
          if (HasFailure()) return;
        }
      }
    }
  }
  EXPECT_TRUE(some_not_finite) << "the fp16 formats overflow at the third mini-batch";
}

TEST(DeviceEvaluator, returns_the_runs_of_the_cpu_for_large_networks) {
  if (card() == nullptr) GTEST_SKIP() << "no CUDA device: the host is slow at playing one";
  for (const char* net : {"vgg11", "resnet18-bn", "densenet121"}) {
    const Graph graph = make_net(net, BatchNorm::Mode::training);
    const Parameters parameters = initialise(graph, Initialisation::torch, 5);
    const auto cpu = make_float_evaluator(graph, parameters, {FormatId::fp16});
    const auto other = make_float_evaluator(graph, parameters, {FormatId::fp16}, Backend(make_card()));
    RandomStream random(7, "large runs");
    for (const Index images : {40, 32}) {
      const MiniBatch batch = coarse_batch(graph, images, 1, random);
      expect_same_run(cpu->run(batch, {}, Form::direct), other->run(batch, {}, Form::direct));
    }
  }
}

TEST(DeviceEvaluator, gives_threads_their_turns) {
  const tbb::global_control allow(tbb::global_control::max_allowed_parallelism, 4);
  const Graph graph = every_operation();
  const Parameters parameters = initialise(graph, Initialisation::torch, 5);
  const auto cpu = make_float_evaluator(graph, parameters, {FormatId::fp32});
  RandomStream random(8, "turns");
  std::vector<MiniBatch> batches;
  for (int b = 0; b < 12; ++b) batches.push_back(coarse_batch(graph, 2 + b % 3, 1, random));
  for (const Backend& backend : device_backends()) {
    // Two evaluators of one device, as an audit of two formats has them.
    const auto other = make_float_evaluator(graph, parameters, {FormatId::fp32}, backend);
    const auto more = make_float_evaluator(graph, parameters, {FormatId::fp32}, backend);
    std::vector<FloatRun> runs(batches.size());
    tbb::task_arena(4).execute([&] {
      parallel_for(static_cast<Index>(batches.size()), [&](Index b) {
        const auto at = static_cast<std::size_t>(b);
        runs[at] = (b % 2 == 0 ? other : more)->run(batches[at], {}, Form::direct);
      });
    });
    for (std::size_t b = 0; b < batches.size(); ++b)
      expect_same_run(cpu->run(batches[b], {}, Form::direct), runs[b]);
  }
}

TEST(DeviceEvaluator, refuses_orders_that_devices_do_not_have) {
  const Graph graph = make_net("lenet5", BatchNorm::Mode::evaluation);
  const Parameters parameters = initialise(graph, Initialisation::torch, 1);
  for (const Order order : {Order::bias_first, Order::pairwise, Order::lanes16}) {
    const auto make = [&] {
      make_float_evaluator(graph, parameters, {FormatId::fp32, order}, Backend(make_host_device()));
    };
    EXPECT_THROW(make(), UsageError) << name(order);
  }
}

/// Everything that an audit writes of a point.
std::vector<std::string> tables_of(PointResult point) {
  AuditResults results;
  results.points.push_back(std::move(point));
  return {points_csv(results), branches_csv(results), gradients_csv(results)};
}

TEST(DeviceEvaluator, audits_as_the_cpu) {
  const std::vector<Backend> backends = device_backends();
  int not_regular = 0;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const support::RandomNet net = support::random_net(seed);
    SCOPED_TRACE(net.describe());
    const auto audit = [&](const Backend& backend) {
      const Auditor auditor(net.graph, net.parameters, {{net.format}, net.form, net.choices, {}, backend});
      return tables_of(auditor.audit(net.batch));
    };
    const std::vector<std::string> expected = audit(Backend::cpu);
    not_regular += expected[0].find("regular") == std::string::npos;
    for (const Backend& backend : backends) EXPECT_EQ(expected, audit(backend));
    if (HasFailure()) return;
  }
  EXPECT_GT(not_regular, 10);
}

/// The certified gradient is that of the storage format's point, which has no order; the judged one is the
/// library's.
TEST(DeviceEvaluator, audits_gradients_of_tensor_cores) {
  const Graph graph = make_net("lenet5", BatchNorm::Mode::evaluation);
  const Parameters parameters = initialise(graph, Initialisation::torch, 4);
  RandomStream random(21, "tensor cores");
  const MiniBatch batch = coarse_batch(graph, 2, 1, random);
  const std::vector<Choice> choices = parse_choices("native,minimal");
  for (const auto& [tensor_cores, chain] :
       {std::pair{"fp16-tc", "fp16"}, std::pair{"bf16-tc", "bf16"}, std::pair{"tf32-tc", "fp32"}}) {
    SCOPED_TRACE(tensor_cores);
    const auto audit = [&](const char* format, const Backend& backend) {
      const Auditor auditor(graph, parameters, {parse_format(format), Form::direct, choices, {}, backend});
      return auditor.audit(batch);
    };
    const PointResult expected = audit(chain, Backend::cpu);
    const PointResult judged = audit(tensor_cores, Backend(make_host_device()));
    EXPECT_EQ(judged.point.format, full_name(parse_format(tensor_cores)));
    EXPECT_NE(judged.point.zone, Zone::undecided);
    // What is proven is the same; what is found of the floats is not.
    EXPECT_EQ(judged.point.zone == Zone::bifurcation, expected.point.zone == Zone::bifurcation);
    ASSERT_EQ(judged.gradients.size(), expected.gradients.size());
    int differ = 0;
    for (std::size_t g = 0; g < judged.gradients.size(); ++g) {
      const GradientRecord& found = judged.gradients[g];
      EXPECT_EQ(found.tensor, expected.gradients[g].tensor);
      EXPECT_GT(found.bits_median, 2) << found.tensor;
      differ += found.relative_error_max != expected.gradients[g].relative_error_max;
    }
    EXPECT_GT(differ, 0);
  }
  EXPECT_THROW(Auditor(graph, parameters, {parse_format("fp16-tc"), Form::direct, choices, {}, Backend::cpu}),
               UsageError);
}

}  // namespace
}  // namespace gradzone::agree
