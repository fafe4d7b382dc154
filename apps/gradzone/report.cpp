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

AuditResults report_audit(const fs::path& folder, const Common& common) {
  AuditResults results = load_results(folder);
  write_report(folder, results);
  if (common.json) {
    fmt::print("{}", summary_json(results));
  } else if (!common.quiet) {
    fmt::print("{}{}\n", zone_table(results), (folder / "report.html").string());
  }
  return results;
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

VolumeResults report_volume(const fs::path& folder, const Common& common) {
  VolumeResults results = load_volume(folder);
  write_report(folder, results);
  if (common.json) {
    fmt::print("{}", volume_summary_json(results));
  } else if (!common.quiet) {
    fmt::print("{}{}\n", volume_table(results), (folder / "report.html").string());
  }
  return results;
}

enum class Kind { audit, volume, training };

Kind kind_of(const std::string& folder) {
  return is_training(folder) ? Kind::training : is_volume(folder) ? Kind::volume : Kind::audit;
}

const char* name_of(Kind kind) {
  return kind == Kind::training ? "a training" : kind == Kind::volume ? "a volume study" : "an audit";
}

struct ReportText {
  std::vector<std::string> folders;
  std::string published, compare;
};

/// Before anything is written.
void refuse_wrong_options(const ReportText& text) {
  for (const std::string& folder : text.folders) {
    if (!text.published.empty() && kind_of(folder) != Kind::training)
      throw UsageError(fmt::format("--published: {} holds no training, which it compares", folder));
  }
  if (text.compare.empty()) return;
  if (text.folders.size() != 2)
    throw UsageError(fmt::format("--compare: compares two folders; {} given", text.folders.size()));
  const Kind a = kind_of(text.folders[0]), b = kind_of(text.folders[1]);
  if (a != b || a == Kind::training) {
    throw UsageError(
        fmt::format("--compare: {} is {} and {} is {}: two audits can be compared, or two volume studies",
                    text.folders[0], name_of(a), text.folders[1], name_of(b)));
  }
}

/// `results`: those of both folders, or fewer, which nothing is compared of.
template <class Results>
void compare(const ReportText& text, std::vector<Results>& results, const Common& common) {
  if (results.size() != 2) return;
  const std::string file = text.compare.empty() ? "compare.html" : text.compare;
  write_file_atomically(file, render_comparison(Compared<Results>{text.folders[0], std::move(results[0])},
                                                Compared<Results>{text.folders[1], std::move(results[1])}));
  if (!common.json && !common.quiet) fmt::print("{} compares both\n", file);
}

void report(const ReportText& text, const Common& common) {
  std::vector<PublishedCurve> published;
  if (!text.published.empty()) published = read_published_csv(table_text(text.published), text.published);
  refuse_wrong_options(text);
  const bool two = text.folders.size() == 2;  // others need not be kept
  std::vector<AuditResults> audits;
  std::vector<VolumeResults> volumes;
  for (const std::string& folder : text.folders) {
    switch (kind_of(folder)) {
      case Kind::training:
        report_training(folder, published, common);
        break;
      case Kind::volume:
        volumes.push_back(report_volume(folder, common));
        if (!two) volumes.clear();
        break;
      case Kind::audit:
        audits.push_back(report_audit(folder, common));
        if (!two) audits.clear();
        break;
    }
  }
  compare(text, audits, common);
  compare(text, volumes, common);
}

}  // namespace

void add_report(CLI::App& app, Common& common, ExitCode& exit_code) {
  CLI::App* command = app.add_subcommand(
      "report", "Write report.html from the results of an audit, a volume study or a training");
  auto text = std::make_shared<ReportText>();
  command->add_option("folders", text->folders, "Folders that audit, volume or train wrote")->required();
  command->add_option("--compare", text->compare,
                      "Two audits, or two volume studies: the page that compares them; compare.html in this "
                      "folder if it is left out");
  command->add_option("--published", text->published,
                      "Trainings: a CSV of published curves to compare with (docs/training.md)");
  add_common(*command, common);
  command->footer(
      "Examples:\n  gradzone report gradzone-audit\n"
      "  gradzone report chain pairwise --compare orders.html\n"
      "  gradzone report e2 --published reports/e2-mnist/published.csv");
  command->callback([text, &common, &exit_code] {
    report(*text, common);
    exit_code = ExitCode::done;
  });
}

}  // namespace gradzone::app
