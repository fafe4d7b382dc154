#include "gradzone/report/model.hpp"
#include "gradzone/report/volume_sections.hpp"

namespace gradzone {
namespace {

using report_sections::Json;
using report_sections::VolumeFormat;

void add_format(Json& data, const VolumeFormat& format, const std::vector<std::string>& layers) {
  using namespace report_sections;
  const FormatVolume& volume = format.volume;
  const std::string& name = volume.format;
  data["formats"].push_back({{"name", name},
                             {"points", format.points.certified.size()},
                             {"initialisations", volume.inits},
                             {"batches", volume.batches},
                             {"hits", volume.hit.batches.count},
                             {"hits_certified", volume.hits_certified.count}});
  data["shares"][name] = shares_of(volume);
  data["zones"][name] = zones_of(format.points.certified);
  data["causes"][name] = causes_of(format.points.certified, layers);
  data["thresholds"][name] = thresholds_of(format.points);
  data["statistics"][name] = statistics_of(format.points);
}

}  // namespace

ReportModel volume_model(const VolumeResults& results) {
  using namespace report_sections;
  Json configuration = parse_configuration(results.configuration);
  configuration["command"] = results.command;
  const std::vector<VolumeFormat> formats = volume_formats(results);
  const std::vector<std::string> layers = layers_of_network(configuration);

  ReportModel model;
  model.title = network_and_data(configuration);
  std::vector<Verdicts> verdicts;
  for (const VolumeFormat& format : formats) {
    model.headlines.push_back(volume_headline(format));
    verdicts.push_back({format.volume.format, format.points.certified});
  }
  if (formats.empty()) model.headlines.emplace_back("No initialisation was looked at.");
  model.meaning = volume_meaning(results, configuration);
  model.advice = advice(verdicts);

  Json& data = model.data;
  data["noun"] = "mini-batch";
  data["hit"] = results.hit.text();
  data["formats"] = Json::array();
  for (const char* section : {"shares", "zones", "causes", "thresholds", "statistics"})
    data[section] = Json::object();
  for (const VolumeFormat& format : formats) add_format(data, format, layers);
  data["table"] = volume_points_table(results);
  data["initialisations"] = initialisations_table(results);
  data["provenance"] = provenance(configuration);
  for (const VolumeFormat& format : formats) {
    if (!format.points.certified.empty())
      data["provenance"].push_back({"branches settled, " + short_name(format.volume.format),
                                    stages_text(format.volume.census.stages)});
  }
  return model;
}

}  // namespace gradzone
