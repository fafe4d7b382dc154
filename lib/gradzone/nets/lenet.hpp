// LeNet-5 as boustany2024 trains it on MNIST.
#pragma once

#include "gradzone/graph/graph.hpp"

namespace gradzone {

enum class Pooling { max, norm };

/// Input [1, 28, 28], ten logits, cross-entropy. Layers are named as the original's state_dict names them:
///   features.0 conv 1->6 k5    .1 relu  .2 max pool 2/2  [.3 batch norm]
///   features.4 conv 6->16 k5   .5 relu  .6 max pool 2/2  [.7 batch norm]   flatten (256)
///   classifier.0 linear 256->120  .1 relu  [.2 batch norm]
///   classifier.3 linear 120->84   .4 relu  [.5 batch norm]   classifier.6 linear 84->10
/// Without batch norm the bracketed places hold an identity in the original, so the numbers do not close up.
/// The graph is called "lenet5" or "lenet5-bn"; `mode` matters only with batch norm.
/// With Pooling::norm the two pools take the Euclidean norm of a window (boustany2024, norm pooling), and the
/// name is "lenet5-normpool" or "lenet5-normpool-bn".
Graph lenet5(bool batch_norm, BatchNorm::Mode mode, Pooling pooling = Pooling::max);

}  // namespace gradzone
