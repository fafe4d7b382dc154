#include "gradzone/study/volume_study.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <nlohmann/json.hpp>

#include "gradzone/base/error.hpp"
#include "gradzone/base/file.hpp"
#include "gradzone/base/parallel.hpp"
#include "gradzone/io/json.hpp"
#include "gradzone/nets/nets.hpp"
#include "gradzone/study/audit_study.hpp"
#include "gradzone/study/continuation.hpp"
#include "gradzone/study/machine.hpp"
#include "gradzone/study/volume_summary.hpp"
#include "gradzone/train/training_run.hpp"

namespace gradzone {
namespace {

using Clock = std::chrono::steady_clock;

std::vector<std::string> full_names(const std::vector<Format>& formats) {
  std::vector<std::string> out;
  for (const Format format : formats) out.push_back(full_name(format));
  return out;
}

const char* mode_name(BatchNorm::Mode mode) {
  return mode == BatchNorm::Mode::training ? "training" : "evaluation";
}

void check(const VolumeStudy& s) {
  if (s.inits < 1)
    throw UsageError(fmt::format("--inits {}: at least one initialisation is needed", s.inits));
  if (s.batch < 1) throw UsageError(fmt::format("--batch {}: a mini-batch has at least one image", s.batch));
  if (s.batches < 0) throw UsageError(fmt::format("--batches {}: must not be negative", s.batches));
  if (!(s.ci_width >= 0 && s.ci_width < 1))
    throw UsageError(
        fmt::format("--ci-width {}: the width of an interval of shares is between 0 and 1; 0 for "
                    "all initialisations",
                    s.ci_width));
  if (s.formats.empty()) throw UsageError("--format: name at least one format");
  check_formats(s.backend, s.formats);
  if (s.choices.size() < 2) throw UsageError("a volume compares choices: name at least two");
}

/// Beyond this a pass takes all threads for itself.
constexpr double small_pass = 256.0 * (1 << 20);

}  // namespace

std::string VolumeStudy::command() const {
  std::string out =
      fmt::format("gradzone volume --net {} --data {} --split {} --format {} --form {} --choices {}", net,
                  data, split, fmt::join(full_names(formats), ","), name(form), names(choices));
  out += fmt::format(" --init {} --inits {} --batch {}", name(initialisation), inits, batch);
  if (batches > 0) out += fmt::format(" --batches {}", batches);
  if (on_bad_image == OnBadImage::skip) out += " --on-bad-image skip";
  if (batch_norm == BatchNorm::Mode::evaluation) out += " --batch-norm evaluation";
  out += fmt::format(" --hit {}{}", hit.text(), until_hit ? " --until-hit" : "");
  if (ci_width > 0) out += fmt::format(" --ci-width {}", ci_width);
  return out + fmt::format(" --certify {} --seed {}", certify.text(), seed);
}

LoadedVolume::LoadedVolume(VolumeStudy study)
    : study_((check(study), std::move(study))),
      graph_(make_net(study_.net, study_.batch_norm)),
      data_(load_dataset(study_.data, study_.split, study_.seed, study_.on_bad_image)) {
  check_data_fits(graph_, data_);
  check_labelled(data_, "a volume study");
  const Index available = (data_.size() + study_.batch - 1) / study_.batch;
  batches_ = study_.batches == 0 ? available : study_.batches;
  if (batches_ > available) {
    throw UsageError(fmt::format("--batches {} with --batch {}: {} has {} images, enough for {} mini-batches",
                                 batches_, study_.batch, data_.name(), data_.size(), available));
  }
  check_batch_norm(graph_, std::min(data_.size(), batches_ * study_.batch), study_.batch);
}

std::string LoadedVolume::configuration() const {
  return write_json({{"study", "volume"},
                     {"command", study_.command()},
                     {"network", graph_.name()},
                     {"data", study_.data},
                     {"split", study_.split},
                     {"data_sha256", data_.fingerprint()},
                     {"formats", full_names(study_.formats)},
                     {"form", name(study_.form)},
                     {"choices", names(study_.choices)},
                     {"initialisation", name(study_.initialisation)},
                     {"batch", study_.batch},
                     {"batches", batches_},
                     {"batch_norm", mode_name(study_.batch_norm)},
                     {"hit", study_.hit.text()},
                     {"until_hit", study_.until_hit},
                     {"ci_width", study_.ci_width},
                     {"certify", study_.certify.text()},
                     {"seed", study_.seed},
                     {"versions", Json::parse(versions_json())}});
}

VolumePassOptions LoadedVolume::pass_options() const {
  return {study_.form, study_.choices,   study_.initialisation, study_.batch, batches_,
          study_.hit,  study_.until_hit, study_.certify,        study_.seed,  study_.backend};
}

/// Passes of small networks run beside one another, which wastes no thread; those of large ones one at a
/// time, which wastes no finished work when it is stopped, and no memory. With one device for all of them the
/// threads convert, certify and write meanwhile.
bool LoadedVolume::side_by_side(int width) const {
  double activations = 0, parameters = 0;
  for (const Node& node : graph_.nodes()) activations += static_cast<double>(element_count(node.shape));
  for (const ParameterSpec& p : graph_.parameters())
    parameters += static_cast<double>(element_count(p.shape));
  const double bytes = sizeof(double) * (3 * activations * static_cast<double>(study_.batch) +
                                         parameters * static_cast<double>(3 + study_.choices.size()));
  return bytes <= small_pass && bytes * width <= static_cast<double>(quarter_of_memory(study_.backend));
}

/// The work of one command: formats one after the other, their passes beside one another.
class LoadedVolume::Runner {
 public:
  Runner(const LoadedVolume& volume, VolumeTables& tables, const VolumeWatch& watch)
      : volume_(volume), study_(volume.study_), tables_(tables), watch_(watch) {
    total_ = static_cast<Index>(study_.formats.size()) * study_.inits * volume.batches_;
    for (const VolumeRow& row : tables_.rows()) {
      looked_at_ += row.batches;
      total_ -= volume.batches_ - row.batches;
    }
  }

  /// Throws InterruptedError if it had to stop.
  void run(std::size_t format) {
    format_ = format;
    finished_ = tables_.count_from(format, 0);
    limit_ = limit();
    if (const Index missing = first_missing(); missing < limit_) {
      next_ = missing;
      const int width = tbb::this_task_arena::max_concurrency();
      const auto pass =
          make_volume_pass(volume_.graph_, volume_.data_, study_.formats[format], volume_.pass_options());
      if (volume_.side_by_side(width)) {
        parallel_for(width, [&](Index) { work(*pass); });
      } else {
        work(*pass);
      }
    }
    const bool complete = first_missing() >= limit_;
    if (complete) tables_.cut(format, limit_);
    tables_.write();
    if (!complete)
      throw InterruptedError(
          fmt::format("interrupted after {} of {} initialisations of {}; the same command "
                      "continues",
                      finished_, limit_.load(), full_name(study_.formats[format])));
    total_ -= (study_.inits - limit_) * volume_.batches_;
  }

 private:
  /// Initialisations are taken in their order, so that few are in vain where the interval ends the study.
  void work(const VolumePass& pass) {
    for (Index init = next_++; init < limit_; init = next_++) {
      if (watch_.stop.stop_requested()) return;
      if (contains(init)) continue;
      std::optional<VolumeUnit> unit = pass.run(init, [&] {
        ++looked_at_;
        report();
        return !watch_.stop.stop_requested() && init < limit_;
      });
      if (unit) keep(std::move(*unit));
    }
  }

  bool contains(Index init) {
    const std::lock_guard lock(mutex_);
    return tables_.contains(format_, init);
  }

  void keep(VolumeUnit unit) {
    const std::lock_guard lock(mutex_);
    total_ -= volume_.batches_ - unit.row.batches;
    tables_.add(format_, std::move(unit));
    ++finished_;
    limit_ = limit();
    // Tables grow: where passes are quicker than twenty times their writing, not each of them is worth it.
    const auto begin = Clock::now();
    if (begin < next_write_) return;
    tables_.write();
    const auto end = Clock::now();
    next_write_ = end + 20 * (end - begin);
  }

  /// How many initialisations of the format are looked at, as far as it is known.
  Index limit() const {
    const std::optional<Index> settled =
        study_.ci_width > 0 ? settled_after(tables_.hits(format_), study_.ci_width) : std::nullopt;
    return std::min(study_.inits, settled.value_or(study_.inits));
  }

  Index first_missing() const {
    Index init = 0;
    while (tables_.contains(format_, init)) ++init;
    return init;
  }

  void report() const {
    if (!watch_.progress) return;
    watch_.progress({full_name(study_.formats[format_]), finished_, limit_, looked_at_, total_});
  }

  const LoadedVolume& volume_;
  const VolumeStudy& study_;
  VolumeTables& tables_;
  const VolumeWatch& watch_;
  std::size_t format_ = 0;
  std::mutex mutex_;  ///< of tables_ and next_write_ while passes run
  Clock::time_point next_write_{};
  std::atomic<Index> next_ = 0, limit_ = 0, finished_ = 0;
  std::atomic<std::int64_t> looked_at_ = 0, total_ = 0;
};

namespace {

constexpr const char* configuration_file = "volume.json";

/// Tables of the same names are not overwritten.
void refuse_others(const std::filesystem::path& folder) {
  if (is_volume(folder)) return;
  for (const char* table : {"points.csv", "volume.csv", "summary.json", "times.csv"}) {
    if (!std::filesystem::exists(folder / table)) continue;
    throw UsageError(
        fmt::format("{}: holds {} of another study: give another --out", folder.string(), table));
  }
}

void refuse_fewer(const VolumeStudy& study, const VolumeTables& tables) {
  for (std::size_t f = 0; f < study.formats.size(); ++f) {
    if (tables.count_from(f, study.inits) == 0) continue;
    throw UsageError(
        fmt::format("--inits {}: the folder holds {} initialisations of {}; their number may grow",
                    study.inits, tables.count_from(f, 0), full_name(study.formats[f])));
  }
}

}  // namespace

bool is_volume(const std::filesystem::path& folder) {
  return std::filesystem::exists(folder / configuration_file);
}

VolumeResults LoadedVolume::run(const std::filesystem::path& folder, int threads,
                                const VolumeWatch& watch) const {
  VolumeResults results{configuration(), study_.command(), study_.inits, study_.hit, {}, {}};
  create_writable_folder(folder);
  const FolderLock lock(folder);
  refuse_others(folder);
  VolumeTables tables(folder, study_.formats,
                      continues_study(folder / configuration_file, results.configuration));
  refuse_fewer(study_, tables);
  Runner runner(*this, tables, watch);
  on_threads(threads, [&] {
    for (std::size_t f = 0; f < study_.formats.size(); ++f) runner.run(f);
  });
  results.rows = tables.rows();
  results.points = tables.points();
  write_file_atomically(folder / "summary.json", volume_summary_json(results));
  return results;
}

}  // namespace gradzone
