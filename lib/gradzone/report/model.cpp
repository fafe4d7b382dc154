#include "gradzone/report/model.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "gradzone/base/text.hpp"
#include "gradzone/report/sections.hpp"

namespace gradzone {
namespace {

using report_sections::FormatPoints;
using report_sections::Json;

std::string audit_title(const Json& configuration) {
  const std::string title = report_sections::network_and_data(configuration, "model");
  return title.empty() ? "Audit of a network's gradients" : title;
}

/// The names in "native,minimal", which every record of an audit repeats.
Json choices_of(const AuditResults& results) {
  Json list = Json::array();
  if (results.points.empty() || results.points.front().point.choices.empty()) return list;
  for (const std::string_view choice : split(results.points.front().point.choices, ','))
    list.push_back(choice);
  return list;
}

}  // namespace

ReportModel report_model(const AuditResults& results) {
  using namespace report_sections;
  const Json configuration = parse_configuration(results.configuration);
  const std::vector<FormatPoints> formats = by_format(results);

  ReportModel model;
  model.title = audit_title(configuration);
  for (const FormatPoints& format : formats) model.headlines.push_back(headline(format));
  if (formats.empty()) model.headlines.emplace_back("No point was audited.");
  model.meaning = meaning(formats);
  std::vector<Verdicts> verdicts;
  for (const FormatPoints& format : formats) verdicts.push_back({format.format, format.records});
  model.advice = advice(verdicts);

  Json& data = model.data;
  data["choices"] = choices_of(results);
  data["formats"] = Json::array();
  for (const char* section : {"zones", "causes", "thresholds", "statistics", "branches"})
    data[section] = Json::object();
  for (const FormatPoints& format : formats) {
    const std::string& name = format.format;
    data["formats"].push_back(
        {{"name", name}, {"precision", precision_of(name)}, {"points", format.points.size()}});
    data["zones"][name] = zones_of(format.records);
    data["causes"][name] = causes_of(format.records, layers_of(format));
    data["thresholds"][name] = thresholds_of({name, format.records, {}, 0});
    data["statistics"][name] = statistics_of({name, format.records, {}, 0});
    data["branches"][name] = branches_of(format);
  }
  data["bits"] = bits_of(formats);
  data.update(worst_points(formats));
  data["table"] = points_table(results);
  data["provenance"] = provenance(configuration);
  for (const Json& fact : evidence(formats)) data["provenance"].push_back(fact);
  return model;
}

}  // namespace gradzone
