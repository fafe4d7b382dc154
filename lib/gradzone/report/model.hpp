// What the page says and shows, computed from the results; the page only draws it.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "gradzone/io/results.hpp"
#include "gradzone/report/html.hpp"
#include "gradzone/study/published_curves.hpp"
#include "gradzone/study/tie_study.hpp"
#include "gradzone/study/training_record.hpp"
#include "gradzone/study/volume_study.hpp"

namespace gradzone {

struct ReportModel {
  std::string title;                   ///< "lenet5:net.safetensors on mnist:data"
  std::vector<std::string> headlines;  ///< sentences
  std::string meaning;                 ///< what they mean, in plain words
  std::vector<std::string> advice;     ///< what to do about it; may be empty
  nlohmann::ordered_json data;         ///< for the page's scripts; infinities are "inf", NaN is null
};

/// Throws InputError if the configuration is not a JSON object.
ReportModel report_model(const AuditResults& results);
ReportModel volume_model(const VolumeResults& results);
ReportModel comparison_model(const Compared<AuditResults>& a, const Compared<AuditResults>& b);
ReportModel comparison_model(const Compared<VolumeResults>& a, const Compared<VolumeResults>& b);
ReportModel training_model(const TrainingRecord& record, const std::vector<PublishedComparison>& comparisons);
ReportModel ties_model(const TieResults& results);

}  // namespace gradzone
