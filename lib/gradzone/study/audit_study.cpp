#include "gradzone/study/audit_study.hpp"

#include <fmt/format.h>
#include <gmp.h>
#include <mpfr.h>
#include <tbb/task_arena.h>
#include <tbb/version.h>

#include <boost/version.hpp>
#include <chrono>
#include <nlohmann/json.hpp>
#include <span>

#include "gradzone/base/error.hpp"
#include "gradzone/base/parallel.hpp"
#include "gradzone/cluster/bytes.hpp"
#include "gradzone/cluster/shared_work.hpp"
#include "gradzone/io/point_bytes.hpp"
#include "gradzone/io/store.hpp"
#include "gradzone/study/machine.hpp"
#include "gradzone/study/pseudo_labels.hpp"
#include "gradzone/study/thumbnail.hpp"
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
  if (s.per_sample && s.batch < 2)
    throw UsageError("--per-sample: points of one image are samples already; give --batch N with N > 1");
  if (s.per_sample && s.batch_norm == BatchNorm::Mode::training) {
    throw UsageError(
        "--per-sample: with --batch-norm training a sample has no gradient of its own, the statistics are "
        "the "
        "batch's; leave one of the two out");
  }
  if (s.formats.empty()) throw UsageError("--format: name at least one format");
  check_formats(s.backend, s.formats);
}

/// What one point takes at most, roughly: float runs of every choice with their branches, and the reference's
/// share of them in flight.
std::int64_t bytes_of_point(const Graph& graph, const AuditStudy& s) {
  std::int64_t activations = 0, parameters = 0;
  for (const Node& node : graph.nodes()) activations += element_count(node.shape);
  for (const ParameterSpec& p : graph.parameters()) parameters += element_count(p.shape);
  const auto choices = static_cast<std::int64_t>(s.choices.size());
  const std::int64_t in_group = std::min<std::int64_t>(s.batch, 16);
  const std::int64_t certified = s.reference.work == Work::gradient ? choices * parameters * 40 : 0;
  return s.batch * activations * (16 + 24 * choices) + in_group * activations * 100 +
         choices * parameters * 16 + certified;
}

/// A point in a format.
struct Unit {
  std::size_t format;
  Index point;

  std::string bytes() const { return ByteWriter().put(format).put(point).take(); }
  static Unit read(const std::string& bytes) {
    ByteReader in(bytes);
    Unit out{};
    in.get(out.format);
    in.get(out.point);
    return out;
  }
};

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
  if (on_bad_image == OnBadImage::skip) out += " --on-bad-image skip";
  out += fmt::format(" --seed {}", seed);
  if (batch_norm == BatchNorm::Mode::training) out += " --batch-norm training";
  const ReferenceOptions standard;
  if (reference.start_bits != standard.start_bits)
    out += fmt::format(" --start-bits {}", reference.start_bits);
  if (reference.max_bits != standard.max_bits) out += fmt::format(" --max-bits {}", reference.max_bits);
  if (!reference.exact) out += " --no-exact";
  if (reference.engine != standard.engine) out += " --engine plain";
  if (reference.work == Work::verdict) out += " --verdict";
  if (reference.proof == ProofMode::exact) out += " --proof exact";
  if (reference.bits != standard.bits) out += fmt::format(" --bits {}", reference.bits);
  if (per_sample) out += " --per-sample";
  return out;
}

LoadedStudy::LoadedStudy(AuditStudy study)
    : study_((check(study), std::move(study))),
      model_(load_model(study_.model, study_.batch_norm, study_.seed)),
      data_(load_dataset(study_.data, study_.split, study_.seed, study_.on_bad_image)) {
  check_data_fits(graph(), data_);
  data_ = with_pseudo_labels(data_, graph(), model_.parameters);
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
                       {"exact", study_.reference.exact},
                       {"engine", study_.reference.engine == Engine::plain ? "plain" : "fast"},
                       {"work", study_.reference.work == Work::verdict ? "verdict" : "gradient"},
                       {"proof", study_.reference.proof == ProofMode::exact ? "exact" : "residue"},
                       {"bits", study_.reference.bits}};
  Json json{
      {"study", "audit"},
      {"command", study_.command()},
      {"model", study_.model},
      {"model_sha256", model_.sha256},
      {"network", graph().name()},
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
      {"per_sample", study_.per_sample},
      {"reference", reference},
      {"versions", Json::parse(versions_json())}};
  if (!data_.labelled()) json["labels"] = pseudo_labels_text;
  return json.dump(2, ' ', false, Json::error_handler_t::replace);  // paths need not be UTF-8
}

std::vector<Index> LoadedStudy::images_of(Index point) const {
  const auto begin = order_.begin() + point * study_.batch;
  return {begin, begin + study_.batch};
}

SampleRecord LoadedStudy::audit_sample(const Auditor& auditor, Index sample, Index image) const {
  const MiniBatch one = data_.batch(std::span(&image, 1));
  const PointRecord p = auditor.audit(one).point;
  return {sample,
          image,
          one.labels[0],
          p.zone,
          p.cause,
          p.cause_layer,
          p.proof,
          p.witness,
          p.delta_real_lower,
          p.delta_real_upper,
          p.delta_float_inf,
          p.float_sees};
}

PointResult LoadedStudy::audit(const Auditors& auditors, Index point) const {
  const auto begin = Clock::now();
  const std::vector<Index> images = images_of(point);
  const MiniBatch batch = data_.batch(images);
  PointResult result = auditors.points->audit(batch);
  if (auditors.samples) {
    result.samples.resize(images.size());
    parallel_for(static_cast<Index>(images.size()), [&](Index k) {
      const std::size_t at = static_cast<std::size_t>(k);
      result.samples[at] = audit_sample(*auditors.samples, k, images[at]);
    });
  }
  result.point.point = point;
  result.point.first = images[0];
  result.point.label = first_labels(batch.labels);
  for (BranchRecord& record : result.branches) record.point = point;
  for (GradientRecord& record : result.gradients) record.point = point;
  result.image = thumbnail(data_, images[0]);
  result.seconds = seconds_since(begin);
  return result;
}

class LoadedStudy::Points {
 public:
  explicit Points(const LoadedStudy& study) : study_(study) {
    const AuditStudy& s = study.study_;
    ReferenceOptions reference = s.reference;
    reference.seed = s.seed;
    for (const Format format : s.formats) {
      AuditOptions options{format, s.form, s.choices, reference, s.backend};
      Auditors& both = auditors_.emplace_back();
      both.points = std::make_unique<Auditor>(study.graph(), study.model_.parameters, options);
      options.reference.work = Work::verdict;
      if (s.per_sample)
        both.samples = std::make_unique<Auditor>(study.graph(), study.model_.parameters, options);
    }
  }

  /// Where points are too large to be in memory side by side, the threads share each of them.
  int workers() const {
    const std::int64_t memory = study_.study_.memory > 0 ? study_.study_.memory : quarter_of_memory();
    const int width = tbb::this_task_arena::max_concurrency();
    return bytes_of_point(study_.graph(), study_.study_) * width <= memory ? width : 1;
  }

  std::string compute(const std::string& task) const {
    const Unit unit = Unit::read(task);
    return point_bytes(study_.audit(auditors_[unit.format], unit.point));
  }

 private:
  const LoadedStudy& study_;
  std::vector<Auditors> auditors_;
};

AuditResults LoadedStudy::run(const std::filesystem::path& folder, const Workers& workers,
                              const Watch& watch) const {
  const auto begin = Clock::now();
  const Points points(*this);
  ResultStore store = ResultStore::open(folder, configuration());
  std::vector<Unit> pending;
  Index total = 0;
  for (std::size_t f = 0; f < study_.formats.size(); ++f) {
    for (Index p = 0; p < points_; ++p) {
      if (!workers.share.has(p)) continue;
      ++total;
      if (!store.contains(p, full_name(study_.formats[f]))) pending.push_back({f, p});
    }
  }
  const Index found = total - static_cast<Index>(pending.size());
  Index done = found;
  if (watch.progress) watch.progress(done, total);
  auto next = pending.begin();
  SharedWork work;
  work.compute = [&](const std::string& task, const Ask&) { return points.compute(task); };
  work.next = [&]() -> std::optional<std::string> {
    if (next == pending.end() || watch.stop.stop_requested()) return std::nullopt;
    return (next++)->bytes();
  };
  work.keep = [&](const std::string&, const std::string& result) {
    store.put(point_of_bytes(result));
    ++done;
    if (watch.progress) watch.progress(done, total);
  };
  on_threads(workers.threads, [&] { share_work(workers.ranks, configuration(), points.workers(), work); });
  store.commit();
  if (done < total) {
    throw InterruptedError(
        fmt::format("interrupted after {} of {} points; the same command continues", done, total));
  }
  AuditResults results = store.load();
  if (workers.share.whole())
    export_results(folder, results, {seconds_since(begin), done - found, thread_count(workers.threads)});
  return results;
}

void LoadedStudy::assist(const Workers& workers) const {
  const Points points(*this);
  SharedWork work;
  work.compute = [&](const std::string& task, const Ask&) { return points.compute(task); };
  on_threads(workers.threads, [&] { share_work(workers.ranks, configuration(), points.workers(), work); });
}

}  // namespace gradzone
