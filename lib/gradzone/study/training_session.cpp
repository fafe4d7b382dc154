#include "gradzone/study/training_session.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <span>

#include "gradzone/base/error.hpp"
#include "gradzone/data/sha256.hpp"
#include "gradzone/io/json.hpp"
#include "gradzone/study/continuation.hpp"

namespace gradzone {
namespace {

using Clock = std::chrono::steady_clock;

std::filesystem::path created(const std::filesystem::path& folder) {
  create_writable_folder(folder);
  return folder;
}

std::string hash_of(const std::string& configuration) {
  Json json = Json::parse(configuration);
  json.erase("command");
  const std::string text = json.dump();
  return sha256_hex(std::as_bytes(std::span(text)));
}

}  // namespace

TrainingSession::TrainingSession(const std::filesystem::path& folder, const Plan& plan,
                                 const TrainWatch& watch)
    : folder_(created(folder)),
      lock_(folder),
      identity_(hash_of(plan.configuration)),
      tables_(folder, plan.configurations, plan.with_zones,
              continues_study(folder / plan.file, plan.configuration)),
      watch_(watch),
      total_(plan.images) {}

std::int64_t TrainingSession::images_of(const Unit& unit, const TrainingRun& run) {
  return std::min(run.epochs(), unit.epochs) * run.images() + run.score().images;
}

void TrainingSession::report(const Unit& unit, const TrainingRun& run,
                             const std::vector<EpochRecord>& records) const {
  if (!watch_.progress) return;
  const Score& score = run.score();
  const std::int64_t seen = images_before_ + images_of(unit, run);
  const bool between = score.images == 0;  // epochs: the last one's numbers are still of interest
  TrainProgress progress{
      unit.name, run.epochs() + (between && !records.empty() ? 0 : 1), unit.epochs, 0, 0, seen, total_,
      found_};
  if (!between) {
    progress.loss = score.mean_loss();
    progress.accuracy = score.accuracy();
  } else if (!records.empty()) {
    progress.loss = records.back().train_loss;
    progress.accuracy = records.back().train_accuracy;
  }
  watch_.progress(progress);
}

TrainingSession::Outcome TrainingSession::train(const Unit& unit, const Graph& graph, TrainingRun fresh) {
  SavedRun saved(folder_ / (unit.name + ".safetensors"), graph, unit.unit.format.kept, std::move(fresh),
                 {{"study", identity_}, {"unit", unit.name}});
  const TrainingRun& run = saved.run();
  found_ += images_of(unit, run);
  tables_.rewind(unit.unit, run.epochs(), run.all_steps());
  Outcome out{tables_.records(unit.unit), {}, false};
  const auto ends = [&] {
    out.ended_early = unit.ends_early && !out.records.empty() && unit.ends_early(out.records);
    return out.ended_early || run.epochs() >= unit.epochs;
  };
  const auto after_step = [&](const TrainingRun& now) {
    if (now.score().images > 0) report(unit, now, out.records);
  };
  report(unit, run, out.records);
  while (!ends()) {
    const auto begin = Clock::now();
    const Index seen_before = run.score().images;
    const EpochRecord record = saved.epoch(unit.hooks, after_step, watch_.stop);
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    tables_.add(unit.unit, record, seconds, run.images() - seen_before);
    tables_.write();
    saved.save(unit.hooks);
    out.records.push_back(record);
    report(unit, run, out.records);
  }
  images_before_ += unit.epochs * run.images();
  out.non_finite = run.non_finite();
  return out;
}

}  // namespace gradzone
