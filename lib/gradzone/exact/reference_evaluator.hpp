// ReferenceEvaluator: the same network over the reals, with proof (zones.md, section 3).
//
// The plain engine: balls over MPFR whose precision doubles until every branch is certain; ties decided by
// structure, then exactly; the choices compared by structure, by enclosure, then by exact rational backward
// passes. It is kept as the engine that every faster one is tested against.
#pragma once

#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "gradzone/arith/ball.hpp"
#include "gradzone/choice/choice.hpp"
#include "gradzone/eval/float_evaluator.hpp"
#include "gradzone/exact/certified_tensor.hpp"
#include "gradzone/exact/reference_options.hpp"
#include "gradzone/exact/stage_counts.hpp"
#include "gradzone/graph/graph.hpp"
#include "gradzone/graph/point.hpp"

namespace gradzone {

/// How Delta_R was decided.
enum class Proof {
  none,       ///< undecided
  branches,   ///< every reachable branch is certain and none lies on a kink that the choices differ at
  structure,  ///< every reachable kink joins identical expressions: the choices give identical derivatives
  enclosure,  ///< an enclosure of the difference excludes 0 (Delta_R != 0)
  residue,    ///< backward passes modulo random primes agree; the chance of an error is stated
  exact,      ///< exact rational backward passes, one per group of equal logits, all vanish
};
const char* name(Proof proof);
/// "structure", or "residue(2^-118)" where something was left to chance: the bound of its being wrong.
std::string proof_text(const struct RealVerdict& verdict);

enum class Agreement { equal, different, undecided };

/// What the reals say of a set of choices at a point.
struct RealVerdict {
  Agreement agreement = Agreement::undecided;
  Proof proof = Proof::none;
  std::string witness;          ///< "features.0.weight[12]" (row-major), if different
  double lower = 0, upper = 0;  ///< proven bounds of Delta_R (rounded outwards)
  int bits_used = 0;            ///< highest precision of any stage
  StageCounts stages;           ///< how the branches were settled
  double log2_chance = -std::numeric_limits<double>::infinity();  ///< of the verdict being wrong, at most
  std::vector<LayerBranches> branches;  ///< as FloatRun::branches, of the real evaluation
  /// (*gradients[s])[p]: enclosure of bp_R[choices[s]] for parameter p (empty if not trainable). Choices that
  /// are proven to agree share one enclosure; empty altogether if a branch that matters stayed undecided.
  std::vector<std::shared_ptr<const std::vector<CertifiedTensor>>> gradients;
  Tensor<Ball> logits;  ///< [N, classes]; the fast engine's are empty without `gradients`
  Ball loss;            ///< the plain engine's alone
};

class ReferenceEvaluator {
 public:
  /// The numbers are taken exactly as they are: round parameters, batch and scalars to the audited format
  /// first. Throws InputError for parameters that do not fit the graph or are not finite, UsageError for
  /// options out of range.
  ReferenceEvaluator(const Graph& graph, const Parameters& parameters, ReferenceOptions options = {});

  /// Throws InputError if the batch holds NaN or infinity. Results do not depend on the number of threads.
  RealVerdict evaluate(const MiniBatch& batch, const std::vector<Choice>& choices) const;

 private:
  Graph graph_;
  Parameters parameters_;
  std::vector<Tensor<Ball>> parameter_balls_;  ///< the same numbers, as exact balls
  ReferenceOptions options_;
};

}  // namespace gradzone
