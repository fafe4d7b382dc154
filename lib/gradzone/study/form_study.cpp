#include "gradzone/study/form_study.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "gradzone/arith/formats.hpp"
#include "gradzone/base/random.hpp"
#include "gradzone/io/csv.hpp"
#include "gradzone/kernels/kernels.hpp"

namespace gradzone {
namespace {

/// Counts results, and finds quantiles of their correct bits.
class Tally {
 public:
  explicit Tally(int precision) : precision_(precision) {}

  void add(double m, double result) {
    ++binade_.values;
    if (!std::isfinite(result)) return (void)++binade_.non_finite;
    binade_.exact += result == m;
    binade_.zero += result == 0;
    const double error = std::fabs(result - m) / m;
    bits_.push_back(error < 1 ? std::min(-std::log2(error), static_cast<double>(precision_)) : 0);
  }

  FormBinade take(int exponent) {
    binade_.exponent = exponent;
    binade_.bits_median = binade_.bits_least = std::numeric_limits<double>::quiet_NaN();
    if (!bits_.empty()) {
      const auto middle = bits_.begin() + static_cast<Index>(bits_.size() / 2);
      std::nth_element(bits_.begin(), middle, bits_.end());
      binade_.bits_median = *middle;
      binade_.bits_least = *std::ranges::min_element(bits_);
    }
    return binade_;
  }

 private:
  int precision_;
  FormBinade binade_;
  std::vector<double> bits_;
};

/// The binade's values: all of them, or one from each of 2^12 equal parts, drawn so that the last bits are as
/// they come and not the zeros of an even grid. [values, 1, 1, 1].
template <class F>
Tensor<typename F::Real> values_of(int exponent) {
  constexpr int most = 12;
  const int subnormal = std::max(0, F::emin - exponent);  // bits that a subnormal lacks
  const int bits = F::precision - 1 - subnormal;          // of the significand, below the leading one
  const int drawn = std::max(0, bits - most);
  RandomStream random(0, "values of a binade", static_cast<std::uint64_t>(exponent - F::emin + F::precision));
  const std::uint64_t parts = std::uint64_t{1} << (bits - drawn), size = std::uint64_t{1} << drawn;
  Tensor<typename F::Real> out({static_cast<Index>(parts), 1, 1, 1});
  for (std::uint64_t part = 0; part < parts; ++part) {
    const std::uint64_t significand = (parts + part) * size + random.below(size);
    const double value = std::ldexp(static_cast<double>(significand), exponent - bits);
    out[static_cast<Index>(part)] = static_cast<typename F::Real>(value);
  }
  return out;
}

/// The kernel itself is asked: a composed max pool of one entry.
template <class F>
FormLoss loss_of(double beta) {
  const auto kernels = make_reference_kernels<F>(Order::chain);
  const MaxPool2d pool{Window(), std::nullopt};
  FormLoss out{F::id, beta, {}, std::numeric_limits<double>::infinity()};
  Tensor<typename F::Real> y;
  ArgmaxSets sets;
  for (int exponent = F::emin - (F::precision - 1); exponent <= F::emax; ++exponent) {
    const auto x = values_of<F>(exponent);
    kernels->max_pool(pool, Choice{.maxpool_beta = beta}, Form::composed, x, y, sets);
    Tally tally(F::precision);
    for (Index i = 0; i < x.size(); ++i) {
      const double m = static_cast<double>(x[i]), result = static_cast<double>(y[i]);
      if (!std::isfinite(result)) out.overflows_from = std::min(out.overflows_from, m);
      tally.add(m, result);
    }
    out.binades.push_back(tally.take(exponent));
  }
  return out;
}

}  // namespace

FormBinade FormLoss::normal() const {
  FormBinade out{.bits_least = std::numeric_limits<double>::infinity()};
  const int emin = visit_format(format, [](auto f) { return decltype(f)::type::emin; });
  std::vector<double> medians;
  for (const FormBinade& b : binades) {
    if (b.exponent < emin || b.non_finite > 0) continue;
    out.values += b.values;
    out.exact += b.exact;
    out.zero += b.zero;
    out.bits_least = std::min(out.bits_least, b.bits_least);
    medians.push_back(b.bits_median);
  }
  if (medians.empty()) return {.bits_median = std::nan(""), .bits_least = std::nan("")};
  std::ranges::sort(medians);
  out.bits_median = medians[medians.size() / 2];
  return out;
}

FormLoss composed_loss(FormatId format, double beta) {
  return visit_format(format, [&](auto f) { return loss_of<typename decltype(f)::type>(beta); });
}

std::string forms_csv(const std::vector<FormLoss>& losses) {
  CsvWriter out;
  out.row("format", "beta", "exponent", "values", "exact", "zero", "non_finite", "bits_median", "bits_least");
  for (const FormLoss& loss : losses)
    for (const FormBinade& b : loss.binades) {
      out.row(name(loss.format), loss.beta, b.exponent, b.values, b.exact, b.zero, b.non_finite,
              b.bits_median, b.bits_least);
    }
  return out.take();
}

}  // namespace gradzone
