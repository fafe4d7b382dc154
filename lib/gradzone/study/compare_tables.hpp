// Tables and sentences of compared gradients.
#pragma once

#include <string>

#include "gradzone/study/compare_study.hpp"

namespace gradzone {

/// compare.csv: a row a point and tensor ("*" is the whole gradient).
std::string compare_csv(const CompareResults& results);
/// points.csv: a row a point; the columns of an audit's points.csv and the judgement.
std::string compare_points_csv(const CompareResults& results);
/// summary.json: the configuration, counts of zones, judgements and choices, and each point in short.
std::string compare_json(const CompareResults& results);

/// Points, tensors and answers added up.
struct CompareCounts {
  Index points = 0;
  std::map<std::string, Index> zones, judgements, answers;
  Index wide_tensors = 0;  ///< of formats that have so many bits at all
  Index good_tensors = 0;  ///< of these, with at least fifteen correct bits at the median entry
};
CompareCounts count(const CompareResults& results);

/// The tensors of a point, one line each.
std::string tensor_table(const ComparedPoint& point);
/// "a.safetensors (image 17) in fp32: wrong: fc.weight (scaled by 1.0100). It is native. Zone bifurcation,
/// witness ..."
std::string compare_sentence(const ComparedPoint& point, const std::vector<Choice>& choices);
/// The counts in a few lines.
std::string counts_text(const CompareCounts& counts);

}  // namespace gradzone
