// The page of ties: the verdict of each point, and per layer what ties where.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <numeric>

#include "gradzone/base/text.hpp"
#include "gradzone/report/escape.hpp"
#include "gradzone/report/model.hpp"
#include "gradzone/report/picture.hpp"
#include "gradzone/report/sections.hpp"
#include "gradzone/study/tie_tables.hpp"

namespace gradzone {
namespace {

using report_sections::Json;
using report_sections::rounded;

constexpr std::size_t most_bytes = 12u << 20;  // of feature maps with their windows, in all pictures together
constexpr std::size_t most_channels = 24;      // of one layer

Json box(const PixelBox& b) {
  return {b.x0, b.y0, b.x1, b.y1};
}

Json counts_of(const TieCounts& counts) {
  Json out = Json::array();
  for (const Index n : counts.by_class) out.push_back(n);
  return out;
}

/// Per class that is there: how many channels tie at each output, 16 bits each, little-endian, row-major.
Json places_of(const LayerTies& layer) {
  std::map<std::size_t, std::vector<std::uint8_t>> grids;
  for (const Tie& tie : layer.ties) {
    auto& grid = grids[static_cast<std::size_t>(class_of(tie))];
    grid.resize(static_cast<std::size_t>(2 * layer.rows * layer.columns));
    const auto at = static_cast<std::size_t>(2 * (tie.row * layer.columns + tie.column));
    if (++grid[at] == 0) ++grid[at + 1];
  }
  Json out = Json::object();
  for (const auto& [c, grid] : grids) out[std::to_string(c)] = base64(grid);
  return out;
}

/// [row, column, class, reached, float members, real members (null: the same), value, expressions]: one value
/// where all members have it, else the entries of the window.
Json window_of(const Tie& tie) {
  const bool same = tie.kind == TieKind::real;
  Json value = nullptr;
  if (same && !tie.float_members.empty()) {
    value = rounded(tie.entries[static_cast<std::size_t>(tie.float_members[0])], 17);
  } else {
    value = Json::array();
    for (const double x : tie.entries) value.push_back(rounded(x, 17));
  }
  return {tie.row,          tie.column,           static_cast<int>(class_of(tie)),
          tie.reached,      tie.float_members,    same ? Json() : Json(tie.real_members),
          std::move(value), name(tie.expressions)};
}

struct Range {
  double low = 0, high = 0;
};

Range range_of(const std::vector<double>& values) {
  Range out{HUGE_VAL, -HUGE_VAL};
  for (const double x : values) {
    if (!std::isfinite(x)) continue;
    out.low = std::min(out.low, x);
    out.high = std::max(out.high, x);
  }
  return out.low <= out.high ? out : Range{};
}

/// The outputs of a channel as 8-bit greys between the layer's least and largest.
std::string greys(const LayerTies& layer, Index channel, const Range& range) {
  const auto area = static_cast<std::size_t>(layer.rows * layer.columns);
  std::vector<std::uint8_t> out(area, 0);
  for (std::size_t i = 0; i < area; ++i) {
    const double x = layer.outputs[static_cast<std::size_t>(channel) * area + i];
    const double share = range.high > range.low ? (x - range.low) / (range.high - range.low) : 0;
    out[i] = std::isnan(share) ? 0 : static_cast<std::uint8_t>(std::lround(255 * std::clamp(share, 0., 1.)));
  }
  return base64(out);
}

/// Channels with their ties; the constants, which are mostly zeros left by ReLU, weigh least in the order.
std::vector<std::pair<Index, std::vector<const Tie*>>> by_interest(const LayerTies& layer) {
  std::vector<std::pair<Index, std::vector<const Tie*>>> channels(static_cast<std::size_t>(layer.channels));
  for (Index c = 0; c < layer.channels; ++c) channels[static_cast<std::size_t>(c)].first = c;
  for (const Tie& tie : layer.ties) channels[static_cast<std::size_t>(tie.channel)].second.push_back(&tie);
  const auto interest = [](const auto& channel) {
    const auto constant = std::ranges::count_if(
        channel.second, [](const Tie* tie) { return class_of(*tie) == TieClass::constant; });
    const auto all = static_cast<std::ptrdiff_t>(channel.second.size());
    return std::pair(constant - all, -all);
  };
  std::ranges::stable_sort(channels, {}, interest);
  return channels;
}

Json channels_of(const LayerTies& layer, const Range& range, std::size_t bytes) {
  Json out = Json::array();
  std::size_t used = 0;
  for (const auto& [channel, ties] : by_interest(layer)) {
    if (out.size() == most_channels) break;
    TieCounts counts;
    Json windows = Json::array();
    for (const Tie* tie : ties) {
      counts.add(*tie);
      windows.push_back(window_of(*tie));
    }
    Json entry{{"channel", channel},
               {"counts", counts_of(counts)},
               {"map", greys(layer, channel, range)},
               {"windows", std::move(windows)}};
    used += entry.dump().size();
    if (used > bytes) break;
    out.push_back(std::move(entry));
  }
  return out;
}

Json layer_of(const LayerTies& layer, std::size_t bytes) {
  const TieCounts counts = count_ties(layer);
  const Range range = range_of(layer.outputs);
  return {{"ties", counts.ties},
          {"counts", counts_of(counts)},
          {"reached", counts.reached},
          {"places", places_of(layer)},
          {"low", rounded(range.low)},
          {"high", rounded(range.high)},
          {"channels", channels_of(layer, range, bytes)}};
}

Json point_of(const TiePoint& p, std::size_t bytes) {
  Json layers = Json::array();
  for (const LayerTies& layer : p.layers) layers.push_back(layer_of(layer, bytes));
  return {{"sample", p.sample},
          {"label", p.label},
          {"predicted", p.point.predicted},
          {"format", p.point.format},
          {"zone", name(p.point.zone)},
          {"cause", p.point.cause},
          {"cause_layer", p.point.cause_layer},
          {"proof", p.point.proof},
          {"witness", p.point.witness},
          {"delta_real_lower", rounded(p.point.delta_real_lower)},
          {"delta_real_upper", rounded(p.point.delta_real_upper)},
          {"delta_float_inf", rounded(p.point.delta_float_inf)},
          {"layers", std::move(layers)}};
}

Json shapes_of(const std::vector<LayerTies>& layers) {
  Json out = Json::array();
  for (const LayerTies& layer : layers) {
    out.push_back({{"name", layer.layer},
                   {"op", layer.op},
                   {"channels", layer.channels},
                   {"rows", layer.rows},
                   {"columns", layer.columns},
                   {"windows", layer.windows()},
                   {"choices_differ", layer.choices_differ},
                   {"sees", box(layer.field.sees)},
                   {"core", box(layer.field.core)}});
  }
  return out;
}

std::string meaning() {
  return "A pooling window ties where several of its entries are the maximum. A tie that is there over the "
         "real numbers is harmless among constants (zeros that ReLU leaves) and between equal patches: every "
         "choice gives the same gradient. Between different patches it can make the gradient a matter of "
         "choice. False and lost ties are made by rounding.";
}

}  // namespace

ReportModel ties_model(const TieResults& results) {
  const Json configuration = report_sections::parse_configuration(results.configuration);
  ReportModel model;
  model.title = report_sections::network_and_data(configuration, "model");
  for (const TiePoint& p : results.points) {
    // The page's first words are of the first image; its buttons lead to the others.
    if (p.sample == results.points[0].sample) model.headlines.push_back(tie_sentence(p));
  }
  model.meaning = meaning();
  Json& data = model.data;
  data["form"] = configuration.value("form", "");
  data["first_choice"] = split(configuration.value("choices", ""), ',').front();
  data["layers"] = results.points.empty() ? Json::array() : shapes_of(results.points[0].layers);
  data["images"] = Json::array();
  for (const Thumbnail& image : results.images) data["images"].push_back(report_sections::picture(image));
  const std::size_t views = results.points.size() * std::max<std::size_t>(1, data["layers"].size());
  data["points"] = Json::array();
  for (const TiePoint& p : results.points)
    data["points"].push_back(point_of(p, most_bytes / std::max<std::size_t>(1, views)));
  data["provenance"] = report_sections::provenance(configuration);
  return model;
}

}  // namespace gradzone
