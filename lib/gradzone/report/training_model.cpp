#include "gradzone/report/model.hpp"
#include "gradzone/report/training_sections.hpp"

namespace gradzone {

ReportModel training_model(const TrainingRecord& record,
                           const std::vector<PublishedComparison>& comparisons) {
  using namespace report_sections;
  const Json configuration = parse_configuration(record.results.configuration);
  const std::vector<TrainingCurve> curves = curves_of(record.trace);
  ReportModel model;
  model.title = network_and_data(configuration);
  model.headlines = training_headlines(record, curves);
  model.meaning = training_meaning(comparisons);
  model.data["configurations"] = configurations_of(record, curves, comparisons);
  model.data["compared"] = !comparisons.empty();
  model.data["zones"] = zones_over_steps(record, curves);
  model.data["times"] = times_of(record, curves);
  model.data["provenance"] = provenance(configuration);
  return model;
}

}  // namespace gradzone
