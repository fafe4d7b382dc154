// A small trainer in binary32: stochastic gradient descent with momentum and weight decay. It makes the
// networks that the demo audits; the recipes of the papers are a matter of their own.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "gradzone/base/progress.hpp"
#include "gradzone/choice/choice.hpp"
#include "gradzone/data/dataset.hpp"
#include "gradzone/graph/graph.hpp"
#include "gradzone/graph/point.hpp"

namespace gradzone {

struct TrainOptions {
  Choice choice;
  Form form = Form::direct;
  Index batch = 64;
  int epochs = 4;
  double learning_rate = 0.05;  ///< of the first epoch; falls linearly, epoch by epoch, towards 0
  double momentum = 0.9;
  double weight_decay = 5e-4;
  std::uint64_t seed = 0;  ///< shuffles every epoch anew
};

struct EpochSummary {
  int epoch = 0;  ///< from 1
  double train_loss = 0, train_accuracy = 0, test_accuracy = 0;
};

struct TrainResult {
  Parameters parameters;
  std::vector<EpochSummary> epochs;
};

/// Trains from the given parameters. Every step is v = mu v + (g + lambda w), w = w - rate v, each operation
/// rounded to binary32. `watch.progress` counts mini-batches. Throws UsageError for networks with batch norm
/// (whose running statistics it does not keep) or options out of range, InterruptedError if a stop is
/// requested.
TrainResult train(const Graph& graph, Parameters initial, const Dataset& train_set, const Dataset& test_set,
                  const TrainOptions& options, const Watch& watch = {});

/// Share of the images whose largest logit, in binary32, is their label's.
double accuracy(const Graph& graph, const Parameters& parameters, const Dataset& data);

}  // namespace gradzone
