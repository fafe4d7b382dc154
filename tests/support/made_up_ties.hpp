// Ties that nobody computed: every kind of them, for tests of the page that shows them.
#pragma once

#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "gradzone/study/tie_study.hpp"

namespace gradzone::tests {

/// One tie of each class in turn along the windows of a layer, `ties` of them.
inline LayerTies made_up_layer(const std::string& name, Index channels, Index rows, Index columns,
                               Index ties) {
  LayerTies layer;
  layer.layer = name;
  layer.op = "max_pool2d";
  layer.channels = channels;
  layer.rows = rows;
  layer.columns = columns;
  layer.field = {{0, 0, 6, 6}, {2, 2, 4, 4}};
  layer.outputs.assign(static_cast<std::size_t>(layer.windows()), 0.5);
  layer.outputs[0] = -0.25;
  constexpr TieKind kinds[] = {TieKind::real,      TieKind::real,     TieKind::real,
                               TieKind::false_tie, TieKind::lost_tie, TieKind::undecided};
  constexpr TieExpressions why[] = {TieExpressions::constant,  TieExpressions::equal,
                                    TieExpressions::different, TieExpressions::none,
                                    TieExpressions::none,      TieExpressions::none};
  for (Index k = 0; k < ties; ++k) {
    Tie tie;
    tie.channel = k / (rows * columns);
    tie.row = k / columns % rows;
    tie.column = k % columns;
    tie.kind = kinds[k % 6];
    tie.expressions = why[k % 6];
    tie.float_sign = tie.real_sign = 1;
    tie.reached = k % 2 == 0;
    tie.in_floats = tie.kind != TieKind::lost_tie;
    tie.over_reals = tie.kind == TieKind::real || tie.kind == TieKind::lost_tie;
    tie.float_members = tie.in_floats ? std::vector<int>{0, 3} : std::vector<int>{0};
    tie.real_members = tie.over_reals ? std::vector<int>{0, 3} : std::vector<int>{0};
    if (tie.kind == TieKind::undecided) tie.real_members.clear();
    tie.entries = {0.1328125, 0.125, std::numeric_limits<double>::quiet_NaN(), 0.1328125};
    layer.ties.push_back(std::move(tie));
  }
  return layer;
}

/// Points of `samples` images in two formats, with two layers that `hostile` is part of the names of.
inline TieResults made_up_ties(Index samples, const std::string& hostile = "", bool with_image = true) {
  TieResults results;
  results.configuration = R"({"model": "lenet5:net", "data": "mnist:data", "choices": "native,minimal"})";
  for (Index s = 0; s < samples; ++s) {
    for (const char* format : {"fp32/chain", "fp16/chain"}) {
      TiePoint point;
      point.sample = 10 + s;
      point.label = static_cast<int>(s % 10);
      point.point.format = format;
      point.point.zone = Zone::compensation;
      point.point.cause = "false tie";
      point.point.cause_layer = "features.2" + hostile;
      point.point.proof = "structure";
      point.layers = {made_up_layer("features.2" + hostile, 40, 12, 12, 700),
                      made_up_layer("features.6" + hostile, 3, 2, 2, 5)};
      results.points.push_back(std::move(point));
    }
    Thumbnail image;
    if (with_image) image = {1, 28, 28, std::vector<std::uint8_t>(28 * 28, 60)};
    results.images.push_back(std::move(image));
  }
  return results;
}

}  // namespace gradzone::tests
