#include "gradzone/study/volume_study.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>

#include "gradzone/base/error.hpp"
#include "gradzone/base/file.hpp"
#include "gradzone/cluster/bytes.hpp"
#include "gradzone/cluster/shared_work.hpp"
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
  require_stated(s.formats);
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
  return {study_.form,      study_.choices, study_.initialisation, study_.batch,   batches_,       study_.hit,
          study_.until_hit, study_.certify, study_.seed,           study_.backend, study_.products};
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

namespace {

std::string encoded(const VolumeUnit& unit) {
  return ByteWriter()
      .put(volume_csv({unit.row}))
      .put(volume_points_csv(unit.points))
      .put(unit.seconds)
      .take();
}

VolumeUnit decoded_unit(ByteReader& in) {
  const std::string where = "a rank's result";
  VolumeUnit unit;
  unit.row = read_volume_csv(in.get<std::string>(), where).at(0);
  unit.points = read_volume_points_csv(in.get<std::string>(), where);
  in.get(unit.seconds);
  return unit;
}

/// One pass.
struct Task {
  std::size_t format = 0;
  Index init = 0;

  std::string bytes() const { return ByteWriter().put(format).put(init).take(); }
  static Task read(ByteReader& in) {
    Task out;
    in.get(out.format);
    in.get(out.init);
    return out;
  }
};

}  // namespace

/// What every rank does: passes, on its own or beside one another.
class LoadedVolume::Passes {
 public:
  Passes(const LoadedVolume& volume, std::stop_token stop) : volume_(volume), stop_(std::move(stop)) {}

  /// How many at a time.
  int workers() const {
    const int width = tbb::this_task_arena::max_concurrency();
    return volume_.side_by_side(width) ? width : 1;
  }

  /// The mini-batches that rank 0 has not been told of yet, and the unit.
  std::optional<std::string> compute(const std::string& task, const Ask& ask) {
    ByteReader in(task);
    const Task at = Task::read(in);
    Index untold = 0;
    auto told = Clock::now();
    const auto go_on = [&] {
      ++untold;
      if (stop_.stop_requested()) return false;
      if (Clock::now() - told < std::chrono::milliseconds(100)) return true;
      const std::string answer = ask(at.bytes() + ByteWriter().put(std::exchange(untold, 0)).take());
      told = Clock::now();
      return ByteReader(answer).get<bool>();
    };
    const auto unit = of_format(at.format)->run(at.init, go_on);
    if (!unit) return std::nullopt;
    return ByteWriter().put(untold).take() + encoded(*unit);
  }

 private:
  /// The passes of a format; those of an earlier one end with their last pass.
  std::shared_ptr<const VolumePass> of_format(std::size_t format) {
    const std::lock_guard lock(mutex_);
    if (!current_ || format != format_) {
      current_ = make_volume_pass(volume_.graph_, volume_.data_, volume_.study_.formats[format],
                                  volume_.pass_options());
      format_ = format;
    }
    return current_;
  }

  const LoadedVolume& volume_;
  std::stop_token stop_;
  std::mutex mutex_;
  std::size_t format_ = 0;
  std::shared_ptr<const VolumePass> current_;
};

/// What rank 0 does beside: it hands out passes, format after format, and keeps what they found.
class LoadedVolume::Keeper {
 public:
  Keeper(const LoadedVolume& volume, VolumeTables& tables, Share share, const VolumeWatch& watch)
      : volume_(volume), study_(volume.study_), tables_(tables), share_(share), watch_(watch) {
    total_ = static_cast<Index>(study_.formats.size()) * study_.inits * volume.batches_;
    for (const VolumeRow& row : tables_.rows()) {
      looked_at_ += row.batches;
      total_ -= volume_.batches_ - row.batches;
    }
    limits_.assign(study_.formats.size(), study_.inits);
    for (std::size_t f = 0; f < limits_.size(); ++f) update_limit(f);
  }

  /// Initialisations are taken in their order, so that few are in vain where the interval ends the study.
  std::optional<std::string> next() {
    for (; next_.format < study_.formats.size(); next_ = {next_.format + 1, 0}) {
      while (next_.init < limits_[next_.format]) {
        if (watch_.stop.stop_requested()) return std::nullopt;
        const Task task{next_.format, next_.init++};
        if (share_.has(task.init) && !tables_.contains(task.format, task.init)) return task.bytes();
      }
    }
    return std::nullopt;
  }

  /// So many more mini-batches were looked at: whether to go on.
  std::string told(const std::string& question) {
    ByteReader in(question);
    const Task task = Task::read(in);
    looked_at_ += in.get<Index>();
    report(task.format);
    return ByteWriter().put(!watch_.stop.stop_requested() && task.init < limits_[task.format]).take();
  }

  void keep(const std::string& task_bytes, const std::string& result) {
    ByteReader task_in(task_bytes), in(result);
    const std::size_t format = Task::read(task_in).format;
    looked_at_ += in.get<Index>();
    VolumeUnit unit = decoded_unit(in);
    total_ -= volume_.batches_ - unit.row.batches;
    tables_.add(format, std::move(unit));
    update_limit(format);
    report(format);
    // Tables grow: where passes are quicker than twenty times their writing, not each of them is worth it.
    const auto begin = Clock::now();
    if (begin < next_write_) return;
    tables_.write();
    const auto end = Clock::now();
    next_write_ = end + 20 * (end - begin);
  }

  /// Throws InterruptedError if passes are missing.
  void finish() {
    for (std::size_t f = 0; f < limits_.size(); ++f)
      if (share_.whole() && is_complete(f)) tables_.cut(f, limits_[f]);
    tables_.write();
    for (std::size_t f = 0; f < limits_.size(); ++f) {
      if (is_complete(f)) continue;
      throw InterruptedError(
          fmt::format("interrupted after {} of {} initialisations of {}; the same command continues",
                      tables_.count_from(f, 0), limits_[f], full_name(study_.formats[f])));
    }
  }

 private:
  /// How many initialisations of the format are looked at, as far as it is known.
  void update_limit(std::size_t format) {
    if (study_.ci_width == 0) return;
    const Index settled = settled_after(tables_.hits(format), study_.ci_width).value_or(study_.inits);
    total_ -= std::max<Index>(limits_[format] - settled, 0) * volume_.batches_;
    limits_[format] = std::min(limits_[format], settled);
  }

  bool is_complete(std::size_t format) const {
    Index init = 0;
    while (init < limits_[format] && (!share_.has(init) || tables_.contains(format, init))) ++init;
    return init == limits_[format];
  }

  void report(std::size_t format) const {
    if (!watch_.progress) return;
    watch_.progress({full_name(study_.formats[format]), tables_.count_from(format, 0), limits_[format],
                     looked_at_, total_});
  }

  const LoadedVolume& volume_;
  const VolumeStudy& study_;
  VolumeTables& tables_;
  Share share_;
  const VolumeWatch& watch_;
  Task next_;
  std::vector<Index> limits_;  ///< of each format
  Clock::time_point next_write_{};
  std::int64_t looked_at_ = 0, total_ = 0;
};

namespace {

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
  return std::filesystem::exists(folder / volume_file);
}

VolumeResults LoadedVolume::run(const std::filesystem::path& folder, const Workers& workers,
                                const VolumeWatch& watch) const {
  VolumeResults results{configuration(), study_.command(), study_.inits, study_.hit, {}, {}};
  create_writable_folder(folder);
  const FolderLock lock(folder);
  refuse_others(folder);
  VolumeTables tables(folder, study_.formats, continues_study(folder / volume_file, results.configuration));
  refuse_fewer(study_, tables);
  Keeper keeper(*this, tables, workers.share, watch);
  on_threads(workers.threads, [&] {
    Passes passes(*this, watch.stop);
    share_work(workers.ranks, results.configuration, passes.workers(),
               {[&](const std::string& task, const Ask& ask) { return passes.compute(task, ask); },
                [&] { return keeper.next(); },
                [&](const std::string& task, const std::string& result) { keeper.keep(task, result); },
                [&](const std::string& question) { return keeper.told(question); }});
  });
  keeper.finish();
  results.rows = tables.rows();
  results.points = tables.points();
  if (workers.share.whole()) write_file_atomically(folder / "summary.json", volume_summary_json(results));
  return results;
}

void LoadedVolume::assist(const Workers& workers, std::stop_token stop) const {
  on_threads(workers.threads, [&] {
    Passes passes(*this, stop);
    share_work(
        workers.ranks, configuration(), passes.workers(),
        {[&](const std::string& task, const Ask& ask) { return passes.compute(task, ask); }, {}, {}, {}});
  });
}

}  // namespace gradzone
