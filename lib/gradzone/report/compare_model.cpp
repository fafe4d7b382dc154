#include "gradzone/report/compare_sections.hpp"
#include "gradzone/report/model.hpp"

namespace gradzone {
namespace {

using report_sections::Entry;
using report_sections::Json;
using report_sections::Matches;
using report_sections::Side;

/// Two values, null where there is no such side.
template <class Part>
Json pair_of(const Entry& entry, Part part) {
  return Json::array({entry.a ? part(*entry.a) : Json(), entry.b ? part(*entry.b) : Json()});
}

Json entry_json(const Entry& entry, const Matches& matches, bool followed) {
  using namespace report_sections;
  Json json{{"name", entry.name}, {"same", entry.same()}};
  json["formats"] = pair_of(entry, [](const Side& side) { return Json(side.format); });
  json["points"] = pair_of(entry, [](const Side& side) { return Json(side.records.size()); });
  json["precision"] = pair_of(entry, [](const Side& side) { return Json(precision_of(side.format)); });
  json["zones"] = pair_of(entry, [](const Side& side) { return zones_of(side.records); });
  json["verdicts"] = zone_verdicts(entry);
  json["causes"] = causes_side_by_side(entry);
  json["bits"] = pair_of(entry, [](const Side& side) { return side.bits; });
  json["hits"] = pair_of(entry, [](const Side& side) {
    if (!side.volume) return Json();
    return Json{{"of", Json::array({side.volume->inits, side.volume->batches})},
                {"initialisations", frequency_of(side.volume->hit.inits)},
                {"batches", frequency_of(side.volume->hit.batches)}};
  });
  json["transitions"] = followed && entry.both() ? transitions_of(matches) : Json();
  return json;
}

void add_command(Json& list, const Json& configuration) {
  for (const Json& fact : report_sections::provenance(configuration)) {
    if (fact[0] == "command") list.push_back(fact);
  }
}

/// `other`: why points cannot be followed one by one, or empty.
ReportModel model_of(const std::vector<Side>& sides_a, const std::vector<Side>& sides_b, const Json& a,
                     const Json& b, const std::string& label_a, const std::string& label_b,
                     const std::string& other, const char* noun) {
  using namespace report_sections;
  const std::vector<Entry> entries = entries_of(sides_a, sides_b);
  const Json differing = differing_keys(a, b);
  ReportModel model;
  model.title = label_a + " | " + label_b;
  model.meaning = comparison_meaning(label_a, label_b, differing);
  Json& data = model.data;
  data["noun"] = noun;
  data["labels"] = Json::array({label_a, label_b});
  data["differing"] = differing;
  data["other_points"] = other;
  data["entries"] = Json::array();
  std::vector<Matches> matches;
  for (const Entry& entry : entries) {
    matches.push_back(entry.both() && other.empty() ? matches_of(entry) : Matches{});
    if (entry.both()) model.headlines.push_back(comparison_headline(entry, matches.back(), noun));
    data["entries"].push_back(entry_json(entry, matches.back(), other.empty()));
  }
  if (const std::string alone = formats_of_one(entries); !alone.empty()) model.headlines.push_back(alone);
  if (entries.empty()) model.headlines.emplace_back("Neither A nor B has a point to compare.");
  data["table"] = changed_table(entries, matches);
  data["provenance"] = Json::array();
  data["provenance"].push_back({"A", label_a});
  add_command(data["provenance"], a);
  data["provenance"].push_back({"B", label_b});
  add_command(data["provenance"], b);
  return model;
}

}  // namespace

ReportModel comparison_model(const Compared<AuditResults>& a, const Compared<AuditResults>& b) {
  using namespace report_sections;
  const Json of_a = parse_configuration(a.results.configuration),
             of_b = parse_configuration(b.results.configuration);
  Index batch = 1;
  for (const auto* results : {&a.results, &b.results})
    for (const PointResult& point : results->points) batch = std::max(batch, point.point.batch);
  return model_of(sides_of(a.results), sides_of(b.results), of_a, of_b, a.label, b.label,
                  other_points(of_a, of_b), batch == 1 ? "sample" : "point");
}

ReportModel comparison_model(const Compared<VolumeResults>& a, const Compared<VolumeResults>& b) {
  using namespace report_sections;
  Json of_a = parse_configuration(a.results.configuration),
       of_b = parse_configuration(b.results.configuration);
  of_a["command"] = a.results.command;
  of_b["command"] = b.results.command;
  return model_of(sides_of(a.results), sides_of(b.results), of_a, of_b, a.label, b.label,
                  "a volume study counts them", "mini-batch");
}

}  // namespace gradzone
