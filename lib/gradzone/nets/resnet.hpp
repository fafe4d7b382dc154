// ResNet, as boustany2024 trains it: max pool 2/2 in the stem whatever its size.
#pragma once

#include "gradzone/graph/graph.hpp"

namespace gradzone {

/// The first layers of a ResNet.
enum class Stem {
  cifar,     ///< input [3, 32, 32], ten classes: 3x3 convolution, stride 1, padding 1
  imagenet,  ///< input [3, 224, 224], a thousand classes: 7x7 convolution, stride 2, padding 3
};

/// `depth` is 18 or 34 (basic blocks) or 50 (bottlenecks, stride in the 3x3 convolution). Called "resnet18",
/// "resnet18-bn", "resnet18-imagenet", "resnet18-imagenet-bn". Names are those of torchvision's state_dict:
/// conv1, bn1, layer1.0.conv1, layer1.0.bn1, layer2.0.downsample.0, downsample.1, fc; convolutions have no
/// bias. Without batch norm its places hold identities, that is, nothing. Throws UsageError for another
/// depth.
Graph resnet(int depth, Stem stem, bool batch_norm, BatchNorm::Mode mode);

}  // namespace gradzone
