// DenseNet-121 on 32x32 images, as boustany2024 trains it: max pool 2/2 in the stem.
#pragma once

#include "gradzone/graph/graph.hpp"

namespace gradzone {

/// Input [3, 32, 32], ten logits, cross-entropy; called "densenet121" or "densenet121-bn". Stem 7x7 stride 2
/// padding 3, max pool 2/2; blocks of 6, 12, 24, 16 layers, each [batch norm,] ReLU, 1x1 convolution to 128,
/// [batch norm,] ReLU, 3x3 convolution to the growth of 32, concatenated; transitions halve the channels and
/// average 2x2; names are those of torchvision's state_dict (features.conv0, features.norm0,
/// features.denseblock1.denselayer1.norm1, features.transition1.conv, features.norm5, classifier). Without
/// batch norm its places hold identities, that is, nothing.
Graph densenet121(bool batch_norm, BatchNorm::Mode mode);

}  // namespace gradzone
