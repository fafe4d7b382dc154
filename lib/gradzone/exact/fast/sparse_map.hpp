// SparseMap: the linear maps between entries that activations and pools are once their branches are known:
// every output is a short sum of weighted inputs of its own channel.
#pragma once

#include <span>
#include <vector>

#include "gradzone/eval/float_evaluator.hpp"
#include "gradzone/exact/fast/fixed_values.hpp"
#include "gradzone/graph/operations.hpp"

namespace gradzone {

struct SparseMap {
  struct Term {
    Index source;
    int weight;  ///< index into weights
  };
  Shape shape;               ///< of the output; images are those of the input
  std::vector<Index> first;  ///< terms of output i: [first[i], first[i + 1])
  std::vector<Term> terms;
  std::vector<MpfrInterval> weights;  ///< weights[0] is 1
  double largest_weight = 1;          ///< bound of their absolute values

  SparseMap() { weights.push_back(MpfrInterval::exactly(1)); }
  explicit SparseMap(Shape s) : SparseMap() { shape = std::move(s); }

  /// Adds a weight to the table; its index.
  int append(const MpfrInterval& value);
  /// The index of this weight, added if it is not there.
  int weight(const MpfrInterval& value);
  int weight(double value) { return weight(MpfrInterval::exactly(value)); }

  /// Whether every output is one input unchanged, or 0.
  bool selects() const;
};

/// y = scale[c] x in channel c.
SparseMap channel_map(const Shape& shape, const std::vector<MpfrInterval>& scale);

/// How the pixels of the output see those of the input: the same pixel, the pixels of a window, or the
/// outputs of the windows that cover it.
struct PixelRule {
  enum class Kind { same, window, covering } kind = Kind::same;
  Window window;
};

/// y_i = sum over the terms of weight * x[source].
FixedValues apply(const SparseMap& map, const FixedValues& x, const PixelRule& rule, int limbs);

/// The bound of the 2-norm at each output pixel, given those of the input (one unit per image, kept): with at
/// most T terms a map's norm is at most sqrt(T) * largest weight times the norm over the pixels seen.
std::vector<double> mapped_norms(const std::vector<double>& pixel, const Extent& x, const Extent& y,
                                 const PixelRule& rule, double largest_weight, Index most_terms);

}  // namespace gradzone
