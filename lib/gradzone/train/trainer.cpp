#include "gradzone/train/trainer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "gradzone/base/error.hpp"
#include "gradzone/base/random.hpp"
#include "gradzone/eval/network.hpp"
#include "gradzone/kernels/layout.hpp"

namespace gradzone {
namespace {

using T = Tensor<float>;

T to_float(const Tensor<double>& t) {
  return {t.shape, std::vector<float>(t.data.begin(), t.data.end())};
}
Tensor<double> to_double(const T& t) {
  return {t.shape, std::vector<double>(t.data.begin(), t.data.end())};
}

Index correct_predictions(const T& logits, const std::vector<int>& labels) {
  const Index classes = logits.size() / logits.dim(0);
  Index correct = 0;
  for (std::size_t n = 0; n < labels.size(); ++n) {
    const auto row = logits.data.begin() + static_cast<Index>(n) * classes;
    correct += std::max_element(row, row + classes) - row == labels[n];
  }
  return correct;
}

void check(const Graph& graph, const TrainOptions& o) {
  for (const Node& node : graph.nodes()) {
    if (std::holds_alternative<BatchNorm>(node.op)) {
      throw UsageError(fmt::format("{} has batch norm, which this trainer does not train", graph.name()));
    }
  }
  if (o.batch < 1 || o.epochs < 1 || !(o.learning_rate > 0) || !(o.momentum >= 0) || !(o.weight_decay >= 0)) {
    throw UsageError("training needs a positive batch, number of epochs and learning rate");
  }
}

class Sgd {
 public:
  Sgd(const std::vector<T>& parameters, const TrainOptions& options)
      : momentum_(static_cast<float>(options.momentum)), decay_(static_cast<float>(options.weight_decay)) {
    for (const T& p : parameters) velocity_.emplace_back(p.shape);
  }

  void step(std::vector<T>& parameters, const std::vector<T>& gradients, float rate) {
    for (std::size_t p = 0; p < parameters.size(); ++p)
      for (std::size_t i = 0; i < parameters[p].data.size(); ++i) {
        float& w = parameters[p].data[i];
        float& v = velocity_[p].data[i];
        v = momentum_ * v + (gradients[p].data[i] + decay_ * w);
        w -= rate * v;
      }
  }

 private:
  float momentum_, decay_;
  std::vector<T> velocity_;
};

double accuracy(const Network<Fp32>& network, const std::vector<T>& parameters, const Dataset& data) {
  constexpr Index batch = 256;
  std::vector<Index> images(static_cast<std::size_t>(data.size()));
  std::iota(images.begin(), images.end(), 0);
  Activations<Fp32> activations;
  Index correct = 0;
  for (Index begin = 0; begin < data.size(); begin += batch) {
    const auto part = std::span(images).subspan(
        static_cast<std::size_t>(begin), static_cast<std::size_t>(std::min(batch, data.size() - begin)));
    const MiniBatch b = data.batch(part);
    network.forward(parameters, channels_last<float>(b.x), Choice{}, Form::direct, Keep::parameters,
                    activations);
    correct += correct_predictions(activations.values.back(), b.labels);
  }
  return static_cast<double>(correct) / static_cast<double>(data.size());
}

}  // namespace

double accuracy(const Graph& graph, const Parameters& parameters, const Dataset& data) {
  std::vector<T> floats;
  for (const auto& p : parameters) floats.push_back(to_float(p));
  return accuracy(Network<Fp32>(graph, make_cpu_kernels<Fp32>(Order::chain)), floats, data);
}

TrainResult train(const Graph& graph, Parameters initial, const Dataset& train_set, const Dataset& test_set,
                  const TrainOptions& options, const Watch& watch) {
  check(graph, options);
  validate(graph, initial);
  const Graph rounded = graph.with_scalars_of(FormatId::fp32);
  const Network<Fp32> network(rounded, make_cpu_kernels<Fp32>(Order::chain));
  std::vector<T> parameters;
  for (const auto& p : initial) parameters.push_back(to_float(p));
  Sgd sgd(parameters, options);
  const Index steps = (train_set.size() + options.batch - 1) / options.batch;
  Activations<Fp32> activations;
  Gradients<Fp32> gradients;
  TrainResult result;
  for (int epoch = 0; epoch < options.epochs; ++epoch) {
    const float rate = static_cast<float>(options.learning_rate * (options.epochs - epoch) / options.epochs);
    RandomStream random(options.seed, "train order", static_cast<std::uint64_t>(epoch));
    const std::vector<Index> order = random_permutation(train_set.size(), random);
    double loss = 0;
    Index correct = 0;
    for (Index s = 0; s < steps; ++s) {
      if (watch.stop.stop_requested())
        throw InterruptedError("training was interrupted; nothing was written");
      const Index begin = s * options.batch, count = std::min(options.batch, train_set.size() - begin);
      const MiniBatch batch = train_set.batch(
          std::span(order).subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(count)));
      network.forward(parameters, channels_last<float>(batch.x), options.choice, options.form,
                      Keep::parameters, activations);
      T output_gradient;
      loss += static_cast<double>(network.loss(activations.values.back(), batch.labels, &output_gradient)) *
              static_cast<double>(count);
      correct += correct_predictions(activations.values.back(), batch.labels);
      network.backward(parameters, activations, output_gradient, options.choice, options.form,
                       Keep::parameters, gradients);
      sgd.step(parameters, gradients.parameters, rate);
      if (watch.progress) watch.progress(epoch * steps + s + 1, options.epochs * steps);
    }
    const double images = static_cast<double>(train_set.size());
    result.epochs.push_back({epoch + 1, loss / images, static_cast<double>(correct) / images,
                             accuracy(network, parameters, test_set)});
  }
  for (const T& p : parameters) result.parameters.push_back(to_double(p));
  return result;
}

}  // namespace gradzone
