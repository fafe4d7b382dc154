#include "gradzone/study/form_study.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "gradzone/arith/formats.hpp"
#include "gradzone/base/random.hpp"
#include "gradzone/io/csv.hpp"

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

template <class F>
double composed(double beta, double m) {
  using Real = typename F::Real;
  const Real value = F::from_double(m), b = F::scalar(beta), rest = F::scalar(1 - beta);
  return static_cast<double>(F::store(F::add(F::store(F::mul(b, value)), F::store(F::mul(rest, value)))));
}

/// Calls visit(m) for the binade's values: all of them, or one from each of 2^12 equal parts, drawn so that
/// the last bits are as they come and not the zeros of an even grid.
template <class F, class Visit>
void for_each_value(int exponent, const Visit& visit) {
  constexpr int most = 12;
  const int subnormal = std::max(0, F::emin - exponent);  // bits that a subnormal lacks
  const int bits = F::precision - 1 - subnormal;          // of the significand, below the leading one
  const int drawn = std::max(0, bits - most);
  RandomStream random(0, "values of a binade", static_cast<std::uint64_t>(exponent - F::emin + F::precision));
  const std::uint64_t parts = std::uint64_t{1} << (bits - drawn), size = std::uint64_t{1} << drawn;
  for (std::uint64_t part = 0; part < parts; ++part) {
    const std::uint64_t significand = (parts + part) * size + random.below(size);
    visit(std::ldexp(static_cast<double>(significand), exponent - bits));
  }
}

template <class F>
FormLoss loss_of(double beta) {
  FormLoss out{F::id, beta, {}, std::numeric_limits<double>::infinity()};
  for (int exponent = F::emin - (F::precision - 1); exponent <= F::emax; ++exponent) {
    Tally tally(F::precision);
    for_each_value<F>(exponent, [&](double m) {
      const double result = composed<F>(beta, m);
      if (!std::isfinite(result)) out.overflows_from = std::min(out.overflows_from, m);
      tally.add(m, result);
    });
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
