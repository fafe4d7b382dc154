#include "gradzone/study/threshold_study.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "gradzone/io/csv.hpp"
#include "gradzone/io/json.hpp"

namespace gradzone {
namespace {

JudgedPoints& points_of(std::vector<JudgedPoints>& formats, const std::string& format) {
  const auto found = std::ranges::find(formats, format, &JudgedPoints::format);
  return found != formats.end() ? *found : formats.emplace_back(JudgedPoints{format, {}, {}, 0});
}

std::vector<PointRecord> all_records(const JudgedPoints& points) {
  std::vector<PointRecord> out = points.certified;
  out.insert(out.end(), points.uncertified.begin(), points.uncertified.end());
  return out;
}

StatisticSummary summarise(const JudgedPoints& points, Statistic statistic) {
  StatisticSummary out;
  out.statistic = statistic;
  out.decades = decades(points.certified, points.uncertified, points.still, statistic);
  out.best = best_threshold(points.certified, statistic);
  std::vector<double> positive;
  for (const PointRecord& p : all_records(points)) {
    const double x = value(p, statistic);
    if (x > 0 && std::isfinite(x)) positive.push_back(x);
  }
  if (positive.empty()) return out;
  std::ranges::sort(positive);
  const std::size_t half = positive.size() / 2;
  out.smallest = positive.front();
  out.largest = positive.back();
  out.median = positive.size() % 2 == 1 ? positive[half] : (positive[half - 1] + positive[half]) / 2;
  return out;
}

}  // namespace

std::vector<JudgedPoints> judged_points(const AuditResults& results) {
  std::vector<JudgedPoints> out;
  for (const PointResult& r : results.points) points_of(out, r.point.format).certified.push_back(r.point);
  return out;
}

std::vector<JudgedPoints> judged_points(const VolumeResults& results) {
  std::vector<JudgedPoints> out;
  for (const VolumeRow& row : results.rows) points_of(out, row.format).still += row.batches - row.points;
  for (const VolumePoint& p : results.points) {
    JudgedPoints& format = points_of(out, p.point.format);
    (p.certified ? format.certified : format.uncertified).push_back(p.point);
  }
  return out;
}

std::vector<JudgedThreshold> judge_thresholds(const JudgedPoints& points) {
  std::vector<JudgedThreshold> out;
  for (Threshold& threshold : thresholds_for(parse_format(points.format).id, all_records(points))) {
    JudgedThreshold& judged = out.emplace_back();
    if (threshold.tau) {
      const auto is_above = [&](const PointRecord& p) {
        return value(p, threshold.statistic) > *threshold.tau;
      };
      judged.confusion = compare_with_threshold(points.certified, threshold.statistic, *threshold.tau);
      judged.uncertified_above = std::ranges::count_if(points.uncertified, is_above);
      judged.uncertified_not_above =
          static_cast<Index>(points.uncertified.size()) - judged.uncertified_above + points.still;
    }
    judged.threshold = std::move(threshold);
  }
  return out;
}

std::vector<FormatThresholds> threshold_study(const std::vector<JudgedPoints>& formats) {
  std::vector<FormatThresholds> out;
  for (const JudgedPoints& points : formats) {
    require_stated({parse_format(points.format)});
    out.push_back({points.format,
                   points.size(),
                   static_cast<Index>(points.certified.size()),
                   judge_thresholds(points),
                   {summarise(points, Statistic::inf), summarise(points, Statistic::l1)}});
  }
  return out;
}

std::string decades_csv(const std::vector<FormatThresholds>& formats) {
  CsvWriter out;
  out.row("format", "statistic", "decade", "regular", "bifurcation", "compensation", "undecided",
          "uncertified");
  for (const FormatThresholds& f : formats) {
    for (const StatisticSummary& s : f.statistics) {
      for (const Decade& d : s.decades) {
        const std::string decade = d.kind == Decade::Kind::zero         ? "zero"
                                   : d.kind == Decade::Kind::not_finite ? "not finite"
                                                                        : std::to_string(d.exponent);
        out.row(f.format, name(s.statistic), decade, d.zones[0], d.zones[1], d.zones[2], d.zones[3],
                d.uncertified);
      }
    }
  }
  return out.take();
}

namespace {

constexpr const char* best_source = "the fewest wrong labels of these points";

void write_row(CsvWriter& out, const std::string& format, const Threshold& threshold, const Confusion& c,
               Index uncertified_above) {
  out.cell(format);
  out.cell(name(threshold.statistic));
  threshold.tau ? out.cell(*threshold.tau) : out.cell("");
  out.cell(threshold.source);
  for (const Zone zone : all_zones) out.cell(c.labelled(zone));
  for (const Zone zone : all_zones) out.cell(c.unlabelled(zone));
  out.row(uncertified_above, c.decided(), c.false_alarms(), c.missed());
}

Json zones_json(const std::array<Index, 4>& counts) {
  Json out = Json::object();
  for (const Zone zone : all_zones) out[name(zone)] = counts[static_cast<std::size_t>(zone)];
  return out;
}

Json confusion_json(const Confusion& c) {
  return {{"above", zones_json(c.above)}, {"not_above", zones_json(c.not_above)}, {"decided", c.decided()},
          {"wrong", c.wrong()},           {"false_alarms", c.false_alarms()},     {"missed", c.missed()}};
}

Json threshold_json(const JudgedThreshold& t) {
  Json out{{"statistic", name(t.threshold.statistic)}, {"tau", nullptr}, {"source", t.threshold.source}};
  if (!t.threshold.tau) return out;
  out["tau"] = *t.threshold.tau;
  out.update(confusion_json(t.confusion));
  out["uncertified"] = {{"above", t.uncertified_above}, {"not_above", t.uncertified_not_above}};
  return out;
}

Json number_or_null(const std::optional<double>& x) {
  return x ? Json(*x) : Json();
}

Json statistic_json(const StatisticSummary& s) {
  Json out{{"smallest_positive", number_or_null(s.smallest)},
           {"median_positive", number_or_null(s.median)},
           {"largest", number_or_null(s.largest)}};
  Json& list = out["decades"] = Json::array();
  for (const Decade& d : s.decades) {
    Json decade = d.kind == Decade::Kind::zero         ? Json("zero")
                  : d.kind == Decade::Kind::not_finite ? Json("not finite")
                                                       : Json(d.exponent);
    list.push_back({{"decade", decade}, {"zones", zones_json(d.zones)}, {"uncertified", d.uncertified}});
  }
  // JSON has no infinity: the tau of points whose differences are infinite is a text.
  out["best"] = {{"tau", std::isfinite(s.best.tau) ? Json(s.best.tau) : Json("inf")},
                 {"separation", number_or_null(s.best.separation)}};
  out["best"].update(confusion_json(s.best.confusion));
  return out;
}

}  // namespace

std::string thresholds_csv(const std::vector<FormatThresholds>& formats) {
  CsvWriter out;
  for (const char* column : {"format", "statistic", "tau", "source"}) out.cell(column);
  for (const char* side : {"above", "not_above"})
    for (const Zone zone : all_zones) out.cell(fmt::format("{}_{}", side, name(zone)));
  out.row("above_uncertified", "decided", "false_alarms", "missed");
  for (const FormatThresholds& f : formats) {
    for (const JudgedThreshold& t : f.thresholds)
      write_row(out, f.format, t.threshold, t.confusion, t.uncertified_above);
    for (const StatisticSummary& s : f.statistics) {
      if (f.certified == 0) continue;
      Index above = 0;  // of uncertified points nobody knows what they are
      write_row(out, f.format, {s.statistic, s.best.tau, best_source}, s.best.confusion, above);
    }
  }
  return out.take();
}

std::string thresholds_json(const std::vector<FormatThresholds>& formats) {
  Json out = Json::object();
  for (const FormatThresholds& f : formats) {
    Json& format = out["formats"][f.format];
    format = {{"points", f.points}, {"certified", f.certified}};
    for (const JudgedThreshold& t : f.thresholds) format["thresholds"].push_back(threshold_json(t));
    for (const StatisticSummary& s : f.statistics) format[name(s.statistic)] = statistic_json(s);
  }
  return write_json(out);
}

}  // namespace gradzone
