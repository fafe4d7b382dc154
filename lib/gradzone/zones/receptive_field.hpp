// Which pixels of the input a pooling window looks at.
#pragma once

#include "gradzone/graph/graph.hpp"
#include "gradzone/zones/record.hpp"

namespace gradzone {

/// Boxes in pixels; both empty when the input is not a picture.
struct ReceptiveField {
  PixelBox sees;  ///< every pixel that the output depends on; may stick out into the padding
  PixelBox core;  ///< its middle, as large as the layer's cumulative stride: cores of neighbours touch
};

/// Of the output at (row, column) of a node whose output is [c, h, w], back through the first input of each
/// layer.
ReceptiveField receptive_field(const Graph& graph, NodeId id, Index row, Index column);

}  // namespace gradzone
