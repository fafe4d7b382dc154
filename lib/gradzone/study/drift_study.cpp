#include "gradzone/study/drift_study.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

#include "gradzone/base/error.hpp"
#include "gradzone/base/file.hpp"
#include "gradzone/io/csv.hpp"
#include "gradzone/study/continuation.hpp"
#include "gradzone/study/learning_rate.hpp"
#include "gradzone/study/machine.hpp"

namespace gradzone {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

void check(const DriftStudy& s) {
  check_processor(s.format, s.task.processor);
  if (s.betas.empty()) throw UsageError("--beta: name at least one beta besides 0");
  for (const double beta : s.betas) {
    if (!std::isfinite(beta) || beta == 0) {
      throw UsageError(
          fmt::format("--beta {}: write finite numbers other than 0, which is always there", beta));
    }
    if (std::ranges::count(s.betas, beta) > 1)
      throw UsageError(fmt::format("--beta: {} is there twice", beta));
  }
  check_stop_after(s.stop_after, s.task.epochs);
  if (s.every < 0) throw UsageError(fmt::format("--every {}: must not be negative", s.every));
}

/// Of the trainable parameters.
double distance(const Graph& graph, const Parameters& a, const Parameters& b) {
  double sum = 0;
  for (std::size_t p = 0; p < a.size(); ++p) {
    if (!graph.parameters()[p].trainable) continue;
    for (std::size_t i = 0; i < a[p].data.size(); ++i) sum += std::fabs(a[p].data[i] - b[p].data[i]);
  }
  return sum;
}

}  // namespace

std::string drift_csv(const std::vector<DriftRow>& rows) {
  CsvWriter out;
  out.row("epoch", "step", "beta", "repeat", "distance", "test_loss", "test_accuracy");
  for (const DriftRow& row : rows) {
    out.row(row.epoch, row.step, row.beta, row.repeat, row.distance, row.test_loss, row.test_accuracy);
  }
  return out.take();
}

std::vector<DriftRow> read_drift_csv(std::string_view text, const std::string& where) {
  CsvReader reader(text, where);
  const std::size_t epoch = reader.column("epoch"), step = reader.column("step"),
                    beta = reader.column("beta"), repeat = reader.column("repeat"),
                    distance_column = reader.column("distance"), loss = reader.column("test_loss"),
                    accuracy = reader.column("test_accuracy");
  std::vector<DriftRow> rows;
  while (reader.next_row()) {
    rows.push_back({static_cast<int>(reader.integer(epoch)), reader.integer(step), reader.number(beta),
                    static_cast<int>(reader.integer(repeat)), reader.number(distance_column),
                    reader.number(loss), reader.number(accuracy)});
  }
  return rows;
}

std::string DriftStudy::command() const {
  std::string out = fmt::format("gradzone drift{} --format {} --form {} --beta {} --lr {}", task.options(),
                                name(format), name(form), fmt::join(betas, ","), rate);
  if (stop_after > 0) out += fmt::format(" --stop-after {}", stop_after);
  if (every > 0) out += fmt::format(" --every {}", every);
  return out;
}

LoadedDrift::LoadedDrift(DriftStudy study)
    : study_((check(study), std::move(study))),
      task_(study_.task),
      rate_(learning_rate(study_.rate, study_.task, study_.format)) {
  task_.run({study_.format, study_.form, 0, 0}, rate_);  // refuses what no run can do
}

std::string LoadedDrift::configuration() const {
  Json json{{"study", "drift"}, {"command", study_.command()}};
  json.update(task_.identity());
  json["formats"] = {full_name(study_.format)};
  json["form"] = name(study_.form);
  json["betas"] = study_.betas;
  json["learning_rate"] = rate_;
  json["every"] = study_.every;
  return write_json(json);
}

/// The networks on their way: the two with beta = 0, then the others.
class LoadedDrift::Walk {
 public:
  Walk(const LoadedDrift& drift, std::filesystem::path folder, bool continued)
      : drift_(drift), folder_(std::move(folder)), betas_{0, 0} {
    betas_.insert(betas_.end(), drift.study_.betas.begin(), drift.study_.betas.end());
    for (const double beta : betas_)
      runs_.push_back(drift.task_.run({drift.study_.format, drift.study_.form, beta, 0}, drift.rate_));
    if (continued && std::filesystem::exists(checkpoint_file())) restore();
  }

  const TrainingRun& first() const { return runs_.front(); }
  std::vector<DriftRow> take_rows() { return std::move(rows_); }

  /// One step of every network; measures where that is due and saves after epochs and once a minute.
  void step() {
    if (Clock::now() - saved_ > save_interval) save();
    std::vector<std::optional<EpochRecord>> records;
    for (TrainingRun& run : runs_) records.push_back(run.step());
    const Index every = drift_.study_.every;
    if (records[0] || (every > 0 && first().all_steps() % every == 0)) measure(records);
    if (records[0]) save();
  }

  void save() {
    write_file_atomically(table_file(), drift_csv(rows_));
    Checkpoint all;
    for (std::size_t n = 0; n < runs_.size(); ++n) {
      const Checkpoint one = checkpoint_of(drift_.task_.graph, drift_.study_.format.kept, runs_[n].state());
      for (NamedTensor t : one.tensors) {
        t.name = prefix(n) + t.name;
        all.tensors.push_back(std::move(t));
      }
      for (const auto& [key, value] : one.metadata) all.metadata[prefix(n) + key] = value;
    }
    write_safetensors(checkpoint_file(), all);
    saved_ = Clock::now();
  }

 private:
  std::string prefix(std::size_t n) const { return fmt::format("{}/", n); }
  std::filesystem::path checkpoint_file() const { return folder_ / "drift.safetensors"; }
  std::filesystem::path table_file() const { return folder_ / "drift.csv"; }

  void measure(const std::vector<std::optional<EpochRecord>>& records) {
    const Parameters reference = first().trainer().parameters();
    for (std::size_t n = 0; n < runs_.size(); ++n) {
      const Parameters own = runs_[n].trainer().parameters();
      rows_.push_back({first().epochs(), first().all_steps(), betas_[n], n == 1 ? 1 : 0,
                       distance(drift_.task_.graph, own, reference), records[n] ? records[n]->test_loss : nan,
                       records[n] ? records[n]->test_accuracy : nan});
    }
  }

  void restore() {
    const std::string where = checkpoint_file().string();
    const Checkpoint all = read_safetensors(checkpoint_file());
    for (std::size_t n = 0; n < runs_.size(); ++n) {
      Checkpoint one;
      for (const NamedTensor& t : all.tensors) {
        if (!t.name.starts_with(prefix(n))) continue;
        one.tensors.push_back(t);
        one.tensors.back().name.erase(0, prefix(n).size());
      }
      for (const auto& [key, value] : all.metadata) {
        if (key.starts_with(prefix(n))) one.metadata[key.substr(prefix(n).size())] = value;
      }
      runs_[n].restore(run_state(drift_.task_.graph, drift_.study_.format.kept, one, where));
    }
    rows_ = read_drift_csv(table_text(table_file()), table_file().string());
    std::erase_if(rows_, [&](const DriftRow& row) { return row.step > first().all_steps(); });
  }

  const LoadedDrift& drift_;
  std::filesystem::path folder_;
  std::vector<double> betas_;
  std::vector<TrainingRun> runs_;
  std::vector<DriftRow> rows_;
  Clock::time_point saved_ = Clock::now();
};

DriftResults LoadedDrift::run(const std::filesystem::path& folder, int threads,
                              const TrainWatch& watch) const {
  DriftResults results{configuration(), {}};
  create_writable_folder(folder);
  const FolderLock lock(folder);
  Walk walk(*this, folder, continues_study(folder / "drift.json", results.configuration));
  const TrainingRun& first = walk.first();
  on_threads(threads, [&] {
    while (first.epochs() < epochs()) {
      if (watch.stop.stop_requested()) {
        walk.save();
        throw InterruptedError(
            fmt::format("interrupted in epoch {}; the same command continues", first.epochs() + 1));
      }
      walk.step();
      if (watch.progress && first.score().images > 0) {
        watch.progress({"beta 0", first.epochs() + 1, epochs(), first.score().mean_loss(),
                        first.score().accuracy(), first.epochs() * first.images() + first.score().images,
                        epochs() * first.images()});
      }
    }
  });
  results.rows = walk.take_rows();
  return results;
}

std::string drift_json(const DriftResults& results) {
  Json out{{"configuration", Json::parse(results.configuration)}, {"rows", Json::array()}};
  for (const DriftRow& row : results.rows) {
    out["rows"].push_back({{"epoch", row.epoch},
                           {"step", row.step},
                           {"beta", row.beta},
                           {"repeat", row.repeat},
                           {"distance", row.distance},
                           {"test_loss", row.test_loss},
                           {"test_accuracy", row.test_accuracy}});
  }
  return write_json(out);
}

}  // namespace gradzone
