#include "gradzone/zones/rounding_budget.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "gradzone/zones/gradient_error.hpp"
#include "gradzone/zones/label_noise.hpp"

namespace gradzone {
namespace {

/// p - 1 is off by at most so many roundings of numbers just below 1, or so many times what it is in our own
/// programs, whose logits may be off by more than that.
constexpr double label_roundings = 8;

constexpr double infinity = std::numeric_limits<double>::infinity();

/// The median of those that are neither 0 nor infinite; 0 if there are none.
double typical(std::vector<double> errors) {
  std::erase_if(errors, [](double e) { return e == 0 || !std::isfinite(e); });
  if (errors.empty()) return 0;
  const auto middle = errors.begin() + static_cast<std::ptrdiff_t>(errors.size() / 2);
  std::ranges::nth_element(errors, middle);
  return *middle;
}

void subtract_multiple(Gradient& from, double multiple, const Gradient& direction) {
  for (std::size_t p = 0; p < from.size(); ++p)
    for (Index i = 0; i < from[p].size(); ++i) from[p][i] -= multiple * direction[p][i];
}

}  // namespace

Gradient errors_of(const Gradient& computed, const std::vector<CertifiedTensor>& certified) {
  Gradient out;
  for (std::size_t p = 0; p < computed.size(); ++p) {
    Tensor<double>& errors = out.emplace_back(computed[p]);
    for (Index i = 0; i < errors.size(); ++i) {
      const Enclosure real = certified[p].enclosure(i);
      errors[i] = (errors[i] - real.high) - real.low;
    }
  }
  return out;
}

RoundingBudget::RoundingBudget(FormatId format, const std::vector<CertifiedTensor>& certified,
                               const std::vector<const Gradient*>& honest, Gradient label,
                               std::vector<bool> may_jump, Index batch)
    : format_(format),
      certified_(certified),
      label_(std::move(label)),
      may_jump_(std::move(may_jump)),
      batch_(batch) {
  for (const Gradient* gradient : honest) {
    Gradient& errors = errors_.emplace_back(errors_of(*gradient, certified));
    if (batch_ != 1) continue;
    const double error = common_multiple(errors, label_, may_jump_);
    largest_label_error_ = std::max(largest_label_error_, std::fabs(error));
    subtract_multiple(errors, error, label_);
  }
}

double RoundingBudget::label_rounding() const {
  return label_roundings * std::max(unit_in_last_place(0.5, format_), largest_label_error_);
}

double RoundingBudget::label_error(const Gradient& computed) const {
  if (batch_ != 1) return 0;
  const double out = common_multiple(errors_of(computed, certified_), label_, may_jump_);
  return std::fabs(out) <= label_rounding() ? out : 0;
}

ExpectedTensor RoundingBudget::expected(std::size_t p, double label_error) const {
  const CertifiedTensor& certified = certified_[p];
  ExpectedTensor out{Tensor<double>(certified.shape()), {}, {}, batch_};
  for (Index i = 0; i < certified.size(); ++i) {
    double error = 0;
    for (const Gradient& errors : errors_) {
      const double e = std::fabs(errors[p][i]);
      error = std::isfinite(e) ? std::max(error, e) : infinity;
    }
    out.budget.push_back(error);
    out.real[i] = certified.enclosure(i).high + label_error * label_[p][i];
  }
  const double usual = typical(out.budget);
  for (Index i = 0; i < certified.size(); ++i) {
    double& b = out.budget[static_cast<std::size_t>(i)];
    b = rounding_factor * (b + usual) + spare_ulps * unit_in_last_place(out.real[i], format_);
    if (batch_ > 1) b += label_rounding() * std::fabs(label_[p][i]);
  }
  return out;
}

}  // namespace gradzone
