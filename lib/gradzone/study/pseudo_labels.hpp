// Labels of images that have none: the network's own answers.
#pragma once

#include <string_view>

#include "gradzone/data/dataset.hpp"
#include "gradzone/graph/graph.hpp"
#include "gradzone/graph/point.hpp"

namespace gradzone {

/// For people and for the configurations of studies.
inline constexpr std::string_view pseudo_labels_text = "pseudo (argmax of the network in fp64/chain)";

/// `data` as it is if it has labels. Otherwise mini-batches get, for each image, the first largest of the
/// logits that the network has for this image alone: computed in fp64/chain, native, batch norms with their
/// running statistics, whatever format, order and mode is audited, so that all of them look at the same
/// point. An image is looked at once, when a mini-batch holds it first.
Dataset with_pseudo_labels(const Dataset& data, const Graph& graph, const Parameters& parameters);

}  // namespace gradzone
