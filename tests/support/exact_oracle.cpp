#include "exact_oracle.hpp"

#include <algorithm>
#include <map>

namespace gradzone::support {
namespace {

using Row = std::vector<Rational>;
/// Sum over t of coefficient(t) e^t, one coefficient per parameter: zero only if every coefficient is,
/// because exponentials of different rationals are linearly independent over the rationals
/// (Lindemann-Weierstrass).
using ExponentialSum = std::map<Rational, Row>;

bool vanishes(const Row& row) {
  return std::all_of(row.begin(), row.end(), [](const Rational& v) { return v == 0; });
}

bool vanishes(const ExponentialSum& sum) {
  return std::all_of(sum.begin(), sum.end(), [](const auto& term) { return vanishes(term.second); });
}

void add_term(ExponentialSum& sum, const Rational& exponent, const Row& row, const Rational& factor) {
  Row& at = sum[exponent];
  at.resize(row.size());
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (row[i] != 0) at[i] += factor * row[i];
  }
}

/// sum * (e^{z_0} + ... + e^{z_K-1})
ExponentialSum times_denominator(const ExponentialSum& sum, const Row& z) {
  ExponentialSum out;
  for (const auto& [exponent, row] : sum) {
    for (const Rational& zi : z) add_term(out, exponent + zi, row, 1);
  }
  return out;
}

}  // namespace

ExactOracle::ExactOracle(const Graph& graph, const Parameters& parameters, const MiniBatch& batch)
    : graph_(graph),
      labels_(batch.labels),
      images_(static_cast<std::size_t>(batch.size())),
      classes_(static_cast<std::size_t>(graph.classes())),
      program_(graph, numbers<Rational>(parameters), numbers<Rational>(batch.x), batch.size(),
               Record::derivatives),
      logits_(program_.logits()) {}

Jacobian ExactOracle::jacobian(const Choice& choice) const {
  Jacobian rows;
  for (std::size_t i = 0; i < logits_.size(); ++i)
    rows.push_back(program_.derivative(static_cast<Index>(i), choice));
  return rows;
}

Comparison ExactOracle::compare(const Jacobian& a, const Jacobian& b) const {
  if (graph_.loss() == Loss::output) {
    return exact_gradient(a) == exact_gradient(b) ? Comparison::equal : Comparison::different;
  }
  // The difference is the sum over samples of sum_i e^{z_i} (d_i - d_y) / sum_i e^{z_i}: one fraction for
  // each softmax vector that occurs (logits count from the first one: a common shift leaves the softmax
  // alone).
  std::map<Row, ExponentialSum> fractions;
  for (std::size_t n = 0; n < images_; ++n) {
    const std::size_t begin = n * classes_, label = begin + static_cast<std::size_t>(labels_[n]);
    Row z;
    for (std::size_t i = 0; i < classes_; ++i) z.push_back(logits_[begin + i] - logits_[begin]);
    ExponentialSum& numerator = fractions[z];
    for (std::size_t i = 0; i < classes_; ++i) {
      Row row(a[begin].size());
      for (std::size_t p = 0; p < row.size(); ++p) {
        row[p] = (a[begin + i][p] - b[begin + i][p]) - (a[label][p] - b[label][p]);
      }
      add_term(numerator, z[i], row, 1);
    }
  }
  std::erase_if(fractions, [](const auto& f) { return vanishes(f.second); });
  if (fractions.empty()) return Comparison::equal;
  ExponentialSum total;
  for (const auto& [z, numerator] : fractions) {
    ExponentialSum product = numerator;
    for (const auto& [other, unused] : fractions) {
      if (other != z) product = times_denominator(product, other);
    }
    for (const auto& [exponent, row] : product) add_term(total, exponent, row, 1);
  }
  return vanishes(total) ? Comparison::equal_by_chance : Comparison::different;
}

std::vector<Rational> ExactOracle::exact_gradient(const Jacobian& jacobian) const {
  Row sum(jacobian[0].size());
  for (const Row& row : jacobian) {
    for (std::size_t p = 0; p < sum.size(); ++p) sum[p] += row[p];
  }
  return sum;
}

std::vector<Decimal> ExactOracle::gradient(const Jacobian& jacobian) const {
  std::vector<Decimal> out;
  if (graph_.loss() == Loss::output) {
    for (const Rational& v : exact_gradient(jacobian)) out.push_back(decimal(v));
    return out;
  }
  out.assign(jacobian[0].size(), Decimal(0));
  for (std::size_t n = 0; n < images_; ++n) {
    const std::size_t begin = n * classes_, label = begin + static_cast<std::size_t>(labels_[n]);
    const Rational largest = largest_logit(n);  // keeps the exponentials in (0, 1]
    std::vector<Decimal> e;
    Decimal sum = 0;
    for (std::size_t i = 0; i < classes_; ++i) {
      e.push_back(exp(decimal(logits_[begin + i] - largest)));
      sum += e.back();
    }
    // p_i (d_i - d_y) rather than (p_i - [i = y]) d_i: where all rows agree the result is an exact zero.
    for (std::size_t i = 0; i < classes_; ++i) {
      const Decimal share = e[i] / sum / static_cast<unsigned>(images_);
      for (std::size_t p = 0; p < out.size(); ++p) {
        const Rational d = jacobian[begin + i][p] - jacobian[label][p];
        if (d != 0) out[p] += share * decimal(d);
      }
    }
  }
  return out;
}

Rational ExactOracle::largest_logit(std::size_t n) const {
  const auto begin = logits_.begin() + static_cast<std::ptrdiff_t>(n * classes_);
  return *std::max_element(begin, begin + static_cast<std::ptrdiff_t>(classes_));
}

Decimal ExactOracle::loss() const {
  Decimal total = 0;
  for (std::size_t n = 0; n < images_; ++n) {
    const std::size_t begin = n * classes_;
    if (graph_.loss() == Loss::output) {
      total += decimal(logits_[begin]);
      continue;
    }
    const Rational largest = largest_logit(n), own = logits_[begin + static_cast<std::size_t>(labels_[n])];
    Decimal sum = 0;
    for (std::size_t i = 0; i < classes_; ++i) sum += exp(decimal(logits_[begin + i] - largest));
    total += (log(sum) + decimal(largest - own)) / static_cast<unsigned>(images_);
  }
  return total;
}

std::string parameter_entry(const Graph& graph, std::size_t i) {
  for (const ParameterSpec& spec : graph.parameters()) {
    if (!spec.trainable) continue;
    const std::size_t size = static_cast<std::size_t>(element_count(spec.shape));
    if (i < size) return spec.name + "[" + std::to_string(i) + "]";
    i -= size;
  }
  return "beyond the last parameter";
}

Decimal decimal(const Rational& x) {
  return Decimal(numerator(x)) / Decimal(denominator(x));
}

}  // namespace gradzone::support
