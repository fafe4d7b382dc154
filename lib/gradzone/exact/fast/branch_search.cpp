#include "gradzone/exact/fast/branch_search.hpp"

#include <algorithm>

namespace gradzone {
namespace {

Index codes_per_output(const Operation& op) {
  const auto* pool = std::get_if<MaxPool2d>(&op);
  return pool ? pool->window.kernel_h * pool->window.kernel_w : 1;
}

}  // namespace

BranchSearch::BranchSearch(const FastNetwork& n, const MiniBatch& b,
                           const std::vector<std::vector<KinkRule>>& rules, bool structure_proves)
    : net(n), batch(b), use_structure(structure_proves) {
  const std::size_t images = static_cast<std::size_t>(batch.size());
  for (std::size_t i = 0; i < net.graph.nodes().size(); ++i) {
    const Node& node = net.graph.nodes()[i];
    if (!has_kink(node.op)) continue;
    const std::size_t outputs = images * static_cast<std::size_t>(element_count(node.shape));
    LayerBranches& layer = branches.emplace_back();
    layer.node = static_cast<NodeId>(i);
    layer.codes.assign(outputs * static_cast<std::size_t>(codes_per_output(node.op)), unknown_branch);
    if (std::holds_alternative<MaxPool2d>(node.op)) layer.signs.assign(outputs, unknown_sign);
  }
  for (std::size_t i = 0; i < images; ++i) structure.emplace_back(net.graph, rules);
  next.assign(images, 0);
  counts.resize(images);
}

std::vector<Index> BranchSearch::unsettled_images() const {
  std::vector<Index> out;
  for (Index n = 0; n < batch.size(); ++n) {
    if (!settled(n)) out.push_back(n);
  }
  return out;
}

std::span<std::uint8_t> BranchSearch::codes(NodeId node, Index image) {
  auto& all = branches[static_cast<std::size_t>(net.kink_index[static_cast<std::size_t>(node)])].codes;
  const std::size_t size = all.size() / static_cast<std::size_t>(batch.size());
  return std::span(all).subspan(static_cast<std::size_t>(image) * size, size);
}

std::span<const std::uint8_t> BranchSearch::codes(NodeId node, Index image) const {
  return const_cast<BranchSearch*>(this)->codes(node, image);
}

std::span<std::int8_t> BranchSearch::signs(NodeId node, Index image) {
  auto& all = branches[static_cast<std::size_t>(net.kink_index[static_cast<std::size_t>(node)])].signs;
  const std::size_t size = all.size() / static_cast<std::size_t>(batch.size());
  return std::span(all).subspan(static_cast<std::size_t>(image) * size, size);  // empty but for max pools
}

void BranchSearch::advance(NodeId node, Index image, const std::vector<std::uint8_t>& dependent_channels) {
  const std::size_t n = static_cast<std::size_t>(image);
  const std::size_t pixels = batch.x.data.size() / static_cast<std::size_t>(batch.size());
  const bool kink = net.kink_index[static_cast<std::size_t>(node)] >= 0;
  structure[n].advance(node, kink ? codes(node, image) : std::span<std::uint8_t>{},
                       std::span(batch.x.data).subspan(n * pixels, pixels), dependent_channels);
  for (const NodeId input : net.graph.node(node).inputs) {
    if (net.last_use[static_cast<std::size_t>(input)] == node) structure[n].release(input);
  }
  next[n] = node + 1;
}

bool BranchSearch::choice_free(Index image) const {
  const ImageStructure& s = structure[static_cast<std::size_t>(image)];
  const Index classes = element_count(net.graph.nodes().back().shape);
  for (Index k = 0; k < classes; ++k) {
    if (!s.choice_free(net.graph.output(), k)) return false;
  }
  return true;
}

StageCounts BranchSearch::total() const {
  StageCounts out;
  for (const StageCounts& c : counts) out += c;
  return out;
}

}  // namespace gradzone
