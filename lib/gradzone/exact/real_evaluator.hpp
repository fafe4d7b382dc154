// RealEvaluator: what the reals say of a set of choices at a point, whichever engine finds it out.
#pragma once

#include <memory>

#include "gradzone/exact/reference_evaluator.hpp"

namespace gradzone {

class RealEvaluator {
 public:
  virtual ~RealEvaluator() = default;
  /// Throws InputError if the batch does not fit the graph or holds NaN or infinity, UsageError without a
  /// choice. Results do not depend on the number of threads. Thread-safe.
  virtual RealVerdict evaluate(const MiniBatch& batch, const std::vector<Choice>& choices) const = 0;
};

/// The engine that `options` ask for. The numbers are taken exactly as they are: round parameters, batch and
/// scalars to the audited format first. Throws InputError for parameters that do not fit the graph or are not
/// finite, UsageError for options out of range.
std::unique_ptr<RealEvaluator> make_real_evaluator(const Graph& graph, const Parameters& parameters,
                                                   const ReferenceOptions& options);

}  // namespace gradzone
