#include "gradzone/exact/fast/settle.hpp"

#include <algorithm>

#include "gradzone/graph/window_walk.hpp"

namespace gradzone {
namespace {

template <class Values>
class Settler {
 public:
  Settler(BranchSearch& search, NodeId node, Index image, const Values& x, Index slot, Stage stage,
          TieOracle* oracle)
      : search_(search),
        node_(search.net.graph.node(node)),
        input_(node_.inputs[0]),
        image_(image),
        x_(x),
        base_(slot * x.extent().size()),
        stage_(stage),
        oracle_(oracle),
        ids_(search.structure[static_cast<std::size_t>(image)].ids(input_)),
        codes_(search.codes(node, image)),
        signs_(search.signs(node, image)),
        counts_(search.counts[static_cast<std::size_t>(image)]) {}

  bool settle(const Activation& op);
  bool settle(const MaxPool2d& op);
  bool settle(const NormPool2d& op);

 private:
  /// The side of a kink that entry i of the image lies on, if it can be told, and the stage that told it.
  Certain<int> side(Index i, double kink, Stage& stage) const;
  bool settle_maximum(const std::vector<WindowEntry>& entries, Index plane, std::span<std::uint8_t> codes,
                      std::int8_t& sign);
  std::int8_t sign_of_maximum(const std::vector<WindowEntry>& entries, Index plane,
                              std::span<const std::uint8_t> codes) const;
  bool is_zero(Index i) const {
    return search_.use_structure && ids_[static_cast<std::size_t>(i)] == ImageStructure::zero;
  }
  std::vector<WindowEntry> entries_of(const Window& window, Index output) const;
  Index plane_of(Index output) const;

  BranchSearch& search_;
  const Node& node_;
  const NodeId input_;
  const Index image_;
  const Values& x_;
  const Index base_;  ///< where the image's entries begin in x
  const Stage stage_;
  TieOracle* const oracle_;
  const std::vector<ImageStructure::Id>& ids_;
  const std::span<std::uint8_t> codes_;
  const std::span<std::int8_t> signs_;
  StageCounts& counts_;
};

template <class Values>
std::vector<WindowEntry> Settler<Values>::entries_of(const Window& window, Index output) const {
  const Shape& in = search_.net.graph.node(input_).shape;
  return window_entries(window, in[1], in[2], output / node_.shape[2] % node_.shape[1],
                        output % node_.shape[2]);
}

template <class Values>
Index Settler<Values>::plane_of(Index output) const {
  const Shape& in = search_.net.graph.node(input_).shape;
  return output / (node_.shape[1] * node_.shape[2]) * in[1] * in[2];
}

template <class Values>
Certain<int> Settler<Values>::side(Index i, double kink, Stage& stage) const {
  if (kink == 0 && is_zero(i)) {
    stage = &StageCounts::structure;
    return Certain<int>::known(0);
  }
  stage = stage_;
  const Certain<int> certain = compare(x_, base_ + i, kink);
  if (certain.is_known() || !oracle_) return certain;
  stage = oracle_->stage();
  return oracle_->equal_to(image_, input_, i, kink) == Equality::equal ? Certain<int>::known(0)
                                                                       : Certain<int>::unknown();
}

template <class Values>
bool Settler<Values>::settle(const Activation& op) {
  const PiecewiseLinear f = piecewise(op);
  bool all_known = true;
  for (std::size_t i = 0; i < codes_.size(); ++i) {
    if (codes_[i] != unknown_branch) continue;  // a coarser stage settled it
    Stage stage = stage_;
    std::uint8_t code = 0;
    for (const double kink : f.kinks) {
      const Certain<int> order = side(static_cast<Index>(i), kink, stage);
      if (!order.is_known()) {
        code = unknown_branch;
        break;
      }
      if (order.value() < 0) break;
      ++code;
      if (order.value() == 0) break;
      ++code;
    }
    codes_[i] = code;
    if (code == unknown_branch) {
      all_known = false;
    } else {
      ++(counts_.*stage);
    }
  }
  return all_known;
}

template <class Values>
bool Settler<Values>::settle(const MaxPool2d& op) {
  const Index size = op.window.kernel_h * op.window.kernel_w;
  bool all_known = true;
  for (Index output = 0; output < static_cast<Index>(signs_.size()); ++output) {
    const auto set = codes_.subspan(static_cast<std::size_t>(output * size), static_cast<std::size_t>(size));
    if (std::find(set.begin(), set.end(), unknown_branch) == set.end()) continue;
    const std::vector<WindowEntry> entries = entries_of(op.window, output);
    std::fill(set.begin(), set.end(), std::uint8_t{0});
    if (settle_maximum(entries, plane_of(output), set, signs_[static_cast<std::size_t>(output)])) continue;
    all_known = false;
    for (const WindowEntry& e : entries) set[static_cast<std::size_t>(e.position)] = unknown_branch;
  }
  return all_known;
}

/// Marks the entries that attain the maximum. The first entry with the largest midpoint is what the others
/// are compared with; every one of them must be proven equal to it or below it.
template <class Values>
bool Settler<Values>::settle_maximum(const std::vector<WindowEntry>& entries, Index plane,
                                     std::span<std::uint8_t> codes, std::int8_t& sign) {
  Index best = plane + entries.front().offset;
  for (const WindowEntry& e : entries) {
    if (midpoint_less(x_, base_ + best, base_ + plane + e.offset)) best = plane + e.offset;
  }
  Stage stage = stage_;
  for (const WindowEntry& e : entries) {
    const Index i = plane + e.offset;
    int order = 0;
    if (i != best && search_.use_structure &&
        ids_[static_cast<std::size_t>(i)] == ids_[static_cast<std::size_t>(best)]) {
      if (stage == stage_) stage = &StageCounts::structure;
    } else if (i != best) {
      const Certain<int> certain = compare(x_, base_ + i, base_ + best);
      if (certain.is_known()) {
        order = certain.value();
      } else if (oracle_ && oracle_->equal(image_, input_, i, best) == Equality::equal) {
        stage = oracle_->stage();
      } else {
        return false;
      }
    }
    codes[static_cast<std::size_t>(e.position)] = order == 0;
  }
  sign = sign_of_maximum(entries, plane, codes);
  const bool tied = std::count(codes.begin(), codes.end(), std::uint8_t{1}) > 1;
  if (sign == unknown_sign && tied) {
    if (!oracle_ || oracle_->equal_to(image_, input_, best, 0) != Equality::equal) return false;
    sign = 0;
  }
  ++(counts_.*stage);
  return true;
}

template <class Values>
std::int8_t Settler<Values>::sign_of_maximum(const std::vector<WindowEntry>& entries, Index plane,
                                             std::span<const std::uint8_t> codes) const {
  for (const WindowEntry& e : entries) {
    if (codes[static_cast<std::size_t>(e.position)] == 0) continue;
    if (is_zero(plane + e.offset)) return 0;
    const Certain<int> s = gradzone::sign(x_, base_ + plane + e.offset);
    if (s.is_known()) return static_cast<std::int8_t>(s.value());
  }
  return unknown_sign;
}

template <class Values>
bool Settler<Values>::settle(const NormPool2d& op) {
  bool all_known = true;
  for (Index output = 0; output < static_cast<Index>(codes_.size()); ++output) {
    std::uint8_t& code = codes_[static_cast<std::size_t>(output)];
    if (code != unknown_branch) continue;
    bool all_zero = true, doubt = false;
    Stage stage = stage_;
    for (const WindowEntry& e : entries_of(op.window, output)) {
      Stage here = stage_;
      const Certain<int> s = side(plane_of(output) + e.offset, 0, here);
      if (s.is_known() && here != stage_) stage = here;
      doubt = doubt || !s.is_known();
      all_zero = all_zero && !(s.is_known() && s.value() != 0);
      if (!all_zero) break;
    }
    if (all_zero && doubt) {
      all_known = false;
      continue;
    }
    code = all_zero;
    ++(counts_.*stage);
  }
  return all_known;
}

}  // namespace

template <class Values>
bool settle_branches(BranchSearch& search, NodeId node, Index image, const Values& x, Index slot, Stage stage,
                     TieOracle* oracle) {
  const Operation& op = search.net.graph.node(node).op;
  if (!has_kink(op)) return true;
  Settler<Values> settler(search, node, image, x, slot, stage, oracle);
  if (const auto* pool = std::get_if<MaxPool2d>(&op)) return settler.settle(*pool);
  if (const auto* pool = std::get_if<NormPool2d>(&op)) return settler.settle(*pool);
  return settler.settle(std::get<Activation>(op));
}

template bool settle_branches(BranchSearch&, NodeId, Index, const DoubleValues&, Index, Stage, TieOracle*);
template bool settle_branches(BranchSearch&, NodeId, Index, const FixedValues&, Index, Stage, TieOracle*);

}  // namespace gradzone
