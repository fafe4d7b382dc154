// What a person sees while something runs, and after.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>

#include "command.hpp"
#include "gradzone/base/progress.hpp"
#include "gradzone/data/dataset.hpp"
#include "gradzone/io/results.hpp"
#include "gradzone/study/published_curves.hpp"
#include "gradzone/study/train_study.hpp"
#include "gradzone/study/volume_study.hpp"

namespace gradzone::app {

/// A progress line on standard error: redrawn in place on a terminal, a plain line every ten seconds
/// elsewhere. Silent for work that takes less than a second.
class ProgressLine {
 public:
  ProgressLine(std::string what, std::string unit, bool quiet);
  ~ProgressLine();
  /// For Watch::progress; callable from any thread. `detail`, if there is one, says what is done in place of
  /// the numbers.
  void update(std::int64_t done, std::int64_t total, const std::string& detail = "");
  Watch watch(std::stop_token stop) {
    return {[this](std::int64_t done, std::int64_t total) { update(done, total); }, std::move(stop)};
  }

 private:
  using Clock = std::chrono::steady_clock;
  std::string line(std::int64_t done, std::int64_t total, double seconds, const std::string& detail) const;

  std::mutex mutex_;
  std::string what_, unit_;
  bool quiet_, terminal_, drawn_ = false;
  Clock::time_point begin_, last_;
  std::int64_t first_ = -1;  ///< units that were there at the start (a resumed run)
};

/// A progress line for trainings: unit, epoch, loss, accuracy, images per second, time left.
TrainWatch train_watch(ProgressLine& line, std::stop_token stop);

/// What a command says that was but a share of a study, in the folder `out`.
void print_share(const Common& common, const std::string& out);

/// "1 min 40 s"
std::string duration_text(double seconds);

/// Names the images that were left out of a data set on standard error, at most five of them.
void report_skipped(const Dataset& data, bool quiet);

/// Says on standard error that a data set without labels gets the network's own.
void report_pseudo_labels(const Dataset& data, bool quiet);

/// The zone table of finished results, one line per format and zone, for standard output.
std::string zone_table(const AuditResults& results);

/// Hits, differences and certified zones of a volume study, of each format.
std::string volume_table(const VolumeResults& results);

/// Final accuracies of a training: one line for each configuration, and one for each run that met a NaN or an
/// infinity.
std::string accuracy_table(const TrainResults& results);

/// One line for each configuration beside the published one.
std::string comparison_table(const std::vector<PublishedComparison>& comparisons);

}  // namespace gradzone::app
