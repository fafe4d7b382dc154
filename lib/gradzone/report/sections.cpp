#include "gradzone/report/sections.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>

#include "gradzone/arith/formats.hpp"
#include "gradzone/base/error.hpp"
#include "gradzone/zones/census.hpp"

namespace gradzone::report_sections {
namespace {

/// A JSON value as people read it: "a, b" for a list, plain text for a string.
std::string readable(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_array()) return value.dump();
  std::string text;
  for (const Json& item : value) text += (text.empty() ? "" : ", ") + readable(item);
  return text;
}

void flatten(const std::string& prefix, const Json& object, Json& list) {
  for (const auto& [key, value] : object.items()) {
    if (value.is_object()) {
      flatten(prefix + key + ".", value, list);
    } else {
      list.push_back(Json::array({prefix + key, readable(value)}));
    }
  }
}

}  // namespace

std::vector<FormatPoints> by_format(const AuditResults& results) {
  std::vector<FormatPoints> formats;
  for (const PointResult& result : results.points) {
    auto at = std::find_if(formats.begin(), formats.end(),
                           [&](const FormatPoints& f) { return f.format == result.point.format; });
    if (at == formats.end()) at = formats.insert(at, FormatPoints{result.point.format, {}, {}});
    at->points.push_back(&result);
    at->records.push_back(result.point);
  }
  return formats;
}

std::string short_name(const std::string& format) {
  constexpr std::string_view suffix = "/chain";
  return format.ends_with(suffix) ? format.substr(0, format.size() - suffix.size()) : format;
}

int precision_of(const std::string& format) {
  return visit_format(parse_format(format).id, [](auto traits) { return decltype(traits)::type::precision; });
}

Json rounded(double x, int digits) {
  if (std::isnan(x)) return nullptr;
  if (std::isinf(x)) return "inf";
  return std::strtod(fmt::format("{:.{}g}", x, digits).c_str(), nullptr);
}

Json parse_configuration(const std::string& text) {
  Json configuration = Json::parse(text, nullptr, false);
  if (!configuration.is_object())
    throw InputError(
        "report: the stored configuration is not a JSON object: its file is damaged; run the "
        "command that wrote it again");
  return configuration;
}

std::string network_and_data(const Json& configuration, const char* network) {
  const auto text_at = [&](const char* key) {
    const auto at = configuration.find(key);
    return at != configuration.end() && at->is_string() ? at->get<std::string>() : "";
  };
  const std::string model = text_at(network), data = text_at("data");
  if (model.empty() || data.empty()) return model;
  return model + " on " + data + (text_at("labels").empty() ? "" : ", labelled by the network itself");
}

Json provenance(const Json& configuration) {
  constexpr std::array first{"command", "model", "network", "data",  "labels", "formats",
                             "form",    "forms", "choices", "betas", "seed"};
  Json list = Json::array(), rest = configuration;
  for (const char* key : first) {
    if (!rest.contains(key)) continue;
    flatten("", Json{{key, rest[key]}}, list);
    rest.erase(key);
  }
  flatten("", rest, list);
  return list;
}

Json evidence(const std::vector<FormatPoints>& formats) {
  Json list = Json::array();
  for (const FormatPoints& format : formats) {
    StageCounts stages;
    std::array<Index, std::size(all_zones)> samples{};
    for (const PointResult* result : format.points) {
      stages += result->point.stages;
      for (const SampleRecord& sample : result->samples) ++samples[static_cast<std::size_t>(sample.zone)];
    }
    list.push_back(
        Json::array({fmt::format("branches settled, {}", short_name(format.format)), stages_text(stages)}));
    std::string zones;
    for (const Zone zone : all_zones) {
      const Index count = samples[static_cast<std::size_t>(zone)];
      if (count > 0) zones += fmt::format("{}{} {}", zones.empty() ? "" : ", ", count, name(zone));
    }
    if (!zones.empty())
      list.push_back(
          Json::array({fmt::format("samples in the mini-batches, {}", short_name(format.format)), zones}));
  }
  return list;
}

}  // namespace gradzone::report_sections
