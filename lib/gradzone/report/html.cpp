#include "gradzone/report/html.hpp"

#include <map>
#include <string_view>

#include "gradzone/base/file.hpp"
#include "gradzone/report/assets.hpp"
#include "gradzone/report/escape.hpp"
#include "gradzone/report/model.hpp"

namespace gradzone {
namespace {

/// A number and its percent sign stay on one line.
std::string with_bound_percents(std::string text) {
  for (std::size_t at = text.find(" %"); at != std::string::npos; at = text.find(" %", at))
    text.replace(at, 1, "\u00a0");
  return text;
}

std::string headline_html(const ReportModel& model) {
  std::string html;
  for (const std::string& sentence : model.headlines) {
    html += "  <p class=\"headline\">" + escape_html(with_bound_percents(sentence)) + "</p>\n";
  }
  html += "  <p class=\"meaning\">" + escape_html(model.meaning) + "</p>";
  if (model.advice.empty()) return html;
  html += "\n  <p class=\"advice\">What to do about it</p>\n  <ul class=\"advice\">\n";
  for (const std::string& sentence : model.advice) html += "    <li>" + escape_html(sentence) + "</li>\n";
  return html + "  </ul>";
}

/// Puts the parts in place of their {{names}}, in one pass: what is put in is never looked at again.
std::string fill(std::string_view page, const std::map<std::string_view, std::string_view>& parts) {
  std::string filled;
  std::size_t at = 0;
  for (;;) {
    const std::size_t open = page.find("{{", at);
    if (open == std::string_view::npos) break;
    const std::size_t close = page.find("}}", open);
    filled += page.substr(at, open - at);
    filled += parts.at(page.substr(open + 2, close - open - 2));
    at = close + 2;
  }
  filled += page.substr(at);
  return filled;
}

std::string render(const ReportModel& model, std::string_view command, std::string_view body,
                   std::string_view script, std::string_view style = report_assets::page_css(),
                   std::string_view charts = report_assets::chart_js()) {
  const std::string title = escape_html(model.title), headline = headline_html(model);
  const std::string data =
      escape_script(model.data.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  return fill(report_assets::page_html(), {{"title", title},
                                           {"command", command},
                                           {"headline", headline},
                                           {"style", style},
                                           {"body", body},
                                           {"data", data},
                                           {"chartjs", charts},
                                           {"script", script}});
}

}  // namespace

std::string render_report(const AuditResults& results) {
  return render(report_model(results), "audit", report_assets::audit_html(), report_assets::audit_js());
}

std::string render_report(const VolumeResults& results) {
  return render(volume_model(results), "volume", report_assets::volume_html(), report_assets::volume_js());
}

std::string render_comparison(const Compared<AuditResults>& a, const Compared<AuditResults>& b) {
  return render(comparison_model(a, b), "report", report_assets::compare_html(), report_assets::compare_js());
}

std::string render_comparison(const Compared<VolumeResults>& a, const Compared<VolumeResults>& b) {
  return render(comparison_model(a, b), "report", report_assets::compare_html(), report_assets::compare_js());
}

std::string render_report(const TrainingRecord& record, const std::vector<PublishedComparison>& comparisons) {
  return render(training_model(record, comparisons), "train", report_assets::training_html(),
                report_assets::training_js());
}

std::string render_ties_page(const TieResults& results) {
  const std::string style = std::string(report_assets::page_css()) + std::string(report_assets::ties_css());
  return render(ties_model(results), "ties", report_assets::ties_html(), report_assets::ties_js(), style, "");
}

void write_report(const std::filesystem::path& folder, const AuditResults& results) {
  write_file_atomically(folder / "report.html", render_report(results));
}

void write_report(const std::filesystem::path& folder, const VolumeResults& results) {
  write_file_atomically(folder / "report.html", render_report(results));
}

void write_report(const std::filesystem::path& folder, const TrainingRecord& record,
                  const std::vector<PublishedComparison>& comparisons) {
  write_file_atomically(folder / "report.html", render_report(record, comparisons));
}

void write_ties_page(const std::filesystem::path& folder, const TieResults& results) {
  write_file_atomically(folder / "ties.html", render_ties_page(results));
}

}  // namespace gradzone
