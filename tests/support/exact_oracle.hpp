// What the reals say of a point, decided exactly in big rationals and by the Lindemann-Weierstrass theorem:
// the independent answer that the library's reference evaluator is held to. Small networks only.
#pragma once

#include <vector>

#include "unrolled.hpp"

namespace gradzone::support {

/// How two choices compare at a point.
enum class Comparison {
  equal,            ///< the differences cancel for every sample, or for samples of one softmax together
  equal_by_chance,  ///< they cancel only between samples whose softmax vectors differ
  different,
};

/// Rows d(logit)/d(parameters) of every logit of the batch, [images * classes][trainable parameters].
using Jacobian = std::vector<std::vector<Rational>>;

class ExactOracle {
 public:
  /// The numbers are taken as they are: round graph, parameters and batch first. Throws NotRational where a
  /// value of the network is irrational. Keeps references to `graph`.
  ExactOracle(const Graph& graph, const Parameters& parameters, const MiniBatch& batch);

  const std::vector<Rational>& logits() const { return logits_; }
  const std::vector<LayerBranches>& branches() const { return program_.branches(); }
  Jacobian jacobian(const Choice& choice) const;

  /// Whether two formal gradients of the loss agree, exactly.
  Comparison compare(const Jacobian& a, const Jacobian& b) const;

  /// The formal gradient of the loss over the trainable parameters: exact for Loss::output (a sum of
  /// rationals), else to about 290 digits.
  std::vector<Decimal> gradient(const Jacobian& jacobian) const;
  /// The same, exactly, for Loss::output only.
  std::vector<Rational> exact_gradient(const Jacobian& jacobian) const;
  Decimal loss() const;

 private:
  Rational largest_logit(std::size_t n) const;

  const Graph& graph_;
  std::vector<int> labels_;
  std::size_t images_, classes_;
  Unrolled<Rational> program_;
  std::vector<Rational> logits_;
};

/// "features.0.weight[12]" of entry i of the flattened trainable parameters.
std::string parameter_entry(const Graph& graph, std::size_t i);

/// A rational to 300 digits.
Decimal decimal(const Rational& x);

}  // namespace gradzone::support
