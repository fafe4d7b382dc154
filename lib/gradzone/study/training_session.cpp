#include "gradzone/study/training_session.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "gradzone/base/error.hpp"
#include "gradzone/cluster/bytes.hpp"
#include "gradzone/data/sha256.hpp"
#include "gradzone/io/json.hpp"
#include "gradzone/study/asked_log.hpp"
#include "gradzone/study/continuation.hpp"
#include "gradzone/study/joint_log.hpp"
#include "gradzone/study/machine.hpp"

namespace gradzone {
namespace {

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

/// What every rank does with a unit: its result is in the checkpoint and in rank 0's tables.
std::optional<std::string> train_asking(const std::string& task, const Ask& ask,
                                        const std::filesystem::path& folder,
                                        const TrainingSession::Plan& plan, const Graph& graph,
                                        const std::string& identity, const std::stop_token& stop) {
  const auto unit = ByteReader(task).get<std::size_t>();
  std::stop_source stops;
  const std::stop_callback also(stop, [&] { stops.request_stop(); });
  AskedLog log(ask, unit, stops);
  try {
    train_unit(plan.units[unit], graph, folder, identity, log, stops.get_token());
  } catch (const InterruptedError&) {
    if (!stops.stop_requested()) throw;
    return std::nullopt;
  }
  return std::string();
}

}  // namespace

/// Of one unit, in the session's tables.
class TrainingSession::Log final : public UnitLog {
 public:
  Log(TrainingSession& session, const TrainUnit& unit) : session_(session), unit_(unit) {}

  std::vector<EpochRecord> begin(int epochs, Index steps) override {
    tables().rewind(unit_, epochs, steps);
    return tables().records(unit_);
  }
  bool ends_early(std::span<const EpochRecord> records) override {
    const auto& rule = session_.plan_.ends_early;
    return rule && rule(tables(), unit_, records);
  }
  void add(ZoneRow row) override { tables().add(std::move(row)); }
  void write_zones() override { tables().write_zones(); }
  void add(const EpochRecord& record, double seconds, Index images) override {
    tables().add(unit_, record, seconds, images);
    tables().write();
  }
  void report(const TrainProgress& progress) override { session_.report(progress); }

 private:
  TrainTables& tables() { return session_.tables_; }

  TrainingSession& session_;
  TrainUnit unit_;
};

TrainingSession::TrainingSession(const std::filesystem::path& folder, const Plan& plan, const Graph& graph,
                                 const TrainWatch& watch)
    : folder_(created(folder)),
      lock_(folder),
      plan_(plan),
      graph_(graph),
      identity_(hash_of(plan.configuration)),
      tables_(folder, plan.configurations, plan.with_zones,
              continues_study(folder / plan.file, plan.configuration)),
      watch_(watch) {}

void TrainingSession::report(TrainProgress progress) {
  const auto [unit, is_new] = seen_.try_emplace(progress.unit, progress.images);
  if (is_new) found_ += progress.images;
  unit->second = progress.images;
  if (!watch_.progress) return;
  progress.images = 0;
  for (const auto& [name, images] : seen_) progress.images += images;
  progress.total = static_cast<std::int64_t>(plan_.units.size()) * plan_.units.front().epochs * plan_.images;
  progress.found = found_;
  watch_.progress(progress);
}

/// Every unit that is not finished, on some rank.
void TrainingSession::share(const Workers& workers) {
  std::vector<Log> logs;
  for (const UnitTraining& unit : plan_.units) logs.emplace_back(*this, unit.unit);
  std::size_t next = 0;
  SharedWork work;
  work.compute = [&](const std::string& task, const Ask& ask) {
    return train_asking(task, ask, folder_, plan_, graph_, identity_, watch_.stop);
  };
  work.next = [&]() -> std::optional<std::string> {
    while (next < logs.size() && !workers.share.has(static_cast<Index>(next))) ++next;
    if (next == logs.size() || watch_.stop.stop_requested()) return std::nullopt;
    return ByteWriter().put(next++).take();
  };
  work.keep = [](const std::string&, const std::string&) {};
  work.answer = [&](const std::string& question) {
    return answer_log(
        question, [&](std::size_t unit) -> UnitLog& { return logs[unit]; }, watch_.stop.stop_requested());
  };
  share_work(workers.ranks, plan_.configuration, 1, work);
  if (watch_.stop.stop_requested()) throw InterruptedError("interrupted; the same command continues");
}

std::vector<UnitOutcome> TrainingSession::train(const Workers& workers) {
  std::vector<UnitOutcome> out;
  on_threads(workers.threads, [&] {
    if (plan_.data_parallel) workers.ranks.agree(plan_.configuration);
    if (workers.ranks.size() > 1 && !plan_.data_parallel) share(workers);
    for (std::size_t u = 0; u < plan_.units.size(); ++u) {
      if (!workers.share.has(static_cast<Index>(u))) continue;
      Log own(*this, plan_.units[u].unit);
      JointLog joint(workers.ranks, &own);
      UnitLog& log = plan_.data_parallel ? static_cast<UnitLog&>(joint) : own;
      out.push_back(train_unit(plan_.units[u], graph_, folder_, identity_, log, watch_.stop));
      seen_[plan_.units[u].name] = plan_.units[u].epochs * plan_.images;  // also where it ended early
    }
  });
  return out;
}

void TrainingSession::assist(const std::filesystem::path& folder, const Plan& plan, const Graph& graph,
                             const Workers& workers, const std::stop_token& stop) {
  const std::string identity = hash_of(plan.configuration);
  SharedWork work;
  work.compute = [&](const std::string& task, const Ask& ask) {
    if (!std::filesystem::exists(folder / plan.file))
      throw InputError(
          fmt::format("{}: not there on rank {}: the folder of a training lies where all ranks see it",
                      (folder / plan.file).string(), workers.ranks.rank()));
    return train_asking(task, ask, folder, plan, graph, identity, stop);
  };
  on_threads(workers.threads, [&] {
    if (!plan.data_parallel) return share_work(workers.ranks, plan.configuration, 1, work);
    workers.ranks.agree(plan.configuration);
    JointLog log(workers.ranks, nullptr);
    for (std::size_t u = 0; u < plan.units.size(); ++u) {
      if (workers.share.has(static_cast<Index>(u)))
        train_unit(plan.units[u], graph, folder, identity, log, stop);
    }
  });
}

}  // namespace gradzone
