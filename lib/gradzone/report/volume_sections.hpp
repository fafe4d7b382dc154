// The parts of the page of a volume study: one function each, inside this module only.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "gradzone/report/sections.hpp"
#include "gradzone/study/volume_summary.hpp"

namespace gradzone::report_sections {

/// A format of a study: its figures and its mini-batches.
struct VolumeFormat {
  FormatVolume volume;
  JudgedPoints points;
};
std::vector<VolumeFormat> volume_formats(const VolumeResults& results);

/// "fp16: 15 of 20 initialisations (75 %) and 15 of 2,402 mini-batches (0.624 %) are hit. Of 15 certified
/// mini-batches, ..."
std::string volume_headline(const VolumeFormat& format);
/// What a hit is, and which mini-batches have a zone.
std::string volume_meaning(const VolumeResults& results, const Json& configuration);

/// [{what, initialisations, batches}], frequencies of both; the first is of hits
Json shares_of(const FormatVolume& volume);
/// The layers of the study's network in forward order; nothing if its name is unknown.
std::vector<std::string> layers_of_network(const Json& configuration);
Json volume_points_table(const VolumeResults& results);
Json initialisations_table(const VolumeResults& results);

}  // namespace gradzone::report_sections
