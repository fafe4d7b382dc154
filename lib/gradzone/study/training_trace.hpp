// trace.csv and times.csv: the training curves of a study, and how long they took.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "gradzone/choice/choice.hpp"
#include "gradzone/train/training_run.hpp"

namespace gradzone {

/// Of the tables that trainings write and continue.
inline constexpr std::size_t largest_table_file = std::size_t{256} << 20;

/// One run of one configuration.
struct TrainUnit {
  TrainingFormat format;
  Form form = Form::direct;
  double beta = 0;
  int run = 0;  ///< from 0

  /// "fp16-composed-beta1000-run0": the name of its checkpoint.
  std::string name() const;
  friend bool operator==(const TrainUnit&, const TrainUnit&) = default;
};

struct TraceRow {
  TrainUnit unit;
  EpochRecord record;
};

/// Columns run, epoch, train_loss, train_accuracy, test_loss, test_accuracy, beta, form, format, lr. A NaN is
/// an empty cell.
std::string trace_csv(const std::vector<TraceRow>& rows);
/// Throws InputError with file and line for anything that is not such a table.
std::vector<TraceRow> read_trace_csv(std::string_view text, const std::string& where);

struct TimeRow {
  TrainUnit unit;
  int epoch = 0;       ///< from 1
  double seconds = 0;  ///< since the epoch began, or was continued
  double rate = 0;     ///< images per second in that time
};

/// Columns run, epoch, beta, form, format, seconds, images_per_s.
std::string times_csv(const std::vector<TimeRow>& rows);
/// Throws InputError with file and line for anything that is not such a table.
std::vector<TimeRow> read_times_csv(std::string_view text, const std::string& where);

/// The text of trace.csv, times.csv or zones.csv. Throws as read_file.
std::string table_text(const std::filesystem::path& file);

}  // namespace gradzone
