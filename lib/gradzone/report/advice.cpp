// What follows from the verdicts for whoever trains the network: only what is proven, or what a cause means.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "gradzone/report/sections.hpp"

namespace gradzone::report_sections {
namespace {

struct Advice {
  const char* key;    ///< a zone, or a cause of compensation
  const char* title;  ///< in the plural
  const char* text;
};

/// In the order in which they matter.
constexpr Advice all_advice[] = {
    {"bifurcation", "Bifurcations",
     "the choices differ over the real numbers already, and no format or summation order changes that. Fix "
     "the choice at the kinks and report it with the results."},
    {"undecided", "Undecided points",
     "no proof was found, so nothing is claimed of them. More precision may decide them."},
    {"non-finite", "Infinities and NaNs",
     "the range of the format ended. A format with a larger range or another loss scale may avoid them; "
     "until then another choice does not repair these gradients."},
    {"cancellation", "Cancellation",
     "the composed form of the hybrid cancels. Program it in its direct form (--form direct)."},
    {"false tie", "False ties",
     "the choice matters only because rounding made ties or zeros that the reals do not have; over the reals "
     "all compared choices give one and the same gradient. Another summation order or a wider format may "
     "remove them; name format, order and choice with the results."},
    {"lost tie", "Lost ties",
     "rounding broke ties or zeros of the reals, at which all compared choices give one and the same "
     "gradient. Another summation order or a wider format may keep them; name format, order and choice with "
     "the results."},
    {"rounding", "Rounding",
     "floats and reals take the same branches, only sums and products are rounded differently. No choice "
     "is to be preferred for it; compare such gradients with a tolerance, not bit for bit."},
};

std::string key_of(const PointRecord& point) {
  return point.zone == Zone::compensation ? point.cause : name(point.zone);
}

/// "fp16 at features.2", "fp16 mostly at features.2", or "fp16" where there is no layer; empty without a
/// point.
std::string place(const Verdicts& verdicts, const std::string& key) {
  std::map<std::string, Index> layers;
  Index points = 0;
  for (const PointRecord& point : verdicts.records) {
    if (key_of(point) != key) continue;
    ++points;
    if (!point.cause_layer.empty()) ++layers[point.cause_layer];
  }
  if (points == 0) return "";
  const std::string format = short_name(verdicts.format);
  if (layers.empty()) return format;
  const auto most = std::ranges::max_element(layers, {}, [](const auto& entry) { return entry.second; });
  return fmt::format("{} {}at {}", format, layers.size() == 1 ? "" : "mostly ", most->first);
}

}  // namespace

std::vector<std::string> advice(const std::vector<Verdicts>& formats) {
  std::vector<std::string> out;
  Index points = 0;
  for (const Verdicts& verdicts : formats) points += static_cast<Index>(verdicts.records.size());
  for (const Advice& a : all_advice) {
    std::string places;
    for (const Verdicts& verdicts : formats) {
      const std::string at = place(verdicts, a.key);
      if (!at.empty()) places += (places.empty() ? "" : "; ") + at;
    }
    if (!places.empty()) out.push_back(fmt::format("{} ({}): {}", a.title, places, a.text));
  }
  if (out.empty() && points > 0)
    out.emplace_back("Nothing: at every proven point the choices agree, over the reals and in floats.");
  return out;
}

}  // namespace gradzone::report_sections
