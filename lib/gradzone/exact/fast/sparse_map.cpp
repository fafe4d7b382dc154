#include "gradzone/exact/fast/sparse_map.hpp"

#include <algorithm>
#include <cmath>

#include "gradzone/base/parallel.hpp"
#include "gradzone/exact/fast/digits.hpp"

namespace gradzone {

int SparseMap::append(const MpfrInterval& value) {
  for (const BigFloat* end : {&value.low, &value.high}) {
    largest_weight = std::max(largest_weight, bound(std::fabs(mpfr_get_d(end->get(), MPFR_RNDA))));
  }
  weights.push_back(value);
  return static_cast<int>(weights.size()) - 1;
}

int SparseMap::weight(const MpfrInterval& value) {
  for (std::size_t k = 0; k < weights.size(); ++k) {
    if (mpfr_equal_p(weights[k].low.get(), value.low.get()) &&
        mpfr_equal_p(weights[k].high.get(), value.high.get()))
      return static_cast<int>(k);
  }
  return append(value);
}

bool SparseMap::selects() const {
  if (terms.size() > static_cast<std::size_t>(element_count(shape))) return false;
  for (std::size_t i = 0; i + 1 < first.size(); ++i) {
    if (first[i + 1] - first[i] > 1) return false;
  }
  return std::all_of(terms.begin(), terms.end(), [](const Term& t) { return t.weight == 0; });
}

SparseMap channel_map(const Shape& shape, const std::vector<MpfrInterval>& scale) {
  SparseMap map(shape);
  const Extent e = extent(shape);
  std::vector<int> weights;
  for (const MpfrInterval& s : scale) weights.push_back(map.append(s));
  for (Index i = 0; i < e.images * e.size(); ++i) {
    map.first.push_back(i);
    map.terms.push_back({i, weights[static_cast<std::size_t>(i / e.area() % e.channels)]});
  }
  map.first.push_back(e.images * e.size());
  return map;
}

std::vector<double> mapped_norms(const std::vector<double>& pixel, const Extent& x, const Extent& y,
                                 const PixelRule& rule, double largest_weight, Index most_terms) {
  const double factor = std::sqrt(static_cast<double>(most_terms)) * largest_weight * slack;
  std::vector<double> out = pixel;
  if (rule.kind != PixelRule::Kind::same) {
    std::vector<double> squares = pixel;
    for (double& s : squares) s *= s;
    out = rule.kind == PixelRule::Kind::window ? window_norms(squares, x, rule.window)
                                               : covering_norms(squares, y, rule.window);
  }
  for (double& r : out) r = bound(r * factor);
  return out;
}

namespace {

/// The mid points and radii, not yet the pixel bounds: no arithmetic, entries only move.
FixedValues select(const SparseMap& map, const FixedValues& x) {
  FixedValues y{FixedTensor(map.shape, x.mid.limbs, x.extent().images), Radii(map.shape)};
  y.mid.exponent = x.mid.exponent;
  y.radii.exponent = x.radii.exponent;
  for_each_plane(y.extent(), [&](Index, Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      const Index at = map.first[static_cast<std::size_t>(i)];
      if (at == map.first[static_cast<std::size_t>(i) + 1]) continue;
      const Index source = map.terms[static_cast<std::size_t>(at)].source;
      for (int l = 0; l < x.mid.limbs; ++l) y.mid.plane(l)[i] = x.mid.plane(l)[source];
      y.radii.entry[static_cast<std::size_t>(i)] = x.radii.entry[static_cast<std::size_t>(source)];
    }
  });
  return y;
}

/// What a weighted sum does: products of digits, and the errors of both factors.
class WeightedSum {
 public:
  WeightedSum(const SparseMap& map, const FixedValues& x, int limbs)
      : map_(map), x_(x), limbs_(limbs), weights_(fixed_values({1, count()}, map.weights, limbs)) {
    sums_ = FixedSums(map.shape, limbs + 1, static_cast<Index>(x.mid.exponent.size()));
    for (std::size_t n = 0; n < sums_.exponent.size(); ++n)
      sums_.exponent[n] = x.mid.exponent[n] + weights_.mid.exponent[0];
    for (const auto& w : map.weights) {
      size_.push_back(bound(std::fabs(mpfr_get_d(w.high.get(), MPFR_RNDA))));
      size_.back() = std::max(size_.back(), bound(std::fabs(mpfr_get_d(w.low.get(), MPFR_RNDA))));
    }
    for (Index k = 0; k < count(); ++k) {
      // Each weight in as few digits as it has, so that 1 and powers of two cost one product.
      Digits d{};
      int used = 1;
      for (int l = 0; l < limbs; ++l) {
        d[static_cast<std::size_t>(l)] = weights_.mid.plane(l)[k];
        if (d[static_cast<std::size_t>(l)] != 0) used = l + 1;
      }
      digits_.push_back(d);
      used_.push_back(used);
    }
  }

  FixedValues run(Radii radii, Index most_terms) {
    const Extent y = extent(map_.shape);
    std::vector<std::uint8_t> cut(static_cast<std::size_t>(sums_.size()), 0);
    const bool exact_weights = is_exact(weights_.radii, weights_.extent(), 0);
    std::vector<double> from_x, from_weights;
    for (Index n = 0; n < y.images; ++n) {
      const std::size_t at = static_cast<std::size_t>(n);
      const bool exact_x = is_exact(x_.radii, x_.extent(), n);
      // A weight's own error acts on an entry of less than 2^exponent.
      const int of_weights = weights_.radii.exponent[0] + x_.mid.exponent[at];
      int unit = x_.radii.exponent[at];
      if (!exact_weights) unit = exact_x ? of_weights : std::max(unit, of_weights);
      radii.exponent[at] = unit;
      from_x.push_back(exact_x ? 0 : scaled_bound(1, x_.radii.exponent[at] - unit));
      from_weights.push_back(exact_weights ? 0 : scaled_bound(1, of_weights - unit));
    }
    for_each_plane(y, [&](Index n, Index begin, Index end) {
      const std::size_t at = static_cast<std::size_t>(n);
      for (Index i = begin; i < end; ++i) {
        radii.entry[static_cast<std::size_t>(i)] = bound(add_terms(i, from_x[at], from_weights[at], cut));
      }
    });
    const double terms = static_cast<double>(most_terms), channels = static_cast<double>(y.channels);
    const double worst = *std::max_element(weights_.radii.entry.begin(), weights_.radii.entry.end());
    for (Index n = 0; n < y.images; ++n) {
      const std::size_t at = static_cast<std::size_t>(n);
      const double extra = terms * std::sqrt(channels) * worst * from_weights[at];
      for (Index p = n * y.area(); p < (n + 1) * y.area(); ++p) {
        double& norm = radii.pixel[static_cast<std::size_t>(p)];
        norm = bound((norm == 0 ? 0 : norm * from_x[at]) + extra);
      }
    }
    sums_.error = terms * static_cast<double>(limbs_);
    return finish(std::move(sums_), limbs_, std::move(radii), cut);
  }

 private:
  Index count() const { return static_cast<Index>(map_.weights.size()); }

  /// Forms sum i, marks in `cut` whether digit products were left out, returns what the errors of weights and
  /// x do to it: |w x - w' x'| <= |w| |x - x'| + |w - w'| |x'|.
  double add_terms(Index i, double from_x, double from_weights, std::vector<std::uint8_t>& cut) {
    Digits sum{}, product{}, x{};
    double error = 0;
    bool any_cut = false;
    const std::size_t at = static_cast<std::size_t>(i);
    for (Index t = map_.first[at]; t < map_.first[at + 1]; ++t) {
      const SparseMap::Term& term = map_.terms[static_cast<std::size_t>(t)];
      const std::size_t w = static_cast<std::size_t>(term.weight);
      for (int l = 0; l < x_.mid.limbs; ++l) x[static_cast<std::size_t>(l)] = x_.mid.plane(l)[term.source];
      any_cut |= multiply(digits_[w].data(), used_[w], x.data(), x_.mid.limbs, limbs_, product.data());
      for (std::size_t l = 0; l < static_cast<std::size_t>(sums_.planes); ++l) sum[l] += product[l];
      const double r = x_.radii.entry[static_cast<std::size_t>(term.source)];
      error += (r == 0 ? 0 : product_of(size_[w] * r, from_x)) + weights_.radii.entry[w] * from_weights;
    }
    for (int l = 0; l < sums_.planes; ++l) sums_.plane(l)[i] = sum[static_cast<std::size_t>(l)];
    cut[at] = any_cut;
    return error;
  }

  const SparseMap& map_;
  const FixedValues& x_;
  const int limbs_;
  const FixedValues weights_;
  std::vector<Digits> digits_;
  std::vector<int> used_;
  std::vector<double> size_;
  FixedSums sums_;
};

}  // namespace

FixedValues apply(const SparseMap& map, const FixedValues& x, const PixelRule& rule, int limbs) {
  Index most_terms = 1;
  for (std::size_t i = 0; i + 1 < map.first.size(); ++i)
    most_terms = std::max(most_terms, map.first[i + 1] - map.first[i]);
  std::vector<double> pixel =
      mapped_norms(x.radii.pixel, x.extent(), extent(map.shape), rule, map.largest_weight, most_terms);
  if (map.selects()) {
    FixedValues y = select(map, x);
    y.radii.pixel = std::move(pixel);
    return y;
  }
  Radii radii(map.shape);
  radii.pixel = std::move(pixel);
  return WeightedSum(map, x, limbs).run(std::move(radii), most_terms);
}

}  // namespace gradzone
