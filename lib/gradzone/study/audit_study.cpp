#include "gradzone/study/audit_study.hpp"

#include <fmt/format.h>
#include <gmp.h>
#include <mpfr.h>
#include <tbb/global_control.h>
#include <tbb/task_arena.h>
#include <tbb/version.h>

#include <atomic>
#include <boost/version.hpp>
#include <chrono>
#include <nlohmann/json.hpp>

#include "gradzone/base/error.hpp"
#include "gradzone/base/file.hpp"
#include "gradzone/base/parallel.hpp"
#include "gradzone/data/sha256.hpp"
#include "gradzone/io/checkpoint.hpp"
#include "gradzone/io/store.hpp"
#include "gradzone/nets/nets.hpp"
#include "gradzone/zones/auditor.hpp"
#include "version.hpp"

namespace gradzone {
namespace {

using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

std::string format_names(const std::vector<Format>& formats) {
  std::string out;
  for (const Format f : formats) out += (out.empty() ? "" : ",") + full_name(f);
  return out;
}

void check(const AuditStudy& s) {
  if (s.batch < 1) throw UsageError(fmt::format("--batch {}: a point holds at least one image", s.batch));
  if (s.samples < 0) throw UsageError(fmt::format("--samples {}: must not be negative", s.samples));
  if (s.formats.empty()) throw UsageError("--format: name at least one format");
}

Graph load_graph(const AuditStudy& s) {
  return make_net(parse_model_spec(s.model).net, s.batch_norm);
}

void check_data_fits(const Graph& graph, const Dataset& data) {
  if (data.image_shape() != graph.input_shape()) {
    throw InputError(fmt::format("{} has images of shape {}, but {} takes {}", data.name(),
                                 to_string(data.image_shape()), graph.name(),
                                 to_string(graph.input_shape())));
  }
  if (data.classes() > graph.classes()) {
    throw InputError(fmt::format("{} has {} classes, but {} has {} logits", data.name(), data.classes(),
                                 graph.name(), graph.classes()));
  }
}

}  // namespace

std::string versions_json() {
  return Json{{"gradzone", version},
              {"mpfr", mpfr_get_version()},
              {"gmp", gmp_version},
              {"boost", BOOST_LIB_VERSION},
              {"tbb", TBB_VERSION_STRING}}
      .dump();
}

std::string AuditStudy::command() const {
  std::string out =
      fmt::format("gradzone audit --model {} --data {} --split {} --format {} --form {} --choices {}", model,
                  data, split, format_names(formats), name(form), names(choices));
  out += fmt::format(" --batch {}", batch);
  if (samples > 0) out += fmt::format(" --samples {}", samples);
  if (shuffle) out += " --shuffle";
  out += fmt::format(" --seed {}", seed);
  if (batch_norm == BatchNorm::Mode::training) out += " --batch-norm training";
  const ReferenceOptions standard;
  if (reference.start_bits != standard.start_bits)
    out += fmt::format(" --start-bits {}", reference.start_bits);
  if (reference.max_bits != standard.max_bits) out += fmt::format(" --max-bits {}", reference.max_bits);
  if (!reference.exact) out += " --no-exact";
  return out;
}

LoadedStudy::LoadedStudy(AuditStudy study)
    : study_((check(study), std::move(study))),
      graph_(load_graph(study_)),
      data_(load_dataset(study_.data, study_.split, study_.seed)) {
  const ModelSpec model = parse_model_spec(study_.model);
  const std::vector<std::byte> bytes = read_file(model.file, largest_safetensors_file);
  model_sha256_ = sha256_hex(bytes);
  parameters_ = parameters_for(graph_, parse_safetensors(bytes, model.file.string()), model.file.string());
  check_data_fits(graph_, data_);
  order_ = sample_order(data_.size(), study_.shuffle, study_.seed);
  const Index available = data_.size() / study_.batch;
  points_ = study_.samples == 0 ? available : study_.samples;
  if (points_ > available || points_ < 1) {
    throw UsageError(fmt::format("--samples {} with --batch {}: {} has {} images, enough for {} points",
                                 points_, study_.batch, data_.name(), data_.size(), available));
  }
}

std::string LoadedStudy::configuration() const {
  std::vector<std::string> formats;
  for (const Format f : study_.formats) formats.push_back(full_name(f));
  const Json reference{{"start_bits", study_.reference.start_bits},
                       {"max_bits", study_.reference.max_bits},
                       {"exact", study_.reference.exact}};
  const Json json{
      {"study", "audit"},
      {"command", study_.command()},
      {"model", study_.model},
      {"model_sha256", model_sha256_},
      {"network", graph_.name()},
      {"data", study_.data},
      {"split", study_.split},
      {"data_sha256", data_.fingerprint()},
      {"formats", formats},
      {"form", name(study_.form)},
      {"choices", names(study_.choices)},
      {"batch", study_.batch},
      {"points", points_},
      {"shuffle", study_.shuffle},
      {"seed", study_.seed},
      {"batch_norm", study_.batch_norm == BatchNorm::Mode::training ? "training" : "evaluation"},
      {"rounding",
       "parameters and inputs are rounded to nearest even into each format; these numbers are the point"},
      {"reference", reference},
      {"versions", Json::parse(versions_json())}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace);  // paths need not be UTF-8
}

std::vector<Index> LoadedStudy::images_of(Index point) const {
  const auto begin = order_.begin() + point * study_.batch;
  return {begin, begin + study_.batch};
}

PointResult LoadedStudy::audit(const Auditor& auditor, Index point) const {
  const auto begin = Clock::now();
  const std::vector<Index> images = images_of(point);
  const MiniBatch batch = data_.batch(images);
  PointResult result = auditor.audit(batch);
  result.point.point = point;
  result.point.first = images[0];
  constexpr std::size_t labels_shown = 8;
  for (std::size_t i = 0; i < std::min(images.size(), labels_shown); ++i) {
    result.point.label += fmt::format("{}{}", i ? " " : "", data_.label(images[i]));
  }
  for (BranchRecord& record : result.branches) record.point = point;
  for (GradientRecord& record : result.gradients) record.point = point;
  const Shape& shape = data_.image_shape();
  const auto pixels = data_.pixels(images[0]);
  result.image = {shape[0], shape[1], shape[2], {pixels.begin(), pixels.end()}};
  result.seconds = seconds_since(begin);
  return result;
}

AuditResults LoadedStudy::run(const std::filesystem::path& folder, int threads, const Watch& watch) const {
  struct Unit {
    std::size_t format;
    Index point;
  };
  const auto begin = Clock::now();
  std::vector<std::unique_ptr<Auditor>> auditors;
  for (const Format format : study_.formats) {
    auditors.push_back(std::make_unique<Auditor>(
        graph_, parameters_,
        AuditOptions{format, study_.form, study_.choices, study_.reference, study_.backend}));
  }
  ResultStore store = ResultStore::open(folder, configuration());
  std::vector<Unit> pending;
  for (std::size_t f = 0; f < study_.formats.size(); ++f)
    for (Index p = 0; p < points_; ++p) {
      if (!store.contains(p, full_name(study_.formats[f]))) pending.push_back({f, p});
    }
  const Index total = points_ * static_cast<Index>(study_.formats.size());
  std::atomic<Index> done = total - static_cast<Index>(pending.size());
  if (watch.progress) watch.progress(done, total);
  const int width = threads > 0 ? threads : tbb::this_task_arena::max_concurrency();
  const tbb::global_control limit(tbb::global_control::max_allowed_parallelism,
                                  static_cast<std::size_t>(width));
  tbb::task_arena(width).execute([&] {
    parallel_for(static_cast<Index>(pending.size()), [&](Index u) {
      if (watch.stop.stop_requested()) return;
      const Unit& unit = pending[static_cast<std::size_t>(u)];
      store.put(audit(*auditors[unit.format], unit.point));
      const Index now = ++done;
      if (watch.progress) watch.progress(now, total);
    });
  });
  if (done < total) {
    throw InterruptedError(
        fmt::format("interrupted after {} of {} points; the same command continues", done.load(), total));
  }
  AuditResults results = store.load();
  export_results(folder, results, {seconds_since(begin), static_cast<Index>(pending.size()), width});
  return results;
}

}  // namespace gradzone
