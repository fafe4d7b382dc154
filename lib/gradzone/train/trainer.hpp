// Trainer: the parameters of a network while they are trained, and the step that changes them. Parameters,
// optimiser state and running statistics hold storage values of the format they are kept in; the rest is
// computed in the same format, or for amp16 in another one (docs/formats.md).
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "gradzone/base/peers.hpp"
#include "gradzone/choice/choice.hpp"
#include "gradzone/data/batch_plan.hpp"
#include "gradzone/graph/graph.hpp"
#include "gradzone/graph/point.hpp"
#include "gradzone/kernels/cuda/device.hpp"
#include "gradzone/kernels/processor.hpp"
#include "gradzone/train/loss_scaler.hpp"
#include "gradzone/train/optimiser.hpp"
#include "gradzone/train/training_format.hpp"

namespace gradzone {

/// Throws UsageError if the processor does not compute in the format: cards have the order chain, and they
/// alone have tensor cores.
void check_processor(TrainingFormat format, Processor processor);

/// How a step is computed.
struct Recipe {
  TrainingFormat format;
  Choice choice;
  Form form = Form::direct;
  OptimiserOptions optimiser;
  LossScaler loss_scale;  ///< of amp16; others have none
  Processor processor = Processor::cpu;
  /// Who share every step, each calling step() with the whole mini-batch: the same bits on each as alone.
  /// They must outlive the trainer. Null: nobody.
  Peers* peers = nullptr;
};

/// What one step saw before it changed the parameters.
struct StepResult {
  double loss = 0;       ///< mean over the mini-batch
  Index correct = 0;     ///< images whose largest logit is their label's
  bool skipped = false;  ///< left out because a scaled gradient overflowed: nothing unusual
  bool finite = true;    ///< the loss and, unless the step was skipped, every parameter's gradient
  /// Where the first NaN or infinity is (eval/non_finite.hpp), in the first step of a Trainer that is not
  /// finite.
  std::string non_finite_layer;
};

/// Sums over images.
struct Score {
  double loss = 0;
  Index correct = 0, images = 0;
  Score& operator+=(const Score& other);
  double mean_loss() const { return loss / static_cast<double>(images); }
  double accuracy() const { return static_cast<double>(correct) / static_cast<double>(images); }
};

/// Everything that the next step depends on, exactly.
struct TrainerState {
  struct Named {
    std::string name;
    Tensor<double> values;
  };
  Parameters parameters;
  std::vector<Named> optimiser;  ///< "momentum.features.0.weight", ...
  Index steps = 0;               ///< of the optimiser, done so far
  LossScaler::State loss_scale;
};

class Trainer {
 public:
  virtual ~Trainer() = default;

  /// One step of the optimiser at a mini-batch with the given learning rate. Images [N, c, h, w] are rounded
  /// to the format first. Batch norms use the statistics of the mini-batch and update the running ones
  /// (running_statistics.hpp). A step that is not finite is taken all the same, what becomes of it is a
  /// result, unless the loss is scaled: then the optimiser makes no step (loss_scaler.hpp).
  virtual StepResult step(const Tensor<float>& images, const std::vector<int>& labels, double rate) = 0;

  /// Loss and hits of a mini-batch with batch norm in evaluation mode.
  virtual Score evaluate(const Tensor<float>& images, const std::vector<int>& labels) = 0;

  /// Keeps the images of a data set, which must outlive the trainer, where steps are computed: on a card, if
  /// they fit into a quarter of its memory. Returns whether it does: then plans are faster than images.
  virtual bool hold(const Dataset& data) = 0;
  /// step() and evaluate() at the images of a plan, which no loader has to load.
  virtual StepResult step(const BatchPlan& plan, double rate) = 0;
  virtual Score evaluate(const BatchPlan& plan) = 0;

  virtual Parameters parameters() const = 0;
  virtual TrainerState state() = 0;
  /// Throws InputError if it is not the state of a trainer of the same network and optimiser.
  virtual void restore(const TrainerState& state) = 0;
};

/// `graph` is copied. Parameters and scalars are rounded to the format. Throws InputError for parameters that
/// do not fit, UsageError for options out of range, a loss scale with a format that is not amp16, or a card
/// that is not there.
std::unique_ptr<Trainer> make_trainer(const Graph& graph, const Parameters& initial, const Recipe& recipe);

/// The same on a device (kernels/cuda/device.hpp), whatever the recipe's processor.
std::unique_ptr<Trainer> make_device_trainer(const Graph& graph, const Parameters& initial,
                                             const Recipe& recipe, std::unique_ptr<Device> device);

}  // namespace gradzone
