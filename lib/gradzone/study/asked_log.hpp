// AskedLog: the UnitLog of a rank that shares a study's units. It asks rank 0, whose log answers.
#pragma once

#include <chrono>
#include <stop_token>
#include <string>
#include <vector>

#include "gradzone/cluster/shared_work.hpp"
#include "gradzone/study/unit_training.hpp"

namespace gradzone {

class AskedLog final : public UnitLog {
 public:
  /// Of the unit of this index. `stop` is requested where rank 0 stops.
  AskedLog(const Ask& ask, std::size_t unit, std::stop_source stop)
      : ask_(ask), unit_(unit), stop_(std::move(stop)) {}

  std::vector<EpochRecord> begin(int epochs, Index steps) override;
  bool ends_early(std::span<const EpochRecord> records) override;
  void add(ZoneRow row) override { zones_.push_back(std::move(row)); }
  void write_zones() override;
  void add(const EpochRecord& record, double seconds, Index images) override;
  void report(const TrainProgress& progress) override;

 private:
  const Ask& ask_;
  std::size_t unit_;
  std::stop_source stop_;
  std::vector<ZoneRow> zones_;
  std::chrono::steady_clock::time_point reported_{};
};

/// Rank 0's side: the answer to a question of an AskedLog. `log_of(unit)` returns a UnitLog&; `stops` is
/// whether units should stop.
std::string answer_log(const std::string& question, const std::function<UnitLog&(std::size_t unit)>& log_of,
                       bool stops);

}  // namespace gradzone
