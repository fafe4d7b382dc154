#include "gradzone/study/volume_options.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "gradzone/base/error.hpp"
#include "gradzone/base/text.hpp"
#include "gradzone/zones/census.hpp"

namespace gradzone {
namespace {

template <class Number>
std::optional<Number> parse_whole(std::string_view text) {
  Number value{};
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

constexpr std::string_view tau_prefix = "tau=";

}  // namespace

bool HitRule::is_hit(const FloatDifference& difference) const {
  switch (kind) {
    case Kind::any:
      return difference.inf != 0;
    case Kind::first_layer:
      return difference.first != 0;
    case Kind::tau:
      break;
  }
  return difference.stat_inf > tau;
}

std::string HitRule::text() const {
  switch (kind) {
    case Kind::any:
      return "any";
    case Kind::first_layer:
      return "first-layer";
    case Kind::tau:
      break;
  }
  return fmt::format("{}{}", tau_prefix, tau);
}

HitRule HitRule::parse(std::string_view text) {
  if (text == "any") return {Kind::any, 0};
  if (text == "first-layer") return {Kind::first_layer, 0};
  if (text.starts_with(tau_prefix)) {
    const auto tau = parse_whole<double>(text.substr(tau_prefix.size()));
    if (tau && std::isfinite(*tau) && *tau >= 0) return {Kind::tau, *tau};
  }
  throw UsageError(fmt::format(
      "--hit {}: write any, first-layer, or tau=T with a number T that is not negative (tau=1e-7)", text));
}

std::string CertificateRule::text() const {
  switch (kind) {
    case Kind::none:
      return "none";
    case Kind::hits:
      return "hits";
    case Kind::all:
      return "all";
    case Kind::sample:
      break;
  }
  return fmt::format("{}", sample);
}

CertificateRule CertificateRule::parse(std::string_view text) {
  if (text == "none") return {Kind::none, 0};
  if (text == "hits") return {Kind::hits, 0};
  if (text == "all") return {Kind::all, 0};
  const auto sample = parse_whole<Index>(text);
  if (sample && *sample > 0) return {Kind::sample, *sample};
  throw UsageError(fmt::format(
      "--certify {}: write none, hits, all, or how many mini-batches of each initialisation", text));
}

std::vector<Format> cross_formats(std::string_view formats, std::string_view orders) {
  std::string crossed;
  const auto add = [&](const std::string& format) { crossed += (crossed.empty() ? "" : ",") + format; };
  for (const std::string_view format : split(formats, ',')) {
    if (format.find('/') != std::string_view::npos || parse_format(format).order == Order::tensor_cores) {
      add(std::string(format));
    } else {
      for (const std::string_view order : split(orders, ',')) add(fmt::format("{}/{}", format, order));
    }
  }
  return parse_formats(crossed);
}

std::optional<Index> settled_after(const std::vector<bool>& hits, double width) {
  Index count = 0, n = 0;
  for (const bool hit : hits) {
    count += hit;
    ++n;
    const Interval interval = clopper_pearson_95(count, n);
    if (interval.high - interval.low <= width) return n;
  }
  return std::nullopt;
}

}  // namespace gradzone
