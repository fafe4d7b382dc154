#include "gradzone/study/compare_tables.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "gradzone/io/cells.hpp"
#include "gradzone/io/columns.hpp"
#include "gradzone/io/csv.hpp"
#include "gradzone/io/json.hpp"

namespace gradzone {
namespace {

/// What `good_tensors` asks of the median entry.
constexpr double good_bits = 15;

template <class Record>
void write_header(CsvWriter& csv) {
  const Record names{};
  visit_columns(names, [&](const char* column, const auto&) { csv.cell(column); });
}
template <class Record>
void write_record(CsvWriter& csv, const Record& record) {
  visit_columns(record, [&](const char*, const auto& value) { write_cell(csv, value); });
}

/// "3,5,9"
std::string list(const std::vector<Index>& samples) {
  return fmt::format("{}", fmt::join(samples, ","));
}

/// The record with what the point knows of it.
GradientRecord placed(GradientRecord record, const ComparedPoint& point, const std::vector<Choice>& choices) {
  record.point = point.judged.point.point;
  record.format = point.judged.point.format;
  record.choice = choices[point.judged.answer.choice].name();
  return record;
}

std::vector<const JudgedTensor*> with(const JudgedGradient& judged, Judgement judgement) {
  std::vector<const JudgedTensor*> out;
  for (const JudgedTensor& t : judged.tensors) {
    if (t.judgement == judgement) out.push_back(&t);
  }
  return out;
}

/// "fc.weight (scaled by 1.0100), fc.bias (all zero)", of at most three tensors.
std::string reasons(const std::vector<const JudgedTensor*>& tensors) {
  constexpr std::size_t most = 3;
  std::vector<std::string> parts;
  for (std::size_t k = 0; k < std::min(most, tensors.size()); ++k)
    parts.push_back(fmt::format("{} ({})", tensors[k]->errors.tensor, tensors[k]->reason));
  const std::string more =
      tensors.size() > most ? fmt::format(" and {} more", tensors.size() - most) : std::string();
  return fmt::format("{}{}", fmt::join(parts, ", "), more);
}

std::string judgement_clause(const ComparedPoint& point) {
  const JudgedGradient& judged = point.judged;
  switch (judged.judgement) {
    case Judgement::ok:
      return fmt::format("ok: rounding explains all {} tensors", judged.tensors.size());
    case Judgement::wrong:
      if (judged.common_factor)
        return "wrong: every tensor is " + factor_text(*judged.common_factor, judged.point.batch);
      return "wrong: " + reasons(with(judged, Judgement::wrong));
    case Judgement::branch:
      return fmt::format("rounding flips a branch at {} or before, where the gradient may jump: {}",
                         judged.unstable_layer, reasons(with(judged, Judgement::branch)));
    case Judgement::other_point:
      return fmt::format(
          "not the same point: logit {} of image {} is {:.3g} off and rounding explains {:.1g}; "
          "preprocessing, weights, mode or format differ",
          judged.logits->logit, judged.logits->image, judged.logits->error, judged.logits->allowed);
    case Judgement::open:
      return "not judged: the reference has no certified gradient here";
  }
  return "";
}

std::string choice_clause(const JudgedGradient& judged, const std::vector<Choice>& choices) {
  if (judged.judgement == Judgement::other_point || judged.judgement == Judgement::open) return "";
  std::vector<std::string> all;
  for (const Choice& choice : choices) all.push_back(choice.name());
  switch (judged.answer.kind) {
    case ChoiceAnswer::Kind::told:
      return fmt::format(" It is {}.", all[judged.answer.choice]);
    case ChoiceAnswer::Kind::neither:
      return fmt::format(" It is none of {}: another choice?", fmt::join(all, ", "));
    case ChoiceAnswer::Kind::unclear:
      break;
  }
  return judged.point.zone == Zone::regular
             ? fmt::format(" {} give the same gradient here.", fmt::join(all, " and "))
             : fmt::format(" {} cannot be told apart here.", fmt::join(all, " and "));
}

std::string zone_clause(const PointRecord& point) {
  std::string out = fmt::format(" Zone {}", name(point.zone));
  if (!point.cause.empty()) out += ", cause " + point.cause;
  if (!point.cause_layer.empty()) out += ", first at " + point.cause_layer;
  if (!point.witness.empty()) out += ", witness " + point.witness;
  if (!point.proof.empty()) out += ", proof " + point.proof;
  return out + ".";
}

std::string point_name(const ComparedPoint& point) {
  if (point.samples.empty()) {
    const Index n = point.judged.point.batch;
    return fmt::format("{} ({} image{} of its own)", point.file, n, n == 1 ? "" : "s");
  }
  if (point.samples.size() == 1) return fmt::format("{} (image {})", point.file, point.samples[0]);
  return fmt::format("{} ({} images from {} on)", point.file, point.samples.size(), point.samples[0]);
}

/// NaN, of no figure, is a dash.
std::string figure(double x) {
  return std::isnan(x) ? "-" : fmt::format("{:.4g}", x);
}

Json tensor_json(const JudgedTensor& tensor) {
  return {{"tensor", tensor.errors.tensor},
          {"judgement", name(tensor.judgement)},
          {"reason", tensor.reason},
          {"bits_median", tensor.errors.bits_median},
          {"budget_share", tensor.budget_share}};
}

Json point_json(const ComparedPoint& point, const std::vector<Choice>& choices) {
  const JudgedGradient& judged = point.judged;
  Json out{{"file", point.file},
           {"sha256", point.sha256},
           {"samples", list(point.samples)},
           {"format", judged.point.format},
           {"zone", name(judged.point.zone)},
           {"cause", judged.point.cause},
           {"cause_layer", judged.point.cause_layer},
           {"proof", judged.point.proof},
           {"witness", judged.point.witness},
           {"choice", name(judged.answer, choices)},
           {"judgement", name(judged.judgement)},
           {"unstable_layer", judged.unstable_layer},
           {"says", compare_sentence(point, choices)},
           {"missing", point.missing}};
  if (judged.common_factor) out["common_factor"] = *judged.common_factor;
  Json& flagged = out["flagged"] = Json::array();
  for (const JudgedTensor& t : judged.tensors) {
    if (t.judgement == Judgement::wrong || t.judgement == Judgement::branch)
      flagged.push_back(tensor_json(t));
  }
  return out;
}

}  // namespace

std::string compare_csv(const CompareResults& results) {
  CsvWriter out;
  write_header<GradientRecord>(out);
  out.row("file", "judgement", "reason", "budget_share", "over_budget", "tells");
  for (const ComparedPoint& point : results.points) {
    for (const JudgedTensor& tensor : point.judged.tensors) {
      write_record(out, placed(tensor.errors, point, results.choices));
      out.row(point.file, name(tensor.judgement), tensor.reason, tensor.budget_share, tensor.defect.entries,
              name(tensor.answer, results.choices));
    }
    if (point.judged.tensors.empty()) continue;
    write_record(out, placed(point.judged.whole, point, results.choices));
    out.row(point.file, name(point.judged.judgement), "", "", "", name(point.judged.answer, results.choices));
  }
  return out.take();
}

std::string compare_points_csv(const CompareResults& results) {
  CsvWriter out;
  write_header<PointRecord>(out);
  out.row("file", "samples", "judgement", "choice", "wrong_tensors", "unstable_layer", "missing", "says");
  for (const ComparedPoint& point : results.points) {
    const JudgedGradient& judged = point.judged;
    write_record(out, judged.point);
    out.row(point.file, list(point.samples), name(judged.judgement), name(judged.answer, results.choices),
            static_cast<Index>(with(judged, Judgement::wrong).size()), judged.unstable_layer,
            fmt::format("{}", fmt::join(point.missing, " ")), compare_sentence(point, results.choices));
  }
  return out.take();
}

CompareCounts count(const CompareResults& results) {
  CompareCounts out;
  for (const ComparedPoint& point : results.points) {
    ++out.points;
    ++out.zones[name(point.judged.point.zone)];
    ++out.judgements[name(point.judged.judgement)];
    ++out.answers[name(point.judged.answer, results.choices)];
    const FormatId format = parse_format(point.judged.point.format).id;
    if (format != FormatId::fp32 && format != FormatId::fp64) continue;
    for (const JudgedTensor& tensor : point.judged.tensors) {
      const double bits = tensor.errors.bits_median;  // NaN: every entry is rightly 0
      ++out.wide_tensors;
      out.good_tensors += std::isnan(bits) || bits >= good_bits;
    }
  }
  return out;
}

std::string compare_json(const CompareResults& results) {
  Json out = Json::parse(results.configuration);
  const CompareCounts counts = count(results);
  out["points"] = counts.points;
  out["zones"] = counts.zones;
  out["judgements"] = counts.judgements;
  out["told"] = counts.answers;
  out["tensors_in_fp32_or_fp64"] = counts.wide_tensors;
  out["tensors_with_15_bits"] = counts.good_tensors;
  Json& list = out["files"] = Json::array();
  for (const ComparedPoint& point : results.points) list.push_back(point_json(point, results.choices));
  return write_json(out);
}

std::string tensor_table(const ComparedPoint& point) {
  std::size_t width = 6;
  for (const JudgedTensor& t : point.judged.tensors) width = std::max(width, t.errors.tensor.size());
  std::string out = fmt::format("  {:<{}}  {:>6}  {:>8}  {:>9}  {:>11}  verdict\n", "tensor", width, "bits",
                                "worst 1%", "ulps", "wrong signs");
  for (const JudgedTensor& t : point.judged.tensors) {
    const std::string why = t.reason.empty() ? "" : ": " + t.reason;
    out +=
        fmt::format("  {:<{}}  {:>6}  {:>8}  {:>9}  {:>9.2f} %  {}{}\n", t.errors.tensor, width,
                    figure(t.errors.bits_median), figure(t.errors.bits_worst_1_percent),
                    figure(t.errors.ulp_error_max), 100 * t.errors.wrong_sign_share, name(t.judgement), why);
  }
  return out;
}

std::string compare_sentence(const ComparedPoint& point, const std::vector<Choice>& choices) {
  std::string out =
      fmt::format("{} in {}: {}.", point_name(point), point.judged.point.format, judgement_clause(point));
  if (!point.missing.empty()) out += fmt::format(" No gradient of {}.", fmt::join(point.missing, ", "));
  return out + choice_clause(point.judged, choices) + zone_clause(point.judged.point);
}

std::string counts_text(const CompareCounts& counts) {
  const auto parts = [](const std::map<std::string, Index>& by_name) {
    std::vector<std::string> out;
    for (const auto& [name, count] : by_name) out.push_back(fmt::format("{} {}", name, count));
    return fmt::format("{}", fmt::join(out, ", "));
  };
  std::string out =
      fmt::format("{} point{}: {}\n  zones: {}\n  choice: {}\n", counts.points, counts.points == 1 ? "" : "s",
                  parts(counts.judgements), parts(counts.zones), parts(counts.answers));
  if (counts.wide_tensors == 0) return out;
  return out + fmt::format("  tensors with {} or more correct bits at the median entry: {} of {}\n",
                           good_bits, counts.good_tensors, counts.wide_tensors);
}

}  // namespace gradzone
