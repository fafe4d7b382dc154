// VGG for CIFAR-10, as boustany2024 trains it.
#pragma once

#include "gradzone/graph/graph.hpp"

namespace gradzone {

/// Input [3, 32, 32], ten logits, cross-entropy. `depth` is 9, 11, 13, 16 or 19; called "vgg11" or
/// "vgg11-bn". One nn.Sequential called features: 3x3 convolutions with padding 1 and a bias, each followed
/// by [batch norm,] ReLU, and a 2x2 max pool after each of five blocks of widths 64, 128, 256, 512, 512; its
/// layers are numbered through ("features.0" conv, "features.1" batch norm or ReLU, ...). Then the linear
/// layer "classifier" 512 -> 10, which stands for the original's three. Convolutions per block: 9: 1 1 2 1 1
/// (counted like the others, convolutions plus three; the paper does not list it), 11: 1 1 2 2 2, 13: 2 2 2 2
/// 2, 16: 2 2 3 3 3, 19: 2 2 4 4 4. Throws UsageError for another depth.
Graph vgg(int depth, bool batch_norm, BatchNorm::Mode mode);

}  // namespace gradzone
