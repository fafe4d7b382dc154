#include "gradzone/study/tie_study.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <atomic>
#include <nlohmann/json.hpp>
#include <set>

#include "gradzone/base/error.hpp"
#include "gradzone/base/file.hpp"
#include "gradzone/base/parallel.hpp"
#include "gradzone/eval/float_values.hpp"
#include "gradzone/study/audit_study.hpp"
#include "gradzone/study/machine.hpp"
#include "gradzone/study/pseudo_labels.hpp"
#include "gradzone/study/thumbnail.hpp"
#include "gradzone/study/tie_tables.hpp"
#include "gradzone/zones/auditor.hpp"

namespace gradzone {
namespace {

using Json = nlohmann::ordered_json;

std::vector<std::string> names_of(const std::vector<Format>& formats) {
  std::vector<std::string> out;
  for (const Format f : formats) out.push_back(full_name(f));
  return out;
}

void check_samples(const TieStudy& study, const Dataset& data) {
  if (study.samples.empty()) throw UsageError("--samples: name at least one image");
  if (study.samples.size() > most_tie_samples) {
    throw UsageError(fmt::format("--samples: {} images are more than the {} that one page can show",
                                 study.samples.size(), most_tie_samples));
  }
  std::set<Index> seen;
  for (const Index sample : study.samples) {
    if (sample < 0 || sample >= data.size()) {
      throw UsageError(fmt::format("--samples {}: {} has {} images, 0 to {}", sample, data.name(),
                                   data.size(), data.size() - 1));
    }
    if (!seen.insert(sample).second) throw UsageError(fmt::format("--samples: {} is named twice", sample));
  }
}

void check_layer(const TieStudy& study, const Graph& graph) {
  const std::vector<std::string> layers = tying_layers(graph);
  if (layers.empty()) {
    throw UsageError(
        fmt::format("--model {}: {} has no max pool and no norm pool, so there is no window that could tie",
                    study.model, graph.name()));
  }
  if (!study.layer.empty() && std::find(layers.begin(), layers.end(), study.layer) == layers.end()) {
    throw UsageError(fmt::format("--layer {}: not a pooling layer with ties of {}; these are: {}",
                                 study.layer, graph.name(), fmt::join(layers, ", ")));
  }
}

TiePoint look_at(const Auditor& auditor, const TieStudy& study, Format format, const Dataset& data,
                 Index sample) {
  const PointEvidence evidence = auditor.evaluate(data.batch(std::span(&sample, 1)));
  TiePoint out{sample, evidence.batch.labels[0], auditor.classify(evidence).point, {}};
  out.point.first = sample;
  out.point.label = std::to_string(out.label);
  const auto values = float_values(auditor.graph(), auditor.parameters(), format, evidence.batch,
                                   auditor.choices()[0], study.form);
  out.layers = list_ties(
      {auditor.graph(), auditor.rules(), evidence.batch, evidence.runs, evidence.verdict.branches, values});
  if (!study.layer.empty())
    std::erase_if(out.layers, [&](const LayerTies& layer) { return layer.layer != study.layer; });
  return out;
}

}  // namespace

std::string TieStudy::command() const {
  std::string out = fmt::format(
      "gradzone ties --model {} --data {} --split {} --samples {} --format {} --form {} --choices {}", model,
      data, split, fmt::join(samples, ","), fmt::join(names_of(formats), ","), name(form), names(choices));
  if (!layer.empty()) out += " --layer " + layer;
  if (on_bad_image == OnBadImage::skip) out += " --on-bad-image skip";
  return out + fmt::format(" --seed {}", seed);
}

LoadedTies::LoadedTies(TieStudy study)
    : study_((require_stated(study.formats), std::move(study))),
      model_(load_model(study_.model, BatchNorm::Mode::evaluation, study_.seed)),
      data_((check_layer(study_, model_.graph),
             load_dataset(study_.data, study_.split, study_.seed, study_.on_bad_image))) {
  check_data_fits(model_.graph, data_);
  data_ = with_pseudo_labels(data_, model_.graph, model_.parameters);
  check_samples(study_, data_);
  if (study_.formats.empty()) throw UsageError("--format: name at least one format");
}

std::string LoadedTies::configuration() const {
  Json json{
      {"study", "ties"},
      {"command", study_.command()},
      {"model", study_.model},
      {"model_sha256", model_.sha256},
      {"network", model_.graph.name()},
      {"data", study_.data},
      {"split", study_.split},
      {"data_sha256", data_.fingerprint()},
      {"samples", study_.samples},
      {"formats", names_of(study_.formats)},
      {"form", name(study_.form)},
      {"choices", names(study_.choices)},
      {"layer", study_.layer.empty() ? "all" : study_.layer},
      {"seed", study_.seed},
      {"rounding",
       "parameters and inputs are rounded to nearest even into each format; these numbers are the point"},
      {"versions", Json::parse(versions_json())}};
  if (!data_.labelled()) json["labels"] = pseudo_labels_text;
  return json.dump(2, ' ', false, Json::error_handler_t::replace);  // paths need not be UTF-8
}

TieResults LoadedTies::run(const std::filesystem::path& folder, int threads, const Watch& watch) const {
  ReferenceOptions reference;
  reference.work = Work::verdict;
  reference.seed = study_.seed;
  std::vector<std::unique_ptr<Auditor>> auditors;
  for (const Format format : study_.formats) {
    auditors.push_back(std::make_unique<Auditor>(
        model_.graph, model_.parameters,
        AuditOptions{format, study_.form, study_.choices, reference, Backend::cpu}));
  }
  create_writable_folder(folder);
  const std::size_t formats = auditors.size();
  const auto total = static_cast<Index>(study_.samples.size() * formats);
  TieResults results{configuration(), std::vector<TiePoint>(static_cast<std::size_t>(total)), {}};
  for (const Index sample : study_.samples) results.images.push_back(thumbnail(data_, sample));
  std::atomic<Index> done = 0;
  on_threads(threads, [&] {
    parallel_for(total, [&](Index unit) {
      if (watch.stop.stop_requested()) return;
      const std::size_t at = static_cast<std::size_t>(unit), f = at % formats;
      results.points[at] =
          look_at(*auditors[f], study_, study_.formats[f], data_, study_.samples[at / formats]);
      const Index now = ++done;
      if (watch.progress) watch.progress(now, total);
    });
  });
  if (done < total)
    throw InterruptedError(
        fmt::format("interrupted after {} of {} points; nothing was written", done.load(), total));
  write_file_atomically(folder / "ties.csv", ties_csv(results));
  write_file_atomically(folder / "layers.csv", tie_layers_csv(results));
  write_file_atomically(folder / "ties.json", ties_json(results));
  return results;
}

}  // namespace gradzone
