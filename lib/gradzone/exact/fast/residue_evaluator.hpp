// ResidueEvaluator: equality decided by evaluating the network modulo primes (zones.md, section 3).
//
// On given branches a network of convolutions, piecewise linear functions, pools, sums and means computes
// rational numbers with small denominators, and so has a value modulo any large prime. Different residues
// prove that two numbers differ. Equal residues prove nothing by themselves, but a nonzero numerator of H
// bits has at most H / 24 prime divisors above 2^24, so that equality modulo a few *random* primes leaves a
// chance below 2^-100 of being wrong (Test::random), and equality modulo so many that their product exceeds
// the numerator leaves none (Test::certain). docs/proofs.md, "Residues", derives the bounds line by line.
//
// Square roots enter as unknowns: numbers become polynomials, and polynomials that are equal have equal
// values. 1 / sqrt(var + eps) is one unknown per channel of a batch norm, sqrt(q) of a norm pool one for each
// different q. Where unknowns are involved, different residues prove nothing, and certain mode proves
// nothing.
#pragma once

#include <memory>
#include <vector>

#include "gradzone/choice/choice.hpp"
#include "gradzone/eval/float_evaluator.hpp"
#include "gradzone/graph/graph.hpp"
#include "gradzone/graph/point.hpp"

namespace gradzone {

class DeviceProducts;
class ResidueForward;
class ResidueNetwork;
struct NetworkHeights;

enum class Equality { equal, different, unproven };

struct ResidueOptions {
  enum class Test { random, certain };
  std::uint64_t seed = 0;  ///< of primes and unknowns; independent of the network, for the chances to hold
  Test test = Test::random;
  double log2_passes = 0;                            ///< so many passes share the chance of 2^-100
  std::shared_ptr<DeviceProducts> device = nullptr;  ///< for the products that it takes
};

/// The evaluation of one mini-batch. Its answers are exact facts but for `equal` in random mode.
class ResiduePass {
 public:
  /// Evaluates the nodes up to and including `through` (those before reached() are kept). `branches`: one per
  /// node with a kink, for the whole mini-batch; those of nodes beyond `through` may be missing or unknown.
  /// An image with an unknown branch has no values from that node on, and every answer about it is
  /// `unproven`. Throws UsageError if branches of a node have the wrong size or are missing.
  void advance(NodeId through, const std::vector<LayerBranches>& branches);
  /// The last node evaluated: the input, at first.
  NodeId reached() const;

  /// Compares entries i and j of node's output, [N, shape...] row-major. Precondition: node <= reached().
  Equality equal(NodeId node, Index i, Index j) const;
  /// Compares entry i with a finite constant, of a kink for example.
  Equality equal_to(NodeId node, Index i, double constant) const;

  /// Delta_R = 0: whether all choices give one gradient of the loss summed over `images` (different numbers
  /// below N). `labels` as in MiniBatch. Precondition: the output has been reached.
  /// `equal` for several images: their differences vanish for every class of equal softmax vectors, which is
  /// sufficient; `different` is answered for one image and for Loss::output only.
  Equality choices_agree(const std::vector<int>& labels, const std::vector<Index>& images) const;

  /// log2 of a bound of the chance that any answer `equal` of this pass is wrong, all comparisons of two
  /// entries of one node, four constants per entry and N + 1 calls of choices_agree taken together; minus
  /// infinity in certain mode.
  double log2_chance() const { return log2_chance_; }
  int primes() const;

 private:
  friend class ResidueEvaluator;
  ResiduePass() = default;

  Equality verdict(NodeId node, bool congruent) const;
  bool has_unknowns() const;

  std::shared_ptr<ResidueForward> forward_;
  std::shared_ptr<const NetworkHeights> heights_;
  std::vector<Choice> choices_;
  bool certain_ = false;
  bool within_reach_ = true;  ///< enough primes for proofs of equality
  double log2_chance_ = 0;
};

class ResidueEvaluator {
 public:
  /// Numbers are taken exactly as they are. Converts the parameters, which takes about 10 ns and 48 bytes
  /// each. Throws InputError for parameters that do not fit the graph or are not finite.
  ResidueEvaluator(const Graph& graph, const Parameters& parameters, ResidueOptions options = {});

  /// A pass at its input, for the choices that choices_agree will compare. May outlive the evaluator. Throws
  /// InputError if the batch does not fit or is not finite, UsageError for a mean over 2^24 numbers or more.
  ResiduePass start(const MiniBatch& batch, const std::vector<Choice>& choices) const;

 private:
  std::shared_ptr<const ResidueNetwork> network_;
  ResidueOptions options_;
};

}  // namespace gradzone
