#include "gradzone/study/tie_tables.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "gradzone/base/text.hpp"
#include "gradzone/io/csv.hpp"
#include "gradzone/io/json.hpp"

namespace gradzone {
namespace {

void count_sign(std::int8_t sign, Index& positive, Index& zero, Index& negative) {
  if (sign == unknown_sign) return;
  ++(sign > 0 ? positive : sign < 0 ? negative : zero);
}

const char* sign_name(std::int8_t sign) {
  return sign == unknown_sign ? "unknown" : sign > 0 ? "positive" : sign < 0 ? "negative" : "zero";
}

/// "0.5 0.5 - 0.25": "-" for padding.
std::string entries_text(const std::vector<double>& entries) {
  std::string out;
  for (const double x : entries) {
    if (!out.empty()) out += ' ';
    out += std::isnan(x) ? "-" : fmt::format("{}", x);
  }
  return out;
}

Json counts_json(const TieCounts& c) {
  return {{"windows", c.windows},   {"ties", c.ties},      {"real", c.real},
          {"false", c.false_ties},  {"lost", c.lost_ties}, {"undecided", c.undecided},
          {"constant", c.constant}, {"equal", c.equal},    {"different", c.different},
          {"reached", c.reached}};
}

/// "fp16/pairwise"; in the composed form, where each choice has a forward pass of its own, "fp16, composed,
/// native": whose ties are listed.
std::string program_name(const PointRecord& point) {
  const std::string& full = point.format;
  const std::string format = full.ends_with("/chain") ? full.substr(0, full.size() - 6) : full;
  if (point.form != name(Form::composed)) return format;
  return fmt::format("{}, {}, {}", format, point.form, split(point.choices, ',').front());
}

std::string zone_clause(const PointRecord& point) {
  std::string out = fmt::format("Zone {}", name(point.zone));
  if (!point.cause.empty()) out += ", cause " + point.cause;
  if (!point.cause_layer.empty()) out += ", first at " + point.cause_layer;
  if (!point.witness.empty()) out += ", witness " + point.witness;
  return out + ".";
}

}  // namespace

TieClass class_of(const Tie& tie) {
  switch (tie.kind) {
    case TieKind::false_tie:
      return TieClass::false_tie;
    case TieKind::lost_tie:
      return TieClass::lost_tie;
    case TieKind::undecided:
      return TieClass::undecided;
    case TieKind::real:
      break;
  }
  return tie.expressions == TieExpressions::constant ? TieClass::constant
         : tie.expressions == TieExpressions::equal  ? TieClass::equal
                                                     : TieClass::different;
}

void TieCounts::add(const Tie& tie) {
  ++ties;
  real += tie.kind == TieKind::real;
  false_ties += tie.kind == TieKind::false_tie;
  lost_ties += tie.kind == TieKind::lost_tie;
  undecided += tie.kind == TieKind::undecided;
  constant += tie.expressions == TieExpressions::constant;
  equal += tie.expressions == TieExpressions::equal;
  different += tie.expressions == TieExpressions::different;
  reached += tie.reached;
  if (tie.in_floats) count_sign(tie.float_sign, float_positive, float_zero, float_negative);
  if (tie.over_reals) count_sign(tie.real_sign, real_positive, real_zero, real_negative);
  ++by_class[static_cast<std::size_t>(class_of(tie))];
}

TieCounts& TieCounts::operator+=(const LayerTies& layer) {
  windows += layer.windows();
  for (const Tie& tie : layer.ties) add(tie);
  return *this;
}

TieCounts count_ties(const LayerTies& layer) {
  TieCounts out;
  out += layer;
  return out;
}

std::string ties_csv(const TieResults& results) {
  CsvWriter out;
  out.row("sample", "label", "format", "layer", "channel", "row", "column", "kind", "expressions",
          "float_sign", "real_sign", "reached", "float_members", "real_members", "entries", "x0", "y0", "x1",
          "y1");
  for (const TiePoint& p : results.points)
    for (const LayerTies& layer : p.layers)
      for (const Tie& tie : layer.ties) {
        const PixelBox core = layer.core(tie.row, tie.column);
        out.row(p.sample, p.label, p.point.format, layer.layer, tie.channel, tie.row, tie.column,
                name(tie.kind), name(tie.expressions), sign_name(tie.float_sign), sign_name(tie.real_sign),
                tie.reached, fmt::format("{}", fmt::join(tie.float_members, " ")),
                fmt::format("{}", fmt::join(tie.real_members, " ")), entries_text(tie.entries), core.x0,
                core.y0, core.x1, core.y1);
      }
  return out.take();
}

std::string tie_layers_csv(const TieResults& results) {
  CsvWriter out;
  out.row("sample", "label", "format", "zone", "cause", "cause_layer", "layer", "op", "channels", "rows",
          "columns", "windows", "choices_differ", "real_ties", "false_ties", "lost_ties", "undecided",
          "constant", "equal", "different", "reached", "float_ties_positive", "float_ties_zero",
          "float_ties_negative", "real_ties_positive", "real_ties_zero", "real_ties_negative");
  for (const TiePoint& p : results.points)
    for (const LayerTies& layer : p.layers) {
      const TieCounts c = count_ties(layer);
      out.row(p.sample, p.label, p.point.format, name(p.point.zone), p.point.cause, p.point.cause_layer,
              layer.layer, layer.op, layer.channels, layer.rows, layer.columns, c.windows,
              layer.choices_differ, c.real, c.false_ties, c.lost_ties, c.undecided, c.constant, c.equal,
              c.different, c.reached, c.float_positive, c.float_zero, c.float_negative, c.real_positive,
              c.real_zero, c.real_negative);
    }
  return out.take();
}

std::string ties_json(const TieResults& results) {
  Json out = Json::parse(results.configuration);
  out["points"] = Json::array();
  for (const TiePoint& p : results.points) {
    Json layers = Json::array();
    for (const LayerTies& layer : p.layers) {
      Json entry{{"layer", layer.layer}, {"op", layer.op}, {"choices_differ", layer.choices_differ}};
      entry.update(counts_json(count_ties(layer)));
      layers.push_back(std::move(entry));
    }
    out["points"].push_back({{"sample", p.sample},
                             {"label", p.label},
                             {"predicted", p.point.predicted},
                             {"format", p.point.format},
                             {"zone", name(p.point.zone)},
                             {"cause", p.point.cause},
                             {"cause_layer", p.point.cause_layer},
                             {"proof", p.point.proof},
                             {"witness", p.point.witness},
                             {"says", tie_sentence(p)},
                             {"layers", std::move(layers)}});
  }
  return write_json(out);
}

std::string tie_sentence(const TiePoint& point) {
  TieCounts counts;
  for (const LayerTies& layer : point.layers) counts += layer;
  std::string out =
      fmt::format("Image {} (label {}) in {}: ", point.sample, point.label, program_name(point.point));
  if (counts.ties == 0)
    return out + fmt::format("none of {} windows ties. {}", counts.windows, zone_clause(point.point));
  constexpr const char* words[] = {"among constants that pass no derivative",
                                   "between equal patches",
                                   "between different patches",
                                   "falsely",
                                   "lost",
                                   "undecided"};
  std::vector<std::string> parts;
  for (const TieClass c : all_tie_classes) {
    const auto at = static_cast<std::size_t>(c);
    if (counts.by_class[at] > 0) parts.push_back(fmt::format("{} {}", counts.by_class[at], words[at]));
  }
  return out + fmt::format("{} of {} windows tie: {}. {}", counts.ties, counts.windows,
                           fmt::join(parts, ", "), zone_clause(point.point));
}

}  // namespace gradzone
