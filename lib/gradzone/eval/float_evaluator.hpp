// FloatEvaluator: what the float program of a format returns at a point: loss, gradient, and every branch it
// took.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "gradzone/arith/format.hpp"
#include "gradzone/choice/choice.hpp"
#include "gradzone/eval/backend.hpp"
#include "gradzone/graph/graph.hpp"
#include "gradzone/graph/point.hpp"

namespace gradzone {

/// The branches of one layer with a kink; the same structure serves the float and the real evaluation.
///   max pool    codes: for each output and window position, 1 if the entry attains the maximum (padding 0);
///               signs: of each output's maximum (-1, 0, 1)
///   activation  codes: for each entry, 2 * segment, plus 1 if exactly on the kink above that segment
///   norm pool   codes: for each output, 1 if the window is zero
/// `unknown_branch` marks what the real evaluation could not decide.
struct LayerBranches {
  NodeId node = 0;
  std::vector<std::uint8_t> codes;
  std::vector<std::int8_t> signs;
};
inline constexpr std::uint8_t unknown_branch = 255;
inline constexpr std::int8_t unknown_sign = 2;

/// Gradients are per Graph::parameters() entry (empty tensors for those that are not trainable); all values
/// are storage values of the format, held exactly in binary64.
struct FloatRun {
  double loss = 0;
  Tensor<double> logits;
  std::vector<Tensor<double>> gradient;
  Tensor<double> input_gradient;
  std::vector<LayerBranches> branches;           ///< one per node with a kink, in node order
  std::vector<Tensor<double>> output_gradients;  ///< dL/d(output) of those nodes, same order
  /// The layer where the first infinity or NaN appears: forward in layer order, else the loss (named "loss"),
  /// else backward from the output; empty if every value is finite.
  std::string non_finite_layer;
};

class FloatEvaluator {
 public:
  virtual ~FloatEvaluator() = default;
  /// Forward and backward at a mini-batch. The point's numbers are rounded to the storage format first (exact
  /// if they already are). Gradients of an output used by several layers are added in decreasing order of the
  /// using layer, each sum rounded to storage. Thread-safe.
  virtual FloatRun run(const MiniBatch& batch, const Choice& choice, Form form) const = 0;
};

/// `graph` must outlive the evaluator. Parameters are rounded to the storage format. Scalars (eps, slopes,
/// beta) are rounded as the format sees them. Throws UsageError for an order that the backend does not have.
std::unique_ptr<FloatEvaluator> make_float_evaluator(const Graph& graph, const Parameters& parameters,
                                                     Format format, const Backend& backend = Backend::cpu);

}  // namespace gradzone
