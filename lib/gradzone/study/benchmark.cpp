#include "gradzone/study/benchmark.hpp"

#include <fmt/format.h>
#include <tbb/global_control.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "gradzone/base/error.hpp"
#include "gradzone/base/random.hpp"
#include "gradzone/exact/reference_evaluator.hpp"
#include "gradzone/nets/initialise.hpp"
#include "gradzone/nets/nets.hpp"
#include "gradzone/study/audit_study.hpp"

namespace gradzone {
namespace {

MiniBatch random_batch(const Graph& graph, const BenchOptions& options) {
  RandomStream random(options.seed, "bench images");
  Shape shape = graph.input_shape();
  shape.insert(shape.begin(), options.batch);
  MiniBatch batch{Tensor<double>(std::move(shape)), {}};
  for (double& v : batch.x.data) v = static_cast<double>(static_cast<float>(random.uniform(-1, 1)));
  for (Index n = 0; n < options.batch; ++n) {
    batch.labels.push_back(static_cast<int>(random.below(static_cast<std::uint64_t>(graph.classes()))));
  }
  return batch;
}

template <class Work>
BenchTimes measure(const BenchOptions& options, const Watch& watch, Work&& work) {
  if (options.repeats < 1 || options.batch < 1)
    throw UsageError("a benchmark needs a positive batch and repeats");
  const int width = options.threads > 0 ? options.threads : tbb::this_task_arena::max_concurrency();
  const tbb::global_control limit(tbb::global_control::max_allowed_parallelism,
                                  static_cast<std::size_t>(width));
  BenchTimes times;
  tbb::task_arena(width).execute([&] {
    work();
    for (int r = 0; r < options.repeats; ++r) {
      if (watch.stop.stop_requested()) throw InterruptedError("the benchmark was interrupted");
      const auto begin = std::chrono::steady_clock::now();
      work();
      times.seconds.push_back(
          std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
      if (watch.progress) watch.progress(r + 1, options.repeats);
    }
  });
  std::sort(times.seconds.begin(), times.seconds.end());
  return times;
}

}  // namespace

double BenchTimes::median() const {
  const std::size_t n = seconds.size();
  return n % 2 ? seconds[n / 2] : (seconds[n / 2 - 1] + seconds[n / 2]) / 2;
}

BenchTimes bench_step(const BenchOptions& options, Format format, const Choice& choice, Form form,
                      Backend backend, const Watch& watch) {
  const Graph graph = make_net(options.net, BatchNorm::Mode::training);
  const auto evaluator =
      make_float_evaluator(graph, initialise(graph, Initialisation::torch, options.seed), format, backend);
  const MiniBatch batch = random_batch(graph, options);
  return measure(options, watch, [&] { evaluator->run(batch, choice, form); });
}

BenchTimes bench_reference(const BenchOptions& options, int bits, const Watch& watch) {
  const Graph graph = make_net(options.net, BatchNorm::Mode::evaluation);
  const ReferenceEvaluator reference(
      graph, initialise(graph, Initialisation::torch, options.seed),
      {.start_bits = bits, .max_bits = std::max(bits, ReferenceOptions{}.max_bits)});
  const MiniBatch batch = random_batch(graph, options);
  return measure(options, watch, [&] { reference.evaluate(batch, {Choice{}}); });
}

std::string bench_json(const std::string& bench, const BenchOptions& options, const std::string& detail,
                       const BenchTimes& times) {
  const nlohmann::ordered_json json{{"bench", bench},
                                    {"net", options.net},
                                    {"detail", detail},
                                    {"batch", options.batch},
                                    {"threads", options.threads},
                                    {"repeats", options.repeats},
                                    {"median_s", times.median()},
                                    {"minimum_s", times.seconds.front()},
                                    {"maximum_s", times.seconds.back()},
                                    {"samples_per_s", static_cast<double>(options.batch) / times.median()},
                                    {"versions", nlohmann::ordered_json::parse(versions_json())}};
  return json.dump(2);
}

}  // namespace gradzone
