// FastEvaluator: the reference engine for networks of VGG and ResNet size. The same verdicts as the plain
// engine (exact/reference_evaluator.hpp), which judges it in the tests and takes over where it gives up.
//
// Stages, each counted in the verdict: binary64 enclosures over the whole network; ties by structure;
// multiword enclosures of rising precision for the images that are left; residues for equality where
// enclosures overlap; MPFR for softmax and logarithm.
#pragma once

#include <memory>
#include <vector>

#include "gradzone/exact/reference_evaluator.hpp"

namespace gradzone {

class FastEvaluator {
 public:
  /// As ReferenceEvaluator's. The graph and the parameters are copied.
  FastEvaluator(const Graph& graph, const Parameters& parameters, ReferenceOptions options = {});
  ~FastEvaluator();

  RealVerdict evaluate(const MiniBatch& batch, const std::vector<Choice>& choices) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace gradzone
