#include "gradzone/io/census_json.hpp"

#include <nlohmann/json.hpp>

namespace gradzone {

Json frequency_json(const Frequency& f) {
  return {{"count", f.count}, {"share", f.share}, {"ci95", {f.ci95.low, f.ci95.high}}};
}

Json census_json(const Census& census) {
  Json zones = Json::object();
  for (const Zone zone : all_zones) zones[name(zone)] = frequency_json(census.zone(zone));
  Json json;
  json["points"] = census.points;
  json["zones"] = std::move(zones);
  json["causes"] = census.causes;
  json["cause_layers"] = census.cause_layers;
  json["proofs"] = census.proofs;
  json["branches"] = {{"filter", census.stages.filter},       {"structure", census.stages.structure},
                      {"multiword", census.stages.multiword}, {"residue", census.stages.residue},
                      {"exact", census.stages.exact},         {"mpfr", census.stages.mpfr},
                      {"undecided", census.stages.undecided}};
  json["bifurcations"] = {{"float_sees", census.bifurcations_seen},
                          {"float_hides", census.bifurcations_hidden}};
  return json;
}

}  // namespace gradzone
