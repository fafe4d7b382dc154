// JointLog: the UnitLog of ranks that train one unit together, step by step (docs/cluster.md, "Data-parallel
// training"). Rank 0 alone has a log and writes; all of them call the same functions in the same order.
#pragma once

#include <functional>
#include <string>

#include "gradzone/cluster/communicator.hpp"
#include "gradzone/study/unit_training.hpp"

namespace gradzone {

class JointLog final : public UnitLog {
 public:
  /// `of_rank_0` is null on the other ranks.
  JointLog(Communicator& ranks, UnitLog* of_rank_0) : ranks_(ranks), log_(of_rank_0) {}

  std::vector<EpochRecord> begin(int epochs, Index steps) override;
  bool ends_early(std::span<const EpochRecord> records) override;
  // Within once(), so on rank 0 alone.
  void add(ZoneRow row) override { log_->add(std::move(row)); }
  void write_zones() override { log_->write_zones(); }
  void add(const EpochRecord& record, double seconds, Index images) override;
  void report(const TrainProgress& progress) override;
  /// On rank 0. What it throws there ends the others, too: as an Error of the same code.
  void once(const std::function<void()>& action) override;

 private:
  /// The same, for what `action` returns.
  std::string of_rank_0(const std::function<std::string()>& action);

  Communicator& ranks_;
  UnitLog* log_;
};

}  // namespace gradzone
