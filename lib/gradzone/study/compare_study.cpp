#include "gradzone/study/compare_study.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <nlohmann/json.hpp>

#include "gradzone/base/error.hpp"
#include "gradzone/base/file.hpp"
#include "gradzone/base/parallel.hpp"
#include "gradzone/data/sha256.hpp"
#include "gradzone/io/json.hpp"
#include "gradzone/study/audit_study.hpp"
#include "gradzone/study/compare_tables.hpp"
#include "gradzone/study/machine.hpp"
#include "gradzone/study/pseudo_labels.hpp"

namespace gradzone {
namespace {

namespace fs = std::filesystem;

/// Every *.safetensors of the folder by name, or the file itself.
std::vector<fs::path> files_of(const fs::path& path) {
  if (!fs::is_directory(path)) return {path};
  std::vector<fs::path> out;
  for (const auto& entry : fs::directory_iterator(path)) {
    if (entry.path().extension() == ".safetensors") out.push_back(entry.path());
  }
  if (out.empty())
    throw InputError(
        fmt::format("{}: the folder has no file whose name ends in .safetensors", path.string()));
  std::ranges::sort(out);
  return out;
}

std::string list(const std::vector<std::string>& texts) {
  return fmt::format("{}", fmt::join(texts, " "));
}

}  // namespace

std::string CompareStudy::command() const {
  std::string out = fmt::format("gradzone compare --model {}", model);
  if (!data.empty()) out += fmt::format(" --data {} --split {}", data, split);
  out += " --grads " + list(grads);
  if (!samples.empty()) out += " --samples " + list(samples);
  if (allow_missing) out += " --allow-missing";
  if (format) out += fmt::format(" --format {}", name(*format));
  out += fmt::format(" --order {} --form {} --choices {}", name(order), name(form), names(choices));
  if (batch_norm == BatchNorm::Mode::training) out += " --batch-norm training";
  if (on_bad_image == OnBadImage::skip) out += " --on-bad-image skip";
  return out + fmt::format(" --seed {}", seed);
}

LoadedCompare::LoadedCompare(CompareStudy study)
    : study_(std::move(study)), model_(load_model(study_.model, study_.batch_norm, study_.seed)) {
  if (!study_.data.empty()) {
    data_ = load_dataset(study_.data, study_.split, study_.seed, study_.on_bad_image);
    check_data_fits(model_.graph, *data_);
    data_ = with_pseudo_labels(*data_, model_.graph, model_.parameters);
  }
  for (const std::string& path : study_.grads)
    for (const fs::path& file : files_of(path)) units_.push_back(unit_of(file));
  name_points();
  check_points();
}

LoadedCompare::ReadFile LoadedCompare::read(const fs::path& file) const {
  const std::vector<std::byte> bytes = read_file(file, largest_safetensors_file);
  const std::string where = file.string();
  return {gradient_dump(model_.graph, parse_safetensors(bytes, where),
                        {study_.allow_missing, model_.transposed}, where),
          sha256_hex(bytes)};
}

LoadedCompare::Unit LoadedCompare::unit_of(const fs::path& file) const {
  const auto [dump, sha256] = read(file);
  if (!study_.format && !dump.stored) {
    throw UsageError(
        fmt::format("{}: its gradients are of several types; name the format of the program with --format",
                    file.string()));
  }
  Unit out{file, sha256, study_.format ? *study_.format : format_of(*dump.stored), {}, 0};
  if (dump.batch) {
    out.images = dump.batch->size();
  } else {
    out.samples = dump.samples;
  }
  return out;
}

/// Gives --samples to the files that do not say where they belong.
void LoadedCompare::name_points() {
  std::vector<Unit*> unnamed;
  for (Unit& unit : units_) {
    if (unit.samples.empty() && unit.images == 0) unnamed.push_back(&unit);
  }
  if (unnamed.empty()) {
    if (!study_.samples.empty())
      throw UsageError("--samples: every file says itself which point it belongs to; leave it out");
    return;
  }
  if (study_.samples.empty()) {
    throw UsageError(fmt::format(
        "{}: holds neither {} nor metadata \"samples\": say with --samples which images it belongs to",
        unnamed.front()->file.string(), dump_input));
  }
  std::vector<std::vector<Index>> points;
  for (const std::string& text : study_.samples) points.push_back(parse_samples(text, "--samples"));
  if (points.size() == 1 && unnamed.size() > 1) {  // one list: an image a file
    const std::vector<Index> images = std::move(points.front());
    points.clear();
    for (const Index image : images) points.push_back({image});
  }
  if (points.size() != unnamed.size()) {
    throw UsageError(
        fmt::format("--samples names {} points, but {} files need one", points.size(), unnamed.size()));
  }
  for (std::size_t k = 0; k < unnamed.size(); ++k) unnamed[k]->samples = std::move(points[k]);
}

void LoadedCompare::check_points() const {
  for (const Unit& unit : units_) {
    if (unit.samples.empty()) continue;
    const std::string where = unit.file.string();
    if (!data_) {
      throw UsageError(fmt::format("{}: does not carry its inputs ({}): name the data set with --data", where,
                                   dump_input));
    }
    for (const Index sample : unit.samples) {
      if (sample >= data_->size()) {
        throw UsageError(fmt::format("{}: image {}: {} has {} images, 0 to {}", where, sample, data_->name(),
                                     data_->size(), data_->size() - 1));
      }
    }
  }
}

std::string LoadedCompare::configuration() const {
  Json json{{"study", "compare"},
            {"command", study_.command()},
            {"model", study_.model},
            {"model_sha256", model_.sha256},
            {"network", model_.graph.name()},
            {"choices", names(study_.choices)},
            {"form", name(study_.form)},
            {"batch_norm", study_.batch_norm == BatchNorm::Mode::training ? "training" : "evaluation"}};
  if (data_) {
    json["data"] = study_.data;
    json["split"] = study_.split;
    json["data_sha256"] = data_->fingerprint();
    if (!data_->labelled()) json["labels"] = pseudo_labels_text;
  }
  json["seed"] = study_.seed;
  json["rounding"] =
      "parameters and inputs are rounded to nearest even into each format; these numbers are the point";
  json["versions"] = Json::parse(versions_json());
  return json.dump(2, ' ', false, Json::error_handler_t::replace);  // paths need not be UTF-8
}

ComparedPoint LoadedCompare::judge(const GradientJudge& judge, const Unit& unit) const {
  auto [dump, sha256] = read(unit.file);
  if (sha256 != unit.sha256)
    throw InputError(fmt::format("{}: changed while it was judged", unit.file.string()));
  const MiniBatch batch = dump.batch ? std::move(*dump.batch) : data_->batch(unit.samples);
  if (dump.logits && dump.logits->dim(0) != batch.size()) {
    throw InputError(fmt::format("{}: {} has rows for {} images, but the point has {}", unit.file.string(),
                                 dump_logits, dump.logits->dim(0), batch.size()));
  }
  ComparedPoint out{unit.file.string(), sha256, unit.samples, std::move(dump.missing), {}};
  out.judged = judge.judge(batch, {std::move(dump.gradient), std::move(dump.logits)});
  out.judged.point.label = first_labels(batch.labels);
  if (!unit.samples.empty()) out.judged.point.first = unit.samples.front();
  return out;
}

std::int64_t LoadedCompare::bytes_of(const Unit& unit) const {
  std::int64_t activations = 0, parameters = 0;
  for (const Node& node : model_.graph.nodes()) activations += element_count(node.shape);
  for (const ParameterSpec& p : model_.graph.parameters()) parameters += element_count(p.shape);
  const auto choices = static_cast<std::int64_t>(study_.choices.size());
  const auto orders = static_cast<std::int64_t>(all_orders.size());
  const auto images = std::max<std::int64_t>(unit.images, static_cast<std::int64_t>(unit.samples.size()));
  return orders * (images * activations * (16 + 24 * choices) + choices * parameters * 8) +
         choices * parameters * 50;
}

CompareResults LoadedCompare::run(const fs::path& folder, int threads, const Watch& watch) const {
  ReferenceOptions reference;
  reference.seed = study_.seed;
  std::map<FormatId, std::unique_ptr<GradientJudge>> judges;
  for (const Unit& unit : units_) {
    auto& judge = judges[unit.format];
    if (judge) continue;
    const AuditOptions options{
        {unit.format, study_.order}, study_.form, study_.choices, reference, Backend::cpu};
    judge = std::make_unique<GradientJudge>(model_.graph, model_.parameters, options);
  }
  create_writable_folder(folder);
  const auto total = static_cast<Index>(units_.size());
  CompareResults results{configuration(), study_.choices, std::vector<ComparedPoint>(units_.size())};
  std::atomic<Index> done = 0;
  std::int64_t largest = 0;
  for (const Unit& unit : units_) largest = std::max(largest, bytes_of(unit));
  const auto judge_unit = [&](Index k) {
    if (watch.stop.stop_requested()) return;
    const Unit& unit = units_[static_cast<std::size_t>(k)];
    ComparedPoint& point = results.points[static_cast<std::size_t>(k)];
    point = judge(*judges.at(unit.format), unit);
    point.judged.point.point = k;
    const Index now = ++done;
    if (watch.progress) watch.progress(now, total);
  };
  // Where points are too large to be in memory side by side, the threads share each of them.
  const bool side_by_side = largest * thread_count(threads) <= quarter_of_memory();
  on_threads(threads, [&] {
    if (side_by_side) return parallel_for(total, judge_unit);
    for (Index k = 0; k < total; ++k) judge_unit(k);
  });
  if (done < total)
    throw InterruptedError(
        fmt::format("interrupted after {} of {} files; nothing was written", done.load(), total));
  write_file_atomically(folder / "compare.csv", compare_csv(results));
  write_file_atomically(folder / "points.csv", compare_points_csv(results));
  write_file_atomically(folder / "summary.json", compare_json(results));
  return results;
}

}  // namespace gradzone
