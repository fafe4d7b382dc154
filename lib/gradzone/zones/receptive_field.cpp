#include "gradzone/zones/receptive_field.hpp"

#include <utility>

namespace gradzone {
namespace {

/// The rectangle of input pixels behind a rectangle of a node's output, back through the first input of each
/// layer.
PixelBox receptive_box(const Graph& graph, NodeId id, PixelBox box) {
  while (id != 0) {
    const Node& node = graph.node(id);
    const auto* conv = std::get_if<Conv2d>(&node.op);
    const Window* w = conv ? &conv->window : pooling_window(node.op);
    if (w) {
      box = {box.x0 * w->stride_w - w->padding_w, box.y0 * w->stride_h - w->padding_h,
             (box.x1 - 1) * w->stride_w - w->padding_w + w->kernel_w,
             (box.y1 - 1) * w->stride_h - w->padding_h + w->kernel_h};
    } else if (node.shape.size() != 3) {
      return {};
    }
    id = node.inputs[0];
  }
  return graph.input_shape().size() == 3 ? box : PixelBox{};
}

/// How many input pixels one step of a node's output spans.
std::pair<Index, Index> cumulative_stride(const Graph& graph, NodeId id) {
  const PixelBox here = receptive_box(graph, id, {0, 0, 1, 1}), next = receptive_box(graph, id, {1, 1, 2, 2});
  return {next.x0 - here.x0, next.y0 - here.y0};
}

}  // namespace

ReceptiveField receptive_field(const Graph& graph, NodeId id, Index row, Index column) {
  ReceptiveField out;
  out.sees = receptive_box(graph, id, {column, row, column + 1, row + 1});
  const auto [step_x, step_y] = cumulative_stride(graph, id);
  out.core.x0 = (out.sees.x0 + out.sees.x1 - step_x) / 2;
  out.core.y0 = (out.sees.y0 + out.sees.y1 - step_y) / 2;
  out.core.x1 = out.core.x0 + step_x;
  out.core.y1 = out.core.y0 + step_y;
  return out;
}

}  // namespace gradzone
