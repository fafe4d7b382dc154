#include "gradzone/zones/gradient_defect.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

namespace gradzone {
namespace {

double budget_of(const ExpectedTensor& expected, Index i) {
  return expected.budget[static_cast<std::size_t>(i)];
}

/// False for NaN.
bool within(double computed, double real, double budget) {
  return std::fabs(computed - real) <= budget || budget == std::numeric_limits<double>::infinity();
}

/// Whether `explains(i)` holds for every entry that rounding does not make arbitrary.
template <class Explains>
bool every_entry(const ExpectedTensor& expected, Explains explains) {
  for (Index i = 0; i < expected.real.size(); ++i) {
    if (std::isfinite(budget_of(expected, i)) && !explains(i)) return false;
  }
  return true;
}

/// The multiple of `direction` that is nearest to `values`; nothing if it is 0 everywhere.
template <class Value>
std::optional<double> multiple_of(const Tensor<double>& direction, const ExpectedTensor& expected,
                                  Value value) {
  double along = 0, length = 0;
  const double unit = *std::max_element(direction.data.begin(), direction.data.end(),
                                        [](double a, double b) { return std::fabs(a) < std::fabs(b); });
  for (Index i = 0; i < direction.size(); ++i) {
    if (!std::isfinite(budget_of(expected, i))) continue;
    const double d = direction[i] / unit;  // no square leaves the range of doubles
    along += value(i) * d;
    length += d * d;
  }
  if (unit == 0 || length == 0) return std::nullopt;
  const double out = along / length / unit;
  return std::isfinite(out) ? std::optional(out) : std::nullopt;
}

std::optional<double> factor_of_all(const Tensor<double>& computed, const ExpectedTensor& expected) {
  const auto factor = multiple_of(expected.real, expected, [&](Index i) { return computed[i]; });
  if (!factor) return std::nullopt;
  const double widening = std::max(1.0, std::fabs(*factor));
  const bool fits = every_entry(expected, [&](Index i) {
    return within(computed[i], *factor * expected.real[i], widening * budget_of(expected, i));
  });
  return fits ? factor : std::nullopt;
}

std::optional<double> weight_decay(const Tensor<double>& computed, const ExpectedTensor& expected) {
  const Tensor<double>& real = expected.real;
  const auto factor =
      multiple_of(expected.parameter, expected, [&](Index i) { return computed[i] - real[i]; });
  if (!factor) return std::nullopt;
  const bool fits = every_entry(expected, [&](Index i) {
    return within(computed[i], real[i] + *factor * expected.parameter[i], budget_of(expected, i));
  });
  return fits ? factor : std::nullopt;
}

/// The offset of entry i of a tensor of this shape after its two axes are exchanged. They are equally long.
Index exchanged(Index i, const Shape& shape, std::size_t a, std::size_t b) {
  std::vector<Index> at(shape.size());
  for (std::size_t k = shape.size(); k-- > 0; i /= shape[k]) at[k] = i % shape[k];
  std::swap(at[a], at[b]);
  Index out = 0;
  for (std::size_t k = 0; k < shape.size(); ++k) out = out * shape[k] + at[k];
  return out;
}

bool find_exchanged_axes(const Tensor<double>& computed, const ExpectedTensor& expected, Defect& defect) {
  const Shape& shape = expected.real.shape;
  for (std::size_t a = 0; a < shape.size(); ++a)
    for (std::size_t b = a + 1; b < shape.size(); ++b) {
      if (shape[a] != shape[b]) continue;
      const bool fits = every_entry(expected, [&](Index i) {
        return within(computed[exchanged(i, shape, a, b)], expected.real[i], budget_of(expected, i));
      });
      if (!fits) continue;
      defect.axis = a;
      defect.other_axis = b;
      return true;
    }
  return false;
}

void count_over_budget(const Tensor<double>& computed, const ExpectedTensor& expected, Defect& defect) {
  double worst = 0;
  for (Index i = 0; i < computed.size(); ++i) {
    const double budget = budget_of(expected, i), error = std::fabs(computed[i] - expected.real[i]);
    if (within(computed[i], expected.real[i], budget)) continue;
    if (defect.entries++ == 0) defect.first = i;
    const double excess = std::isnan(error) ? std::numeric_limits<double>::infinity() : error / budget;
    if (defect.entries > 1 && !(excess > worst)) continue;
    worst = excess;
    defect.worst = i;
    defect.computed = computed[i];
    defect.real = expected.real[i];
  }
}

}  // namespace

Defect find_defect(const Tensor<double>& computed, const ExpectedTensor& expected) {
  using Kind = Defect::Kind;
  Defect out;
  count_over_budget(computed, expected, out);
  if (out.entries == 0) return out;
  const auto over_budget_all = [&](auto explains) {
    return every_entry(expected, [&](Index i) {
      return within(computed[i], expected.real[i], budget_of(expected, i)) || explains(i);
    });
  };
  if (!every_entry(expected, [&](Index i) { return std::isfinite(computed[i]); })) {
    out.kind = Kind::not_finite;
  } else if (every_entry(expected, [&](Index i) { return computed[i] == 0; })) {
    out.kind = Kind::zero;
  } else if (const auto factor = factor_of_all(computed, expected)) {
    out.kind = Kind::factor;
    out.factor = *factor;
  } else if (find_exchanged_axes(computed, expected, out)) {
    out.kind = Kind::axes;
  } else if (over_budget_all(
                 [&](Index i) { return within(computed[i], -expected.real[i], budget_of(expected, i)); })) {
    out.kind = Kind::signs;
  } else if (const auto decay = weight_decay(computed, expected)) {
    out.kind = Kind::decay;
    out.factor = *decay;
  } else {
    out.kind = over_budget_all([&](Index i) { return computed[i] == 0; }) ? Kind::cut : Kind::other;
  }
  return out;
}

double share_of_budget(const Tensor<double>& computed, const ExpectedTensor& expected) {
  double out = 0;
  for (Index i = 0; i < computed.size(); ++i) {
    const double budget = budget_of(expected, i), error = std::fabs(computed[i] - expected.real[i]);
    if (!std::isfinite(budget) || error == 0) continue;
    if (std::isnan(error)) return std::numeric_limits<double>::infinity();
    out = std::max(out, error / budget);
  }
  return out;
}

bool is_unmistakable(Defect::Kind kind, Index entries) {
  constexpr Index many = 16;  // so many do not jump by one factor, or all to zero
  switch (kind) {
    case Defect::Kind::not_finite:
    case Defect::Kind::axes:
    case Defect::Kind::decay:
      return true;
    case Defect::Kind::zero:
    case Defect::Kind::factor:
    case Defect::Kind::signs:
      return entries >= many;
    case Defect::Kind::none:
    case Defect::Kind::cut:
    case Defect::Kind::other:
      break;
  }
  return false;
}

std::string factor_text(double factor, Index batch) {
  const auto is = [&](double value) { return std::fabs(factor / value - 1) < 1e-3; };
  const double n = static_cast<double>(batch);
  if (is(-1)) return "the sign of every entry is turned round";
  if (batch > 1 && is(n))
    return fmt::format("{} times too large: the sum over the batch instead of the mean?", batch);
  if (batch > 1 && is(1 / n)) return fmt::format("{} times too small: divided by the batch twice?", batch);
  if (const double power = std::exp2(std::round(std::log2(factor))); factor > 3 && is(power))
    return fmt::format("{} times too large: a loss scale that was not divided out?", power);
  return fmt::format("scaled by {}", std::fabs(factor) >= 0.1 && std::fabs(factor) < 10
                                         ? fmt::format("{:.4f}", factor)
                                         : fmt::format("{:.5g}", factor));
}

std::string defect_text(const Defect& defect, const std::string& tensor, Index batch) {
  const std::string first = fmt::format("first at {}[{}]", tensor, defect.first);
  const char* plural = defect.entries == 1 ? "" : "s";
  switch (defect.kind) {
    case Defect::Kind::none:
      return "";
    case Defect::Kind::not_finite:
      return fmt::format("NaN or infinity, {}", first);
    case Defect::Kind::zero:
      return "all zero: detached, or never reached?";
    case Defect::Kind::factor:
      return factor_text(defect.factor, batch);
    case Defect::Kind::axes:
      return fmt::format("transposed: axes {} and {} are exchanged", defect.axis, defect.other_axis);
    case Defect::Kind::signs:
      return fmt::format("{} sign{} flipped, {}", defect.entries, plural, first);
    case Defect::Kind::decay:
      return fmt::format("{:.4g} times the parameters is added: weight decay?", defect.factor);
    case Defect::Kind::cut:
      return fmt::format("{} entr{} 0 and should not be, {}: a term is missing?", defect.entries,
                         defect.entries == 1 ? "y is" : "ies are", first);
    case Defect::Kind::other:
      return fmt::format("{} entr{} off, {}; worst at [{}]: {:.6g} in place of {:.6g}", defect.entries,
                         defect.entries == 1 ? "y is" : "ies are", first, defect.worst, defect.computed,
                         defect.real);
  }
  return "";
}

}  // namespace gradzone
