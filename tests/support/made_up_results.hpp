// Results of an audit that never ran, for the tests of what reads results: every zone, cause and kind of tie,
// a picture, infinities and figures that may not be quoted. A function of its arguments alone.
#pragma once

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "gradzone/io/results.hpp"

namespace gradzone::tests {

inline PointResult made_up_point(Index index, const std::string& format,
                                 const std::string& layer = "features.2") {
  PointResult result;
  PointRecord& point = result.point;
  point.point = index;
  point.first = index;
  point.format = format;
  point.form = "direct";
  point.choices = "native,minimal";
  point.label = std::to_string(index % 10);
  point.predicted = static_cast<int>(index % 10);
  point.bits_used = 128;
  const double size =
      std::ldexp(1.0 + 0.01 * static_cast<double>(index % 50), -static_cast<int>(20 + index % 7));
  switch (index % 8) {
    case 0:
      point.zone = Zone::regular;
      point.proof = "branches";
      break;
    case 1:
      point.zone = Zone::bifurcation;
      point.proof = "enclosure";
      point.witness = "features.0.weight[12]";
      point.delta_real_lower = size;
      point.delta_real_upper = 2 * size;
      break;
    case 2:
      point.delta_real_upper = size;
      break;
    default:
      constexpr const char* causes[] = {"rounding", "false tie", "lost tie", "cancellation", "non-finite"};
      point.zone = Zone::compensation;
      point.proof = "structure";
      point.cause = causes[index % 8 - 3];
      point.cause_layer = layer;
  }
  const bool is_infinite = point.cause == "non-finite";
  point.float_sees = point.zone != Zone::regular;
  if (point.float_sees) {
    const double difference = is_infinite ? std::numeric_limits<double>::infinity() : size;
    point.delta_float_inf = difference;
    point.delta_float_l1 = point.stat_l1 = 40 * difference;
    point.stat_inf = 3 * difference;
  }

  BranchRecord branch;
  branch.point = index;
  branch.format = format;
  branch.layer = layer;
  branch.op = "max_pool2d";
  branch.windows = 864;
  branch.real_ties_positive = 120;
  branch.real_ties_zero = 7;
  branch.float_ties_positive = 121;
  branch.float_ties_zero = 7;
  branch.false_ties = 2;
  branch.lost_ties = 1;
  result.branches.push_back(branch);

  for (const char* choice : {"native", "minimal"}) {
    for (const char* tensor : {"*", "features.0.weight"}) {
      GradientRecord gradient;
      gradient.point = index;
      gradient.format = format;
      gradient.choice = choice;
      gradient.tensor = tensor;
      gradient.entries = 150;
      gradient.ulp_error_max = 3.5;
      gradient.bits_median = index % 3 == 0 ? std::numeric_limits<double>::quiet_NaN() : 20.5;
      gradient.bits_worst_1_percent = 11.25;
      gradient.wrong_sign_share = 0.01;
      result.gradients.push_back(gradient);
    }
  }

  result.image = {1, 12, 12, std::vector<std::uint8_t>(144, 40)};
  for (int k = 0; k < 3; ++k) {
    TieWindow tie;
    tie.layer = layer;
    tie.row = tie.column = k;
    tie.kind = static_cast<TieWindow::Kind>(k);
    tie.positive = true;
    tie.members = {0, 1};
    tie.sees = {4 * k - 1, 4 * k - 1, 4 * k + 5, 4 * k + 5};
    tie.core = {4 * k + 1, 4 * k + 1, 4 * k + 3, 4 * k + 3};
    result.ties.push_back(tie);
  }
  return result;
}

inline AuditResults made_up_results(Index points, const std::vector<std::string>& formats,
                                    const std::string& layer = "features.2") {
  AuditResults results;
  results.configuration =
      R"({"command":"gradzone audit --model lenet5:net.safetensors --data mnist:data --out out","seed":17,)"
      R"("versions":{"gradzone":"0.1.0","mpfr":"4.2.0"},"model":"lenet5:net.safetensors","data":"mnist:data",)"
      R"("formats":["fp32/chain"],"form":"direct"})";
  for (const std::string& format : formats) {
    for (Index i = 0; i < points; ++i) results.points.push_back(made_up_point(i, format, layer));
  }
  return results;
}

}  // namespace gradzone::tests
