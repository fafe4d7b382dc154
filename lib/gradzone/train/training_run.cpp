#include "gradzone/train/training_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include "gradzone/base/error.hpp"

namespace gradzone {
namespace {

constexpr Index evaluation_batch = 100;  // as the paper tests

void check(const RunOptions& o) {
  if (o.batch < 1) throw UsageError(fmt::format("--batch {}: a mini-batch has at least one image", o.batch));
  if (o.epochs < 1) throw UsageError(fmt::format("--epochs {}: at least one epoch is needed", o.epochs));
  if (!(o.learning_rate > 0) || !std::isfinite(o.learning_rate))
    throw UsageError(fmt::format("--lr {}: a learning rate is positive", o.learning_rate));
}

}  // namespace

void check_batch_norm(const Graph& graph, Index images, Index batch) {
  const Index last = images % batch == 0 ? batch : images % batch;
  for (const Node& node : graph.nodes()) {
    const auto* op = std::get_if<BatchNorm>(&node.op);
    if (op == nullptr || op->mode == BatchNorm::Mode::evaluation) continue;
    if (last * element_count(node.shape) / op->channels > 1) continue;
    throw UsageError(
        fmt::format("--batch {}: the last mini-batch of {} images is a single one, of which the "
                    "batch norm {} has no variance; give another size",
                    batch, images, node.name));
  }
}

struct TrainingRun::Members {
  Members(const Graph& g, const Dataset& train, const Dataset& test, RunOptions o)
      : options((check(o), std::move(o))),
        images(train.size()),
        train_planner(train, {options.batch, true, options.augmentation, options.seed}),
        test_planner(test, {evaluation_batch, false}),
        train_loader(train, train_planner.options()),
        test_loader(test, test_planner.options()) {
    for (const Dataset* data : {&train, &test}) {
      check_data_fits(g, *data);
      check_labelled(*data, "training");
    }
    check_batch_norm(g, train.size(), options.batch);
  }

  void use(std::unique_ptr<Trainer> t) {
    trainer = std::move(t);
    train_held = options.augmentation != Augmentation::resized_crop && trainer->hold(train_planner.data());
    test_held = trainer->hold(test_planner.data());
  }

  double rate() const { return options.schedule.rate(options.learning_rate, at.epoch, options.epochs); }

  const LoadedBatch& batch() {
    if (next != nullptr) return *next;
    if (train_held) train_loader.seek(at.epoch, at.step);  // steps pass it by
    next = &train_loader.next();
    return *next;
  }

  StepResult take_step() {
    if (train_held) return trainer->step(train_planner.plan(at.epoch, at.step), rate());
    return trainer->step(batch().x, batch().labels, rate());
  }

  void step() {
    const Index count = std::min(options.batch, images - at.step * options.batch);
    const StepResult result = take_step();
    at.score += {result.loss * static_cast<double>(count), result.correct, count};
    ++at.step;
    if (!result.finite && !at.non_finite)
      at.non_finite = NonFinite{at.epoch + 1, at.step, result.non_finite_layer};
    next = nullptr;
  }

  /// Mini-batch `step` of the test set, the loader's next one.
  Score evaluate(Index step) {
    if (test_held) return trainer->evaluate(test_planner.plan(0, step));
    const LoadedBatch& mini_batch = test_loader.next();
    return trainer->evaluate(mini_batch.x, mini_batch.labels);
  }

  Score evaluate() {
    // Peers share the mini-batches.
    Peers* const peers = options.recipe.peers;
    const Index steps = test_loader.steps();
    const auto first = [&](int rank) { return peers ? rank * steps / peers->size() : rank * steps; };
    const int rank = peers ? peers->rank() : 0;
    std::vector<Score> scores(static_cast<std::size_t>(steps));
    if (!test_held && first(rank) < first(rank + 1)) test_loader.seek(0, first(rank));
    for (Index s = first(rank); s < first(rank + 1); ++s) scores[static_cast<std::size_t>(s)] = evaluate(s);
    if (peers) gather(*peers, std::span(scores), first);
    Score sum;
    for (const Score& score : scores) sum += score;
    return sum;
  }

  EpochRecord end_epoch() {
    const Score test = evaluate();
    const EpochRecord record{at.epoch + 1,     at.score.mean_loss(), at.score.accuracy(),
                             test.mean_loss(), test.accuracy(),      rate()};
    ++at.epoch;
    at.step = 0;
    at.score = {};
    return record;
  }

  RunOptions options;
  Index images;  ///< of the training set
  BatchPlanner train_planner, test_planner;
  BatchLoader train_loader, test_loader;  ///< of sets that the trainer does not hold, and for batch()
  std::unique_ptr<Trainer> trainer;
  bool train_held = false, test_held = false;
  RunState at;  ///< without the trainer's
  const LoadedBatch* next = nullptr;
};

TrainingRun::TrainingRun(const Graph& graph, const Parameters& initial, const Dataset& train_set,
                         const Dataset& test_set, RunOptions options)
    : m_(std::make_unique<Members>(graph, train_set, test_set, std::move(options))) {
  m_->use(make_trainer(graph, initial, m_->options.recipe));
}
TrainingRun::TrainingRun(const Graph& graph, std::unique_ptr<Trainer> trainer, const Dataset& train_set,
                         const Dataset& test_set, RunOptions options)
    : m_(std::make_unique<Members>(graph, train_set, test_set, std::move(options))) {
  m_->use(std::move(trainer));
}
TrainingRun::~TrainingRun() = default;
TrainingRun::TrainingRun(TrainingRun&&) noexcept = default;

const LoadedBatch& TrainingRun::batch() {
  return m_->batch();
}

std::optional<EpochRecord> TrainingRun::step() {
  m_->step();
  if (m_->at.step < steps_per_epoch()) return {};
  return m_->end_epoch();
}

int TrainingRun::epochs() const {
  return m_->at.epoch;
}
Index TrainingRun::steps() const {
  return m_->at.step;
}
Index TrainingRun::steps_per_epoch() const {
  return m_->train_loader.steps();
}
Index TrainingRun::all_steps() const {
  return epochs() * steps_per_epoch() + steps();
}
Index TrainingRun::images() const {
  return m_->images;
}
const Score& TrainingRun::score() const {
  return m_->at.score;
}
const std::optional<NonFinite>& TrainingRun::non_finite() const {
  return m_->at.non_finite;
}
const Trainer& TrainingRun::trainer() const {
  return *m_->trainer;
}

RunState TrainingRun::state() {
  RunState out = m_->at;
  out.trainer = m_->trainer->state();
  out.all_steps = all_steps();
  return out;
}

void TrainingRun::restore(const RunState& state) {
  m_->trainer->restore(state.trainer);
  m_->at = state;
  m_->at.trainer = {};
  m_->train_loader.seek(state.epoch, state.step);
  m_->next = nullptr;
}

}  // namespace gradzone
