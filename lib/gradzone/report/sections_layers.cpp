// Branches by layer, and correct bits by tensor.
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <tuple>

#include "gradzone/report/sections.hpp"

namespace gradzone::report_sections {
namespace {

constexpr int exact = 17;  ///< digits that every double reads back from

struct BranchSum {
  std::string layer, op;
  Index points = 0, windows = 0, real_ties = 0, float_ties = 0, real_ties_zero = 0, float_ties_zero = 0;
  Index false_ties = 0, lost_ties = 0, real_zeros = 0, float_zeros = 0, unknown = 0;

  void add(const BranchRecord& record) {
    ++points;
    windows += record.windows;
    real_ties += record.real_ties_positive + record.real_ties_negative;
    float_ties += record.float_ties_positive + record.float_ties_negative;
    real_ties_zero += record.real_ties_zero;
    float_ties_zero += record.float_ties_zero;
    false_ties += record.false_ties;
    lost_ties += record.lost_ties;
    real_zeros += record.real_zeros;
    float_zeros += record.float_zeros;
    unknown += record.unknown;
  }
};

/// The gradient errors of one format, choice and tensor over all points.
struct BitsOverPoints {
  std::vector<double> medians;  ///< the finite and infinite ones: NaN says that a figure may not be quoted
  double worst = std::numeric_limits<double>::quiet_NaN();
  double ulp = std::numeric_limits<double>::quiet_NaN();
  double sign = 0, flushed = 0, overflow = 0;
  Index entries = 0;

  void add(const GradientRecord& record) {
    if (!std::isnan(record.bits_median)) medians.push_back(record.bits_median);
    worst = std::fmin(worst, record.bits_worst_1_percent);
    ulp = std::fmax(ulp, record.ulp_error_max);
    const auto weight = static_cast<double>(record.entries);
    sign += weight * record.wrong_sign_share;
    flushed += weight * record.flushed_share;
    overflow += weight * record.overflow_share;
    entries += record.entries;
  }

  double median() {
    if (medians.empty()) return std::numeric_limits<double>::quiet_NaN();
    const auto middle = medians.begin() + static_cast<std::ptrdiff_t>((medians.size() - 1) / 2);
    std::nth_element(medians.begin(), middle, medians.end());
    return *middle;
  }
};

}  // namespace

Json branches_of(const FormatPoints& format) {
  std::vector<BranchSum> layers;  // in the order of the records, which is forward order
  for (const PointResult* result : format.points) {
    for (const BranchRecord& record : result->branches) {
      auto at = std::find_if(layers.begin(), layers.end(),
                             [&](const BranchSum& sum) { return sum.layer == record.layer; });
      if (at == layers.end()) at = layers.insert(at, BranchSum{.layer = record.layer, .op = record.op});
      at->add(record);
    }
  }
  Json list = Json::array();
  for (const BranchSum& sum : layers) {
    list.push_back({{"layer", sum.layer},
                    {"op", sum.op},
                    {"points", sum.points},
                    {"windows", sum.windows},
                    {"real_ties", sum.real_ties},
                    {"float_ties", sum.float_ties},
                    {"real_ties_zero", sum.real_ties_zero},
                    {"float_ties_zero", sum.float_ties_zero},
                    {"false_ties", sum.false_ties},
                    {"lost_ties", sum.lost_ties},
                    {"real_zeros", sum.real_zeros},
                    {"float_zeros", sum.float_zeros},
                    {"unknown", sum.unknown}});
  }
  return list;
}

Json bits_of(const std::vector<FormatPoints>& formats) {
  Json list = Json::array();
  for (const FormatPoints& format : formats) {
    std::vector<std::pair<std::string, std::string>> order;  // choice and tensor, as the records list them
    std::map<std::pair<std::string, std::string>, BitsOverPoints> sums;
    for (const PointResult* result : format.points) {
      for (const GradientRecord& record : result->gradients) {
        const auto [at, is_new] = sums.try_emplace({record.choice, record.tensor});
        if (is_new) order.push_back(at->first);
        at->second.add(record);
      }
    }
    std::stable_partition(order.begin(), order.end(), [](const auto& key) { return key.second == "*"; });
    for (const auto& key : order) {
      BitsOverPoints& sum = sums.at(key);
      const auto entries = static_cast<double>(std::max<Index>(1, sum.entries));
      list.push_back({{"format", format.format},
                      {"choice", key.first},
                      {"tensor", key.second},
                      {"median", rounded(sum.median(), exact)},
                      {"worst", rounded(sum.worst, exact)},
                      {"ulp", rounded(sum.ulp, exact)},
                      {"sign", sum.sign / entries},
                      {"flushed", sum.flushed / entries},
                      {"overflow", sum.overflow / entries}});
    }
  }
  return list;
}

}  // namespace gradzone::report_sections
