// How large the numerators are that a residue may hide: the height that turns "congruent" into "equal".
//
// Every entry of a tensor is a polynomial with rational coefficients in the unknowns (residue_evaluator.hpp);
// without unknowns it is just a rational number. A Height bounds all entries of a tensor at once: D times a
// coefficient is an integer, at most D 2^magnitude in absolute value. The bounds follow the network as the
// triangle inequality does, so that they hold on every branch and for every choice.
#pragma once

#include <map>
#include <vector>

#include "gradzone/choice/choice.hpp"
#include "gradzone/graph/graph.hpp"
#include "gradzone/graph/point.hpp"

namespace gradzone {

/// A common denominator as a product of prime powers. That of 2 may have a negative exponent (all numbers
/// are even); an odd prime's is not negative and the prime is a factor of a window, batch or tie, so below
/// 2^24.
class Denominator {
 public:
  static Denominator one() { return {}; }
  /// 2^-exponent divides every number.
  static Denominator power_of_two(int exponent);
  /// Precondition: n > 0.
  static Denominator of(Index n);
  /// The least common multiple of 1, ..., n.
  static Denominator up_to(Index n);

  friend Denominator operator*(const Denominator& a, const Denominator& b);
  friend Denominator common(const Denominator& a, const Denominator& b);
  /// log2, rounded up.
  Index bits() const;

 private:
  std::map<Index, int> exponents_;
};

/// Tensors of zeros count as numbers of at most 1.
struct Height {
  Denominator denominator;
  Index magnitude = 0;  ///< the absolute coefficients of an entry add up to at most 2^magnitude
  int degree = 0;       ///< total degree in the unknowns, inverse ones counting too

  /// Of one unknown, or its inverse.
  static Height unknown() { return {Denominator::one(), 0, 1}; }
  static Height of(double x);
  static Height of(const Tensor<double>& t);
  /// Of 1 / n, n > 0.
  static Height reciprocal(Index n) { return {Denominator::of(n), 0, 0}; }

  /// Every numerator is at most 2^bits().
  Index bits() const { return denominator.bits() + magnitude; }
};

/// Of a + b and of a - b.
Height sum(const Height& a, const Height& b);
Height product(const Height& a, const Height& b);
/// Of a sum of `count` terms, count > 0.
Height sum_of(Index count, Height term);
/// Of a tensor whose entries are bounded by one or the other.
Height either(const Height& a, const Height& b);

/// What a pass over the network can meet, for a batch and a set of choices.
struct NetworkHeights {
  std::vector<Height> nodes;  ///< of each node's output
  Index bits = 0;             ///< of any difference that a claim is about: outputs, squares, gradients
  int degree = 0;             ///< likewise, the unknowns of the tests of gradients included
  double queries = 0;         ///< at most so many claims (proofs.md, "Residues")
};

/// `parameters` are the heights of each parameter tensor.
NetworkHeights network_heights(const Graph& graph, const std::vector<Height>& parameters,
                               const MiniBatch& batch, const std::vector<Choice>& choices);

}  // namespace gradzone
