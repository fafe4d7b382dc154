#include "gradzone/zones/tie_list.hpp"

#include <algorithm>
#include <limits>
#include <optional>

#include "gradzone/exact/fast/structure.hpp"
#include "gradzone/graph/window_walk.hpp"
#include "gradzone/zones/kink_codes.hpp"

namespace gradzone {
namespace {

bool can_tie(const Operation& op) {
  return std::holds_alternative<MaxPool2d>(op) || std::holds_alternative<NormPool2d>(op);
}

std::vector<int> members_of(Codes codes) {
  std::vector<int> out;
  for (std::size_t i = 0; i < codes.size(); ++i) {
    if (codes[i] == 1) out.push_back(static_cast<int>(i));
  }
  return out;
}

/// Goes through the network once, with the structure of the image beside it.
class TieLister {
 public:
  explicit TieLister(const TieInput& input) : in_(input), structure_(input.graph, input.rules) {}

  std::vector<LayerTies> run() {
    std::vector<LayerTies> out;
    std::size_t kink = 0;
    for (NodeId id = 0; id <= in_.graph.output(); ++id) {
      const Node& node = in_.graph.node(id);
      Codes codes;
      if (has_kink(node.op)) {
        codes = in_.reals[kink].codes;
        if (can_tie(node.op)) out.push_back(layer(id, kink));
        ++kink;
      }
      // Behind a branch that stayed open nothing is known to be the same expression.
      followed_ = followed_ && !is_unknown(codes);
      if (followed_) structure_.advance(id, codes, in_.batch.x.data, {});
    }
    return out;
  }

 private:
  LayerTies layer(NodeId id, std::size_t kink) const {
    const Node& node = in_.graph.node(id);
    LayerTies out;
    out.node = id;
    out.layer = node.name;
    out.op = operation_name(node.op);
    out.channels = node.shape[0];
    out.rows = node.shape[1];
    out.columns = node.shape[2];
    out.choices_differ = !in_.rules[static_cast<std::size_t>(id)][0].agree;
    out.outputs = in_.values[static_cast<std::size_t>(id)].data;
    out.field = receptive_field(in_.graph, id, 0, 0);
    for (Index k = 0; k < out.windows(); ++k) {
      if (auto tie = tie_at(id, kink, k)) out.ties.push_back(std::move(*tie));
    }
    return out;
  }

  std::optional<Tie> tie_at(NodeId id, std::size_t kink, Index k) const {
    const Node& node = in_.graph.node(id);
    const LayerBranches &floats = in_.runs[0].branches[kink], &reals = in_.reals[kink];
    const Index size = codes_per_kink(node.op);
    const Codes f = codes_of(floats, k, size), r = codes_of(reals, k, size);
    const bool undecided = is_unknown(r);
    Tie tie;
    tie.in_floats = is_tie(node.op, f);
    tie.over_reals = !undecided && is_tie(node.op, r);
    if (!tie.in_floats && !tie.over_reals) return std::nullopt;
    const Site site = compare(node.op, f, r);
    tie.kind = undecided                 ? TieKind::undecided
               : site == Site::false_tie ? TieKind::false_tie
               : site == Site::lost_tie  ? TieKind::lost_tie
                                         : TieKind::real;
    const Index area = node.shape[1] * node.shape[2];
    tie.channel = k / area;
    tie.row = k % area / node.shape[2];
    tie.column = k % node.shape[2];
    tie.reached = std::any_of(in_.runs.begin(), in_.runs.end(),
                              [&](const FloatRun& run) { return run.output_gradients[kink][k] != 0; });
    describe_entries(node, tie);
    if (std::holds_alternative<MaxPool2d>(node.op)) {
      tie.float_sign = floats.signs[static_cast<std::size_t>(k)];
      tie.real_sign = reals.signs[static_cast<std::size_t>(k)];
      tie.float_members = members_of(f);
      if (!undecided) tie.real_members = members_of(r);
    }
    if (tie.over_reals && followed_) tie.expressions = expressions_of(node, tie);
    return tie;
  }

  std::vector<WindowEntry> entries_of(const Node& node, const Tie& tie) const {
    const Shape& x = in_.graph.node(node.inputs[0]).shape;
    return window_entries(*pooling_window(node.op), x[1], x[2], tie.row, tie.column);
  }
  Index plane_of(const Node& node, const Tie& tie) const {
    const Shape& x = in_.graph.node(node.inputs[0]).shape;
    return tie.channel * x[1] * x[2];
  }

  void describe_entries(const Node& node, Tie& tie) const {
    const Window& window = *pooling_window(node.op);
    const Tensor<double>& x = in_.values[static_cast<std::size_t>(node.inputs[0])];
    tie.entries.assign(static_cast<std::size_t>(window.kernel_h * window.kernel_w),
                       std::numeric_limits<double>::quiet_NaN());
    for (const WindowEntry& e : entries_of(node, tie))
      tie.entries[static_cast<std::size_t>(e.position)] = x[plane_of(node, tie) + e.offset];
  }

  TieExpressions expressions_of(const Node& node, const Tie& tie) const {
    const NodeId x = node.inputs[0];
    const bool is_norm = std::holds_alternative<NormPool2d>(node.op);
    const auto is_member = [&](Index position) {
      return is_norm || std::find(tie.real_members.begin(), tie.real_members.end(),
                                  static_cast<int>(position)) != tie.real_members.end();
    };
    bool constant = true, same = !is_norm;
    std::optional<ImageStructure::Id> first;
    for (const WindowEntry& e : entries_of(node, tie)) {
      if (!is_member(e.position)) continue;
      const Index i = plane_of(node, tie) + e.offset;
      const ImageStructure::Id id = structure_.ids(x)[static_cast<std::size_t>(i)];
      constant = constant && structure_.derivative_vanishes(x, i);
      same = same && id == first.value_or(id);
      first = id;
    }
    return constant ? TieExpressions::constant : same ? TieExpressions::equal : TieExpressions::different;
  }

  const TieInput& in_;
  ImageStructure structure_;
  bool followed_ = true;  ///< structure_ holds every node so far
};

}  // namespace

const char* name(TieKind kind) {
  switch (kind) {
    case TieKind::real:
      return "real tie";
    case TieKind::false_tie:
      return "false tie";
    case TieKind::lost_tie:
      return "lost tie";
    case TieKind::undecided:
      break;
  }
  return "undecided";
}

const char* name(TieExpressions expressions) {
  switch (expressions) {
    case TieExpressions::none:
      break;
    case TieExpressions::constant:
      return "constant";
    case TieExpressions::equal:
      return "equal";
    case TieExpressions::different:
      return "different";
  }
  return "";
}

PixelBox LayerTies::core(Index row, Index column) const {
  const PixelBox& first = field.core;
  const Index step_x = first.x1 - first.x0, step_y = first.y1 - first.y0;
  return {first.x0 + column * step_x, first.y0 + row * step_y, first.x1 + column * step_x,
          first.y1 + row * step_y};
}

std::vector<LayerTies> list_ties(const TieInput& input) {
  return TieLister(input).run();
}

std::vector<std::string> tying_layers(const Graph& graph) {
  std::vector<std::string> out;
  for (const Node& node : graph.nodes()) {
    if (can_tie(node.op)) out.push_back(node.name);
  }
  return out;
}

}  // namespace gradzone
