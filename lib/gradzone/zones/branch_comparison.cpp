#include "gradzone/zones/branch_comparison.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "gradzone/zones/kink_codes.hpp"
#include "gradzone/zones/receptive_field.hpp"

namespace gradzone {

Site compare(const Operation& op, Codes floats, Codes reals) {
  if (is_unknown(reals)) return Site::none;
  const bool float_tie = is_tie(op, floats), real_tie = is_tie(op, reals);
  if (!float_tie && !real_tie) return Site::none;
  if (std::equal(floats.begin(), floats.end(), reals.begin())) return Site::same;
  if (!std::holds_alternative<MaxPool2d>(op)) return float_tie ? Site::false_tie : Site::lost_tie;
  const auto has_extra = [](Codes a, Codes b) {
    for (std::size_t i = 0; i < a.size(); ++i) {
      if (a[i] == 1 && b[i] == 0) return true;
    }
    return false;
  };
  if (float_tie && has_extra(floats, reals)) return Site::false_tie;
  return real_tie && has_extra(reals, floats) ? Site::lost_tie : Site::none;
}

namespace {

void count_tie(std::int8_t sign, Index& positive, Index& zero, Index& negative) {
  if (sign == unknown_sign) return;
  ++(sign > 0 ? positive : sign < 0 ? negative : zero);
}

}  // namespace

std::vector<BranchRecord> branch_records(const Graph& graph, const std::vector<LayerBranches>& floats,
                                         const std::vector<LayerBranches>& reals) {
  std::vector<BranchRecord> out;
  for (std::size_t l = 0; l < floats.size(); ++l) {
    const Node& node = graph.node(floats[l].node);
    const Index size = codes_per_kink(node.op);
    BranchRecord record;
    record.layer = node.name;
    record.op = operation_name(node.op);
    record.windows = static_cast<Index>(floats[l].codes.size()) / size;
    const bool is_pool = std::holds_alternative<MaxPool2d>(node.op);
    for (Index k = 0; k < record.windows; ++k) {
      const Codes f = codes_of(floats[l], k, size), r = codes_of(reals[l], k, size);
      record.unknown += is_unknown(r);
      const Site site = compare(node.op, f, r);
      record.false_ties += site == Site::false_tie;
      record.lost_ties += site == Site::lost_tie;
      if (!is_pool) {
        record.float_zeros += is_tie(node.op, f);
        record.real_zeros += is_tie(node.op, r);
        continue;
      }
      const auto at = static_cast<std::size_t>(k);
      if (is_tie(node.op, f)) {
        count_tie(floats[l].signs[at], record.float_ties_positive, record.float_ties_zero,
                  record.float_ties_negative);
      }
      if (!is_unknown(r) && is_tie(node.op, r)) {
        count_tie(reals[l].signs[at], record.real_ties_positive, record.real_ties_zero,
                  record.real_ties_negative);
      }
    }
    out.push_back(std::move(record));
  }
  return out;
}

namespace {

/// Whether the choices differ at this kink. A rule per kink for activations, one for pools.
bool choices_differ(const Operation& op, const std::vector<KinkRule>& rules, Codes floats, Codes reals) {
  if (!std::holds_alternative<Activation>(op)) return !rules[0].agree;
  const std::uint8_t code = is_tie(op, floats) ? floats[0] : reals[0];
  return code != unknown_branch && code % 2 == 1 && !rules[code / 2u].agree;
}

}  // namespace

Cause branch_cause(const Graph& graph, const std::vector<std::vector<KinkRule>>& rules,
                   const std::vector<FloatRun>& runs, const std::vector<LayerBranches>& reals) {
  std::optional<Cause> rounding;
  for (std::size_t l = 0; l < reals.size(); ++l) {
    const Node& node = graph.node(reals[l].node);
    const Index size = codes_per_kink(node.op);
    std::array<bool, 4> seen{};
    for (const FloatRun& run : runs) {
      const Tensor<double>& derivative = run.output_gradients[l];
      for (Index k = 0; k < derivative.size(); ++k) {
        if (derivative[k] == 0) continue;
        const Codes f = codes_of(run.branches[l], k, size), r = codes_of(reals[l], k, size);
        if (!choices_differ(node.op, rules[static_cast<std::size_t>(reals[l].node)], f, r)) continue;
        seen[static_cast<std::size_t>(compare(node.op, f, r))] = true;
      }
    }
    if (seen[static_cast<std::size_t>(Site::false_tie)]) return {"false tie", node.name};
    if (seen[static_cast<std::size_t>(Site::lost_tie)]) return {"lost tie", node.name};
    if (seen[static_cast<std::size_t>(Site::same)] && !rounding) rounding = Cause{"rounding", node.name};
  }
  return rounding.value_or(Cause{"rounding", ""});
}

namespace {

TieWindow describe(const Graph& graph, NodeId id, Index kink, Codes members, Site site, std::int8_t sign) {
  const Node& node = graph.node(id);
  const Index channels = node.shape[0], h = node.shape[1], w = node.shape[2];
  TieWindow tie;
  tie.layer = node.name;
  tie.image = kink / (channels * h * w);
  tie.channel = kink / (h * w) % channels;
  tie.row = kink / w % h;
  tie.column = kink % w;
  tie.kind = site == Site::false_tie  ? TieWindow::Kind::false_tie
             : site == Site::lost_tie ? TieWindow::Kind::lost_tie
                                      : TieWindow::Kind::real_and_float;
  tie.positive = sign > 0;
  for (std::size_t i = 0; i < members.size(); ++i) {
    if (members[i] == 1) tie.members.push_back(static_cast<int>(i));
  }
  const ReceptiveField field = receptive_field(graph, id, tie.row, tie.column);
  tie.sees = field.sees;
  tie.core = field.core;
  return tie;
}

}  // namespace

std::vector<TieWindow> tie_windows(const Graph& graph, const std::vector<LayerBranches>& floats,
                                   const std::vector<LayerBranches>& reals, std::size_t limit) {
  std::array<std::vector<TieWindow>, 3> by_interest;
  for (std::size_t l = 0; l < floats.size(); ++l) {
    const Node& node = graph.node(floats[l].node);
    if (!std::holds_alternative<MaxPool2d>(node.op)) continue;
    const Index size = codes_per_kink(node.op);
    for (Index k = 0; k < static_cast<Index>(floats[l].signs.size()); ++k) {
      const Codes f = codes_of(floats[l], k, size), r = codes_of(reals[l], k, size);
      const Site site = compare(node.op, f, r);
      if (site == Site::none) continue;
      const std::int8_t sign = floats[l].signs[static_cast<std::size_t>(k)];
      auto& list = by_interest[site != Site::same ? 0 : sign != 0 ? 1 : 2];
      if (list.size() < limit) {
        list.push_back(describe(graph, floats[l].node, k, site == Site::lost_tie ? r : f, site, sign));
      }
    }
  }
  std::vector<TieWindow> out;
  for (auto& list : by_interest) {
    for (TieWindow& tie : list) {
      if (out.size() < limit) out.push_back(std::move(tie));
    }
  }
  return out;
}

}  // namespace gradzone
