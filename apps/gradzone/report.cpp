// gradzone report: the page and the tables again, from stored results.
#include <fmt/format.h>

#include <filesystem>

#include "command.hpp"
#include "gradzone/base/file.hpp"
#include "gradzone/io/results.hpp"
#include "gradzone/report/html.hpp"
#include "gradzone/study/volume_record.hpp"
#include "gradzone/study/volume_summary.hpp"
#include "terminal.hpp"

namespace gradzone::app {
namespace {

namespace fs = std::filesystem;

void report_audit(const fs::path& folder, const Common& common) {
  const AuditResults results = load_results(folder);
  write_report(folder, results);
  if (common.json) {
    fmt::print("{}", summary_json(results));
  } else if (!common.quiet) {
    fmt::print("{}{}\n", zone_table(results), (folder / "report.html").string());
  }
}

/// `published` is empty, or curves to compare with.
void report_training(const fs::path& folder, const std::vector<PublishedCurve>& published,
                     const Common& common) {
  const TrainingRecord record = load_training(folder);
  std::vector<PublishedComparison> comparisons;
  if (!published.empty()) {
    comparisons =
        compare_with_published(record.network(), record.optimiser(), curves_of(record.trace), published);
    write_file_atomically(folder / "published.csv", comparison_csv(comparisons));
  }
  write_report(folder, record, comparisons);
  if (common.json) {
    const std::string summary = train_summary_json(record.results);
    fmt::print("{}", comparisons.empty() ? summary : with_comparisons(summary, comparisons));
  } else if (!common.quiet) {
    fmt::print("{}{}{}\n", accuracy_table(record.results), comparison_table(comparisons),
               (folder / "report.html").string());
  }
}

void report_volume(const fs::path& folder, const Common& common) {
  const VolumeResults results = load_volume(folder);
  write_report(folder, results);
  if (common.json) {
    fmt::print("{}", volume_summary_json(results));
  } else if (!common.quiet) {
    fmt::print("{}{}\n", volume_table(results), (folder / "report.html").string());
  }
}

}  // namespace

void add_report(CLI::App& app, Common& common, ExitCode& exit_code) {
  CLI::App* command = app.add_subcommand(
      "report", "Write report.html from the results of an audit, a volume study or a training");
  auto folders = std::make_shared<std::vector<std::string>>();
  auto published_file = std::make_shared<std::string>();
  command->add_option("folders", *folders, "Folders that audit, volume or train wrote")->required();
  command->add_option("--published", *published_file,
                      "Trainings: a CSV of published curves to compare with (docs/training.md)");
  add_common(*command, common);
  command->footer(
      "Examples:\n  gradzone report gradzone-audit\n"
      "  gradzone report e2 --published reports/e2-mnist/published.csv");
  command->callback([folders, published_file, &common, &exit_code] {
    std::vector<PublishedCurve> published;
    if (!published_file->empty())
      published = read_published_csv(table_text(*published_file), *published_file);
    for (const std::string& folder : *folders) {
      if (is_training(folder)) {
        report_training(folder, published, common);
      } else if (!published_file->empty()) {
        throw UsageError(fmt::format("--published: {} holds no training, which it compares", folder));
      } else if (is_volume(folder)) {
        report_volume(folder, common);
      } else {
        report_audit(folder, common);
      }
    }
    exit_code = ExitCode::done;
  });
}

}  // namespace gradzone::app
