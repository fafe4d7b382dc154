#include "gradzone/study/train_study.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "gradzone/base/error.hpp"
#include "gradzone/base/file.hpp"
#include "gradzone/study/learning_rate.hpp"
#include "gradzone/study/training_session.hpp"

namespace gradzone {
namespace {

template <class T>
std::vector<std::string> texts(const std::vector<T>& values) {
  std::vector<std::string> out;
  for (const T& value : values) out.emplace_back(name(value));
  return out;
}

std::vector<std::string> full_names(const std::vector<TrainingFormat>& formats) {
  std::vector<std::string> out;
  for (const TrainingFormat format : formats) out.push_back(full_name(format));
  return out;
}

void check(const TrainStudy& s) {
  if (s.runs < 1) throw UsageError(fmt::format("--runs {}: at least one run is needed", s.runs));
  check_stop_after(s.stop_after, s.task.epochs);
  if (s.zones.every < 0)
    throw UsageError(fmt::format("--audit-every {}: must not be negative", s.zones.every));
  if (s.formats.empty() || s.forms.empty() || s.betas.empty())
    throw UsageError("name at least one format, one form and one beta");
  for (const TrainingFormat format : s.formats) {
    check_processor(format, s.task.processor);
    if (s.zones.every > 0) require_stated({{format.computed, format.order}});
  }
  for (const double beta : s.betas) {
    if (!std::isfinite(beta)) throw UsageError(fmt::format("--beta {}: not a finite number", beta));
    if (std::ranges::count(s.betas, beta) > 1)
      throw UsageError(fmt::format("--beta: {} is there twice", beta));
  }
}

}  // namespace

std::string TrainStudy::command() const {
  std::string out = fmt::format("gradzone train{} --format {} --form {} --beta {} --lr {} --runs {}",
                                task.options(), fmt::join(texts(formats), ","), fmt::join(texts(forms), ","),
                                fmt::join(betas, ","), rate, runs);
  if (stop_after > 0) out += fmt::format(" --stop-after {}", stop_after);
  if (zones.every > 0)
    out += fmt::format(" --audit-every {} --choices {}", zones.every, names(zones.choices));
  return out;
}

LoadedTraining::LoadedTraining(TrainStudy study)
    : study_((check(study), std::move(study))), task_(study_.task) {
  for (const TrainingFormat format : study_.formats)
    rates_[format] = learning_rate(study_.rate, study_.task, format);
  task_.run(units().front(), rates_.begin()->second);  // refuses what no run can do
}

std::vector<TrainUnit> LoadedTraining::units() const {
  std::vector<TrainUnit> out;
  for (const TrainingFormat format : study_.formats)
    for (const Form form : study_.forms)
      for (const double beta : study_.betas)
        for (int run = 0; run < study_.runs; ++run) out.push_back({format, form, beta, run});
  return out;
}

std::string LoadedTraining::configuration() const {
  Json json{{"study", "train"}, {"command", study_.command()}};
  json.update(task_.identity());
  json["formats"] = full_names(study_.formats);
  json["forms"] = texts(study_.forms);
  json["betas"] = study_.betas;
  for (const auto& [format, rate] : rates_) json["learning_rates"][std::string(name(format))] = rate;
  json["audit_every"] = study_.zones.every;
  if (study_.zones.every > 0) json["choices"] = names(study_.zones.choices);
  return write_json(json);
}

TrainingSession::Plan LoadedTraining::plan() const {
  TrainingSession::Plan out{training_file,
                            configuration(),
                            {},
                            study_.zones.every > 0,
                            {},
                            task_.train_set.size(),
                            study_.task.peers != nullptr,
                            {}};
  for (const TrainUnit& unit : units()) {
    if (unit.run == 0) out.configurations.push_back(unit);
    UnitTraining& training = out.units.emplace_back(UnitTraining{unit, unit.name(), epochs(), {}, {}});
    training.begin = [this, unit] { return task_.run(unit, rates_.at(unit.format)); };
    if (!out.with_zones) continue;
    training.zone_of_next = [this, unit](TrainingRun& run) -> std::optional<ZoneRow> {
      if (run.all_steps() % study_.zones.every != 0) return std::nullopt;
      return audit_next_step(task_.graph, study_.zones, study_.task.seed, unit, run);
    };
  }
  return out;
}

TrainResults LoadedTraining::run(const std::filesystem::path& folder, const Workers& workers,
                                 const TrainWatch& watch) const {
  const TrainingSession::Plan plan = this->plan();
  TrainResults results{plan.configuration, {}};
  TrainingSession session(folder, plan, task_.graph, watch);
  const std::vector<UnitOutcome> outcomes = session.train(workers);
  auto outcome = outcomes.begin();
  for (std::size_t u = 0; u < plan.units.size(); ++u) {
    if (!workers.share.has(static_cast<Index>(u))) continue;
    results.units.push_back({plan.units[u].unit, outcome->records.back(), outcome->non_finite});
    ++outcome;
  }
  if (workers.share.whole()) write_file_atomically(folder / "summary.json", train_summary_json(results));
  return results;
}

void LoadedTraining::assist(const std::filesystem::path& folder, const Workers& workers,
                            const std::stop_token& stop) const {
  TrainingSession::assist(folder, plan(), task_.graph, workers, stop);
}

std::vector<ConfigurationResult> by_configuration(const std::vector<UnitResult>& units) {
  std::vector<ConfigurationResult> out;
  for (auto first = units.begin(); first != units.end();) {
    const auto end = std::find_if(first, units.end(), [&](const UnitResult& u) {
      return u.unit.format != first->unit.format || u.unit.form != first->unit.form ||
             u.unit.beta != first->unit.beta;
    });
    ConfigurationResult result{first->unit, first->last.epoch, static_cast<int>(end - first), {}, 0};
    std::vector<double> accuracies;
    for (auto u = first; u != end; ++u) {
      accuracies.push_back(u->last.test_accuracy);
      result.non_finite += u->non_finite.has_value();
    }
    result.test_accuracy = spread_of(accuracies);
    out.push_back(result);
    first = end;
  }
  return out;
}

std::string train_summary_json(const TrainResults& results) {
  // JSON has no NaN: null.
  Json out{{"configuration", Json::parse(results.configuration)}};
  for (const ConfigurationResult& c : by_configuration(results.units)) {
    out["configurations"].push_back({{"format", name(c.unit.format)},
                                     {"form", name(c.unit.form)},
                                     {"beta", c.unit.beta},
                                     {"epochs", c.epochs},
                                     {"runs", c.runs},
                                     {"test_accuracy_mean", c.test_accuracy.mean},
                                     {"test_accuracy_deviation", c.test_accuracy.deviation},
                                     {"test_accuracy_lowest", c.test_accuracy.lowest},
                                     {"test_accuracy_highest", c.test_accuracy.highest},
                                     {"non_finite_runs", c.non_finite}});
  }
  for (const UnitResult& u : results.units) {
    Json unit{{"checkpoint", u.unit.name() + ".safetensors"},
              {"epochs", u.last.epoch},
              {"train_loss", u.last.train_loss},
              {"train_accuracy", u.last.train_accuracy},
              {"test_loss", u.last.test_loss},
              {"test_accuracy", u.last.test_accuracy}};
    if (u.non_finite) {
      unit["first_non_finite"] = {
          {"epoch", u.non_finite->epoch}, {"step", u.non_finite->step}, {"layer", u.non_finite->layer}};
    }
    out["units"].push_back(std::move(unit));
  }
  return write_json(out);
}

}  // namespace gradzone
