#include "gradzone/study/benchmark.hpp"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <span>

#include "gradzone/base/error.hpp"
#include "gradzone/base/random.hpp"
#include "gradzone/data/dataset.hpp"
#include "gradzone/data/sha256.hpp"
#include "gradzone/exact/real_evaluator.hpp"
#include "gradzone/nets/initialise.hpp"
#include "gradzone/nets/nets.hpp"
#include "gradzone/study/audit_study.hpp"
#include "gradzone/study/machine.hpp"

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

/// `count` mini-batches: of the data set's first images, over and over, or of random ones.
std::vector<MiniBatch> batches(const Graph& graph, const BenchOptions& options, int count) {
  if (options.data.empty()) return {random_batch(graph, options)};
  const Dataset data = load_dataset(options.data, "train", options.seed);
  if (data.image_shape() != graph.input_shape())
    throw UsageError(fmt::format("--data {}: images of shape {}, but {} takes {}", options.data,
                                 to_string(data.image_shape()), graph.name(),
                                 to_string(graph.input_shape())));
  check_labelled(data, "a benchmark");
  std::vector<MiniBatch> out;
  for (int k = 0; k < count; ++k) {
    std::vector<Index> images;
    for (Index n = 0; n < options.batch; ++n) images.push_back((k * options.batch + n) % data.size());
    out.push_back(data.batch(images));
  }
  return out;
}

double fewest_correct_bits(const RealVerdict& verdict) {
  double fewest = std::numeric_limits<double>::infinity();
  if (verdict.gradients.empty()) return 0;
  for (const CertifiedTensor& tensor : *verdict.gradients.front()) {
    double largest = 0, radius = 0;
    for (Index i = 0; i < tensor.size(); ++i) {
      const Enclosure e = tensor.enclosure(i);
      largest = std::max(largest, std::fabs(e.high));
      // What the two doubles leave out is no error of the enclosure.
      radius = std::max(radius, tensor.radius(i));
    }
    if (radius > 0) fewest = std::min(fewest, std::floor(std::log2(largest / radius)));
  }
  return std::isinf(fewest) ? 0 : fewest;
}

template <class Value>
void add_bytes(Sha256& sum, const Value* values, std::size_t count) {
  sum.update(std::as_bytes(std::span(values, count)));
}

std::string fingerprint(const RealVerdict& verdict) {
  Sha256 sum;
  sum.update(proof_text(verdict) + verdict.witness);
  const double bounds[] = {verdict.lower, verdict.upper};
  add_bytes(sum, bounds, std::size(bounds));
  for (const LayerBranches& layer : verdict.branches) add_bytes(sum, layer.codes.data(), layer.codes.size());
  for (const auto& gradient : verdict.gradients)
    for (const CertifiedTensor& tensor : *gradient)
      for (Index i = 0; i < tensor.size(); ++i) {
        const Enclosure e = tensor.enclosure(i);
        const double numbers[] = {e.high, e.low, e.radius};
        add_bytes(sum, numbers, std::size(numbers));
      }
  return sum.hex();
}

/// work(k) is repeat k; work(0) also comes before the timed ones, if their number is open for a fifth of a
/// second, until caches and threads are warm.
template <class Unit>
BenchTimes measure(const BenchOptions& options, const Watch& watch, Unit&& work) {
  if (options.repeats < 0 || options.batch < 1)
    throw UsageError("a benchmark needs a positive batch and repeats");
  const bool open = options.repeats == 0;
  constexpr int fewest = 10;
  constexpr double warm_up = 0.2, enough = 1;
  BenchTimes times;
  on_threads(options.threads, [&] {
    using Clock = std::chrono::steady_clock;
    const auto start = Clock::now();
    const auto since = [](Clock::time_point t) {
      return std::chrono::duration<double>(Clock::now() - t).count();
    };
    do work(0);
    while (open && since(start) < warm_up);
    const auto warm = Clock::now();
    for (int r = 0; open ? r < fewest || since(warm) < enough : r < options.repeats; ++r) {
      if (watch.stop.stop_requested()) throw InterruptedError("the benchmark was interrupted");
      const auto begin = Clock::now();
      work(r);
      times.seconds.push_back(since(begin));
      if (watch.progress) watch.progress(r + 1, open ? std::max(fewest, r + 1) : options.repeats);
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

BenchTimes bench_step(const BenchOptions& options, const Recipe& recipe, const Watch& watch) {
  constexpr double rate = 0.01;
  const Graph graph = make_net(options.net, BatchNorm::Mode::training);
  const auto trainer = make_trainer(graph, initialise(graph, options.initialisation, options.seed), recipe);
  const MiniBatch batch = batches(graph, options, 1)[0];
  const Tensor<float> images(batch.x.shape, std::vector<float>(batch.x.data.begin(), batch.x.data.end()));
  return measure(options, watch, [&](int) { trainer->step(images, batch.labels, rate); });
}

ReferenceBench bench_reference(const BenchOptions& options, const ReferenceOptions& reference,
                               const std::vector<Choice>& choices, const Watch& watch) {
  ReferenceBench out;
  const Graph graph = make_net(options.net, BatchNorm::Mode::evaluation);
  const Parameters parameters = initialise(graph, options.initialisation, options.seed);
  const std::vector<MiniBatch> points = batches(graph, options, options.repeats);
  const auto begin = std::chrono::steady_clock::now();
  const auto evaluator = make_real_evaluator(graph, parameters, reference);
  out.prepare_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  std::vector<RealVerdict> verdicts(points.size());
  out.times = measure(options, watch, [&](int k) {
    const std::size_t at = static_cast<std::size_t>(k) % points.size();
    verdicts[at] = evaluator->evaluate(points[at], choices);
    if (verdicts[at].gradients.empty()) return;
    if (at > 0) verdicts[at].gradients.resize(0);  // one point's gradients are enough to look at
  });
  for (const RealVerdict& v : verdicts) {
    out.stages += v.stages;
    out.bits_used = std::max(out.bits_used, v.bits_used);
    out.undecided += v.agreement == Agreement::undecided;
  }
  out.correct_bits = fewest_correct_bits(verdicts.front());
  out.fingerprint = fingerprint(verdicts.front());
  return out;
}

namespace {

nlohmann::ordered_json common_json(const std::string& bench, const BenchOptions& options,
                                   const std::string& detail, const BenchTimes& times) {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return {{"bench", bench},
          {"net", options.net},
          {"data", options.data.empty() ? "random" : options.data},
          {"init", name(options.initialisation)},
          {"seed", options.seed},
          {"detail", detail},
          {"batch", options.batch},
          {"threads", options.threads},
          {"repeats", options.repeats},
          {"median_s", times.median()},
          {"minimum_s", times.seconds.front()},
          {"maximum_s", times.seconds.back()},
          {"samples_per_s", static_cast<double>(options.batch) / times.median()},
          {"peak_memory_mib", usage.ru_maxrss / 1024}};
}

}  // namespace

std::string bench_json(const std::string& bench, const BenchOptions& options, const std::string& detail,
                       const BenchTimes& times) {
  nlohmann::ordered_json json = common_json(bench, options, detail, times);
  json["versions"] = nlohmann::ordered_json::parse(versions_json());
  return json.dump(2);
}

std::string bench_json(const BenchOptions& options, const std::string& detail, const ReferenceBench& result) {
  nlohmann::ordered_json json = common_json("reference", options, detail, result.times);
  const StageCounts& s = result.stages;
  json["prepare_s"] = result.prepare_seconds;
  json["branches"] = {{"filter", s.filter},      {"structure", s.structure}, {"multiword", s.multiword},
                      {"residue", s.residue},    {"exact", s.exact},         {"mpfr", s.mpfr},
                      {"undecided", s.undecided}};
  json["bits_used"] = result.bits_used;
  json["correct_bits"] = result.correct_bits;
  json["undecided"] = result.undecided;
  json["fingerprint"] = result.fingerprint;
  json["versions"] = nlohmann::ordered_json::parse(versions_json());
  return json.dump(2);
}

}  // namespace gradzone
