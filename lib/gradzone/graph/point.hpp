// Parameters and Point: the exact numbers an audit looks at. Everything is held in binary64, which holds
// every value of every storage format exactly.
#pragma once

#include <string>
#include <vector>

#include "gradzone/arith/format.hpp"
#include "gradzone/base/tensor.hpp"
#include "gradzone/graph/graph.hpp"

namespace gradzone {

/// One tensor per Graph::parameters() entry, same order and shapes.
using Parameters = std::vector<Tensor<double>>;

/// Throws InputError naming the tensor if a shape differs from the graph's or a value is not finite.
void validate(const Graph& graph, const Parameters& parameters);

/// Every value rounded to nearest even into the storage format: the theta of a point in that format
/// (zones.md, section 1). Overflow gives infinities, which the audit reports as non-finite.
Parameters round_to_format(const Parameters& parameters, FormatId format);

/// A mini-batch: x is [N, c, h, w] or [N, features], labels has N entries in [0, classes) (empty for
/// Loss::output).
struct MiniBatch {
  Tensor<double> x;
  std::vector<int> labels;
  Index size() const { return x.shape.empty() ? 0 : x.shape[0]; }
};

MiniBatch round_to_format(const MiniBatch& batch, FormatId format);

/// Throws InputError if the batch does not fit the graph or holds NaN or infinity.
void validate(const Graph& graph, const MiniBatch& batch);

}  // namespace gradzone
