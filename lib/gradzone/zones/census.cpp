#include "gradzone/zones/census.hpp"

#include <fmt/format.h>

#include <boost/math/special_functions/beta.hpp>
#include <charconv>

namespace gradzone {
namespace {

constexpr double tail = 0.025;

/// Plain doubles throughout: Boost would otherwise compute in long double, which differs between machines.
using Policy = boost::math::policies::policy<boost::math::policies::promote_double<false>>;

double beta_quantile(Index a, Index b, double p) {
  return boost::math::ibeta_inv(static_cast<double>(a), static_cast<double>(b), p, Policy());
}

double round_to_6_digits(double x) {
  const std::string text = fmt::format("{:.5e}", x);
  double rounded = 0;
  std::from_chars(text.data(), text.data() + text.size(), rounded);
  return rounded;
}

}  // namespace

Interval clopper_pearson_95(Index k, Index n) {
  Interval interval;
  if (k > 0) interval.low = round_to_6_digits(beta_quantile(k, n - k + 1, tail));
  if (k < n) interval.high = round_to_6_digits(beta_quantile(k + 1, n - k, 1 - tail));
  return interval;
}

Frequency frequency(Index count, Index of) {
  return {count, of > 0 ? static_cast<double>(count) / static_cast<double>(of) : 0.0,
          clopper_pearson_95(count, of)};
}

Census take_census(std::span<const PointRecord> points) {
  Census census;
  census.points = static_cast<Index>(points.size());
  for (const PointRecord& point : points) {
    ++census.zones[static_cast<std::size_t>(point.zone)].count;
    if (!point.cause.empty()) {
      ++census.causes[point.cause];
      ++census.cause_layers[point.cause][point.cause_layer];
    }
    if (!point.proof.empty()) ++census.proofs[point.proof.substr(0, point.proof.find('('))];
    census.stages += point.stages;
    if (point.zone == Zone::bifurcation) {
      ++(point.float_sees ? census.bifurcations_seen : census.bifurcations_hidden);
    }
  }
  for (Frequency& zone : census.zones) zone = frequency(zone.count, census.points);
  return census;
}

namespace {

/// 1234567 as "1,234,567".
std::string with_commas(Index count) {
  std::string digits = std::to_string(count);
  for (std::size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, ",");
  return digits;
}

}  // namespace

std::string stages_text(const StageCounts& s) {
  const std::pair<const char*, Index> stages[] = {{"filter", s.filter},       {"structure", s.structure},
                                                  {"multiword", s.multiword}, {"residue", s.residue},
                                                  {"exact", s.exact},         {"mpfr", s.mpfr}};
  std::string out;
  for (const auto& [name, count] : stages) {
    if (count > 0) out += fmt::format("{} by {}, ", with_commas(count), name);
  }
  return out + fmt::format("{} undecided", with_commas(s.undecided));
}

}  // namespace gradzone
