#include "gradzone/study/unit_training.hpp"

#include <algorithm>
#include <chrono>

namespace gradzone {
namespace {

using Clock = std::chrono::steady_clock;

TrainProgress progress_of(const UnitTraining& training, const TrainingRun& run,
                          const std::vector<EpochRecord>& records) {
  const Score& score = run.score();
  const bool between = score.images == 0;  // epochs: the last one's numbers are still of interest
  TrainProgress out{training.name, run.epochs() + (between && !records.empty() ? 0 : 1), training.epochs};
  out.images = std::min(run.epochs(), training.epochs) * run.images() + score.images;
  if (!between) {
    out.loss = score.mean_loss();
    out.accuracy = score.accuracy();
  } else if (!records.empty()) {
    out.loss = records.back().train_loss;
    out.accuracy = records.back().train_accuracy;
  }
  return out;
}

/// Whether the run went on after epochs that should have been its last: as it may where it was trained before
/// it was known (rate_search.hpp).
bool is_beyond_its_end(const TrainingRun& run, std::span<const EpochRecord> records, UnitLog& log) {
  for (std::size_t n = 1; n <= records.size(); ++n) {
    if (log.ends_early(records.first(n))) return n < records.size() || run.steps() > 0;
  }
  return false;
}

}  // namespace

UnitOutcome train_unit(const UnitTraining& training, const Graph& graph, const std::filesystem::path& folder,
                       const std::string& study, UnitLog& log, const std::stop_token& stop) {
  const std::filesystem::path file = folder / (training.name + ".safetensors");
  std::optional<SavedRun> opened;
  UnitOutcome out;
  const auto open = [&] {
    opened.emplace(file, graph, training.unit.format.kept, training.begin(),
                   std::map<std::string, std::string>{{"study", study}, {"unit", training.name}});
    out.records = log.begin(opened->run().epochs(), opened->run().all_steps());
  };
  open();
  if (is_beyond_its_end(opened->run(), out.records, log)) {
    log.once([&] { std::filesystem::remove(file); });
    open();
  }
  SavedRun& saved = *opened;
  const TrainingRun& run = saved.run();
  RunHooks hooks;
  hooks.between_steps = [&](const std::function<void()>& work) { log.once(work); };
  hooks.before_save = [&] { log.write_zones(); };
  hooks.before_step = [&](TrainingRun& next) {
    if (!training.zone_of_next) return;
    if (auto row = training.zone_of_next(next)) log.add(std::move(*row));
  };
  const auto after_step = [&](const TrainingRun& now) {
    if (now.score().images > 0) log.report(progress_of(training, now, out.records));
  };
  const auto ends = [&] {
    out.ended_early = !out.records.empty() && log.ends_early(out.records);
    return out.ended_early || run.epochs() >= training.epochs;
  };
  log.report(progress_of(training, run, out.records));
  while (!ends()) {
    const auto begin = Clock::now();
    const Index seen_before = run.score().images;
    const EpochRecord record = saved.epoch(hooks, after_step, stop);
    log.add(record, std::chrono::duration<double>(Clock::now() - begin).count(), run.images() - seen_before);
    log.once([&] { saved.save(hooks); });
    out.records.push_back(record);
    log.report(progress_of(training, run, out.records));
  }
  out.non_finite = run.non_finite();
  return out;
}

}  // namespace gradzone
