// The summation orders, each in its plainest form.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "gradzone/arith/format.hpp"

namespace gradzone::reference {

/// Binary tree, neighbours first: (v0 + v1) + (v2 + v3) ...; an odd last value moves up unchanged. Empty sums
/// are +0.
template <class F>
typename F::Real tree_sum(std::vector<typename F::Real> values) {
  if (values.empty()) return 0;
  while (values.size() > 1) {
    const std::size_t pairs = values.size() / 2;
    for (std::size_t i = 0; i < pairs; ++i) values[i] = F::add(values[2 * i], values[2 * i + 1]);
    if (values.size() % 2 == 1) values[pairs] = values.back();
    values.resize(pairs + values.size() % 2);
  }
  return values[0];
}

/// One dot product (or plain sum) in the accumulator of F, in the given order. The bias, where there is one,
/// is known from the start, because bias_first begins with it.
template <class F>
class Sum {
 public:
  using Real = typename F::Real;

  explicit Sum(Order order, const Real* bias = nullptr) : order_(order), bias_(bias) {
    if (order == Order::bias_first && bias) chain_ = *bias;
  }

  /// Adds the term a * b.
  void add_product(Real a, Real b) {
    switch (order_) {
      case Order::tensor_cores:  // never here: kernels on cards alone have it
      case Order::chain:
      case Order::bias_first:
        chain_ = F::fma(a, b, chain_);
        break;
      case Order::pairwise:
        terms_.push_back(F::mul(a, b));
        break;
      case Order::lanes16: {
        Real& lane = lanes_[count_++ % lanes_.size()];
        lane = F::fma(a, b, lane);
      }
    }
  }

  /// Adds the term a.
  void add(Real a) {
    switch (order_) {
      case Order::tensor_cores:  // never here: kernels on cards alone have it
      case Order::chain:
      case Order::bias_first:
        chain_ = F::add(chain_, a);
        break;
      case Order::pairwise:
        terms_.push_back(a);
        break;
      case Order::lanes16: {
        Real& lane = lanes_[count_++ % lanes_.size()];
        lane = F::add(lane, a);
      }
    }
  }

  /// The sum in the accumulator; the bias is added last except in bias_first.
  Real result() const {
    switch (order_) {
      case Order::bias_first:
        return chain_;
      case Order::tensor_cores:
      case Order::chain:
        return with_bias(chain_);
      case Order::pairwise:
        return with_bias(tree_sum<F>(terms_));
      case Order::lanes16:
        return with_bias(tree_sum<F>({lanes_.begin(), lanes_.end()}));
    }
    return chain_;
  }

 private:
  Real with_bias(Real sum) const { return bias_ ? F::add(sum, *bias_) : sum; }

  Order order_;
  const Real* bias_;
  Real chain_ = 0;
  std::array<Real, 16> lanes_{};
  std::size_t count_ = 0;
  std::vector<Real> terms_;
};

/// The sums of groups of images: `add_terms(sum, n)` adds the terms of image n.
template <class F, class AddTerms>
std::vector<typename F::Real> group_sums(Order order, std::int64_t images, std::int64_t group,
                                         AddTerms&& add_terms) {
  std::vector<typename F::Real> groups;
  for (std::int64_t begin = 0; begin < images; begin += group) {
    Sum<F> sum(order);
    for (std::int64_t n = begin; n < std::min(images, begin + group); ++n) add_terms(sum, n);
    groups.push_back(sum.result());
  }
  return groups;
}

/// A sum over a batch: groups of 32 images, then a tree.
template <class F, class AddTerms>
typename F::Real batch_sum(Order order, std::int64_t images, std::int64_t group, AddTerms&& add_terms) {
  return tree_sum<F>(group_sums<F>(order, images, group, add_terms));
}

}  // namespace gradzone::reference
