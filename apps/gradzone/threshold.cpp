// gradzone threshold: the distribution of the difference of float gradients, the thresholds that follow from
// it, and how they fare beside proofs.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "command.hpp"
#include "gradzone/base/file.hpp"
#include "gradzone/io/json.hpp"
#include "gradzone/report/html.hpp"
#include "gradzone/study/threshold_study.hpp"
#include "gradzone/study/volume_record.hpp"
#include "terminal.hpp"
#include "volume_options.hpp"

namespace gradzone::app {
namespace {

namespace fs = std::filesystem;

std::string decade_name(const Decade& decade) {
  if (decade.kind == Decade::Kind::zero) return "0";
  if (decade.kind == Decade::Kind::not_finite) return "not finite";
  return fmt::format("1e{:+03}", decade.exponent);
}

std::string bar(Index count, Index most) {
  constexpr Index width = 30;
  const Index cells = (count * width + most - 1) / most;  // something is never nothing
  std::string out;
  for (Index i = 0; i < cells; ++i) out += "█";
  return out;
}

Index size_of(const Decade& decade) {
  Index out = decade.uncertified;
  for (const Index count : decade.zones) out += count;
  return out;
}

std::string counts_text(const Decade& decade) {
  std::string out;
  const auto add = [&](Index count, const char* what) {
    if (count > 0) out += fmt::format("{}{} {}", out.empty() ? "" : ", ", count, what);
  };
  for (const Zone zone : all_zones) add(decade.zones[static_cast<std::size_t>(zone)], name(zone));
  add(decade.uncertified, "not certified");
  return out;
}

std::string histogram(const StatisticSummary& s) {
  std::string out = fmt::format("  {}", name(s.statistic));
  if (s.smallest)
    out +=
        fmt::format(": smallest {:.3g}, median {:.3g}, largest {:.3g}", *s.smallest, *s.median, *s.largest);
  out += "\n";
  Index most = 1;
  for (const Decade& d : s.decades) most = std::max(most, size_of(d));
  for (const Decade& d : s.decades)
    out += fmt::format("    {:>10} {:>7}  {:<30}  {}\n", decade_name(d), size_of(d), bar(size_of(d), most),
                       counts_text(d));
  return out;
}

std::string labels_text(const Confusion& c) {
  return fmt::format("{} of {} decided points labelled wrongly ({} false alarms, {} missed)", c.wrong(),
                     c.decided(), c.false_alarms(), c.missed());
}

std::string threshold_line(const JudgedThreshold& t, bool certified) {
  const Threshold& threshold = t.threshold;
  if (!threshold.tau)
    return fmt::format("  no tau for {}: it {}\n", name(threshold.statistic), threshold.source);
  Index above = t.uncertified_above;
  for (const Index count : t.confusion.above) above += count;
  return fmt::format("  {} > {:.3g}: {} points, {}\n      {}\n", name(threshold.statistic), *threshold.tau,
                     above, certified ? labels_text(t.confusion) : "none of them certified",
                     threshold.source);
}

std::string best_line(const StatisticSummary& s) {
  const BestThreshold& best = s.best;
  std::string out = fmt::format("  best possible {} > {:.3g}: {}", name(s.statistic), best.tau,
                                labels_text(best.confusion));
  const Index bifurcations =
      best.confusion.labelled(Zone::bifurcation) + best.confusion.unlabelled(Zone::bifurcation);
  if (bifurcations == 0) return out + "; there is no bifurcation to find\n";
  if (best.separation)
    out += fmt::format("; a bifurcation has the larger value with chance {:.3f}", *best.separation);
  return out + "\n";
}

std::string text_of(const FormatThresholds& f) {
  std::string out = fmt::format("{}: {} points, {} certified\n", f.format, f.points, f.certified);
  for (const StatisticSummary& s : f.statistics) out += histogram(s);
  for (const JudgedThreshold& t : f.thresholds) out += threshold_line(t, f.certified > 0);
  if (f.certified > 0)
    for (const StatisticSummary& s : f.statistics) out += best_line(s);
  return out;
}

std::vector<JudgedPoints> stored_points(const fs::path& folder) {
  if (is_volume(folder)) return judged_points(load_volume(folder));
  return judged_points(load_results(folder));
}

/// Writes the tables into the folder; returns what people read, or with --json programs.
Json judge(const fs::path& folder, const std::vector<JudgedPoints>& points, const Common& common) {
  const std::vector<FormatThresholds> study = threshold_study(points);
  const std::string json = thresholds_json(study);
  write_file_atomically(folder / "decades.csv", decades_csv(study));
  write_file_atomically(folder / "thresholds.csv", thresholds_csv(study));
  write_file_atomically(folder / "thresholds.json", json);
  if (!common.quiet && !common.json) {
    for (const FormatThresholds& f : study) fmt::print("{}", text_of(f));
    fmt::print("{}/thresholds.csv has each threshold, decades.csv the histograms\n", folder.string());
  }
  return Json::parse(json);
}

void judge_stored(const std::vector<std::string>& folders, const Common& common) {
  if (common.assists()) return;
  Json out = Json::object();
  for (const std::string& folder : folders) {
    if (!common.quiet && !common.json && folders.size() > 1) fmt::print("{}\n", folder);
    out[folder] = judge(folder, stored_points(folder), common);
  }
  if (common.json) fmt::print("{}", write_json(folders.size() == 1 ? out[folders[0]] : out));
}

void judge_new(const VolumeText& text, const Common& common) {
  const LoadedVolume volume(volume_study(text));
  if (common.assists()) return volume.assist(common.workers(), common.stop);
  report_skipped(volume.data(), common.quiet);
  VolumeResults results;
  {
    ProgressLine progress("threshold", "point", common.quiet);
    results = volume.run(text.out, common.workers(), volume_watch(progress, common.stop));
  }
  if (!common.workers().share.whole()) return print_share(common, text.out);
  write_report(text.out, results);
  const Json json = judge(text.out, judged_points(results), common);
  if (common.json) fmt::print("{}", write_json(json));
}

}  // namespace

void add_threshold(CLI::App& app, Common& common, ExitCode& exit_code) {
  CLI::App* command = app.add_subcommand(
      "threshold",
      "Show how the difference of float gradients is distributed, and how thresholds fare beside proofs");
  auto folders = std::make_shared<std::vector<std::string>>();
  auto text = std::make_shared<VolumeText>();
  text->certify = "all";
  text->out = "gradzone-threshold";
  command->add_option("folders", *folders, "Folders that audit or volume wrote; none for a new volume study");
  add_volume_options(*command, *text);
  add_common(*command, common);
  add_share(*command, common);
  command->footer(
      "Of stored results, or of a new volume study (options as of gradzone volume, every mini-batch "
      "certified).\n"
      "thresholds.csv, decades.csv and thresholds.json go to the folder of the results.\n\n"
      "Examples:\n"
      "  gradzone threshold gradzone-audit\n"
      "  gradzone threshold --net lenet5 --data mnist:data/mnist --inits 5 --batches 20 "
      "--format fp32,bf16,fp16,fp64 --out e5");
  command->callback([folders, text, &common, &exit_code] {
    if (!folders->empty() && !text->study.data.empty())
      throw UsageError("threshold: name folders of results, or --data for a new study, not both");
    if (folders->empty() && text->study.data.empty())
      throw UsageError("threshold: name a folder that audit or volume wrote, or --data for a new study");
    folders->empty() ? judge_new(*text, common) : judge_stored(*folders, common);
    exit_code = ExitCode::done;
  });
}

}  // namespace gradzone::app
