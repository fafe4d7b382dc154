#include "gradzone/study/training_task.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "gradzone/base/error.hpp"
#include "gradzone/nets/nets.hpp"
#include "gradzone/study/audit_study.hpp"

namespace gradzone {
namespace {

/// Everything of the optimiser that its kind uses.
Json optimiser_json(const OptimiserOptions& o) {
  Json out{{"kind", name(o.kind)}, {"weight_decay", o.weight_decay}};
  if (o.kind == OptimiserKind::sgd) {
    out["momentum"] = o.momentum;
    out["nesterov"] = o.nesterov;
  } else {
    out["beta1"] = o.beta1;
    out["beta2"] = o.beta2;
    out["epsilon"] = o.epsilon;
  }
  return out;
}

std::string optimiser_options(const OptimiserOptions& o) {
  std::string out = fmt::format(" --optimiser {} --weight-decay {}", name(o.kind), o.weight_decay);
  if (o.kind == OptimiserKind::sgd) {
    out += fmt::format(" --momentum {}{}", o.momentum, o.nesterov ? " --nesterov" : "");
  } else {
    out += fmt::format(" --epsilon {}", o.epsilon);
  }
  return out;
}

}  // namespace

std::string TrainingTask::options() const {
  std::string out = fmt::format(" --net {} --data {}", net, data);
  if (!test.empty()) out += fmt::format(" --test {}", test);
  out += optimiser_options(optimiser) + fmt::format(" --loss-scale {}", loss_scale.text());
  return out + fmt::format(" --schedule {} --epochs {} --batch {} --augment {} --init {} --seed {}",
                           schedule.text(), epochs, batch, name(augmentation), name(initialisation), seed);
}

LoadedTask::LoadedTask(TrainingTask t)
    : task(std::move(t)),
      graph(make_net(task.net, BatchNorm::Mode::training)),
      train_set(load_dataset(task.data, "train", task.seed, task.on_bad_image)),
      test_set(
          load_dataset(task.test.empty() ? task.data : task.test, "test", task.seed, task.on_bad_image)) {
  for (const Dataset* data : {&train_set, &test_set}) {
    check_data_fits(graph, *data);
    check_labelled(*data, "training");
  }
}

TrainingRun LoadedTask::run(const TrainUnit& unit, double learning_rate) const {
  RunOptions options;
  options.recipe = {unit.format,
                    Choice{.maxpool_beta = unit.beta},
                    unit.form,
                    task.optimiser,
                    unit.format.mixed() ? task.loss_scale : LossScaler(),
                    task.processor,
                    task.peers};
  options.learning_rate = learning_rate;
  options.schedule = task.schedule;
  options.epochs = task.epochs;
  options.batch = task.batch;
  options.augmentation = task.augmentation;
  options.seed = task.seed + static_cast<std::uint64_t>(unit.run);
  return {graph, initialise(graph, task.initialisation, options.seed), train_set, test_set, options};
}

Json LoadedTask::identity() const {
  return {{"network", graph.name()},
          {"data", task.data},
          {"data_sha256", train_set.fingerprint()},
          {"test", task.test.empty() ? task.data : task.test},
          {"test_sha256", test_set.fingerprint()},
          {"optimiser", optimiser_json(task.optimiser)},
          {"loss_scale", task.loss_scale.text()},
          {"schedule", task.schedule.text()},
          {"epochs", task.epochs},
          {"batch", task.batch},
          {"augment", name(task.augmentation)},
          {"initialisation", name(task.initialisation)},
          {"seed", task.seed},
          {"versions", Json::parse(versions_json())}};
}

void check_stop_after(int stop_after, int epochs) {
  if (stop_after >= 0 && stop_after <= epochs) return;
  throw UsageError(
      fmt::format("--stop-after {}: the schedule has {} epochs; 0 is all of them", stop_after, epochs));
}

}  // namespace gradzone
