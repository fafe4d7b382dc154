#include "gradzone/zones/gradient_error.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "gradzone/arith/formats.hpp"

namespace gradzone {
namespace {

/// Keeps `digits` significant decimal digits, so that the last bits of the C library's log and atan never
/// show.
double rounded(double x, int digits) {
  if (x == 0 || !std::isfinite(x)) return x;
  const double scale = std::pow(10.0, digits - 1 - static_cast<int>(std::floor(std::log10(std::fabs(x)))));
  return std::isfinite(scale) && scale != 0 ? std::round(x * scale) / scale : x;
}

struct Storage {
  int precision, emin;
};
Storage storage_of(FormatId id) {
  return visit_format(id, [](auto f) {
    return Storage{decltype(f)::type::precision, decltype(f)::type::emin};
  });
}

double ulp(double x, Storage storage) {
  const int exponent = x == 0 ? storage.emin : std::max(std::ilogb(x), storage.emin);
  return std::ldexp(1.0, exponent - (storage.precision - 1));
}

/// Error figures of a set of entries, added one by one.
class ErrorTally {
 public:
  explicit ErrorTally(Storage storage) : storage_(storage) {}

  void add(double computed, const Enclosure& real) {
    ++entries_;
    const double high = real.high;
    if (!std::isfinite(computed)) {
      ++overflowed_;
      return;
    }
    // computed - high is exact where the two are close.
    const double error = (computed - high) - real.low;
    const bool exact_zero_error = error == 0 && real.exact;
    if (!exact_zero_error && !(1000 * real.radius <= std::fabs(error))) {
      ++unquoted_;
      return;
    }
    const int real_sign = (high > 0) - (high < 0), computed_sign = (computed > 0) - (computed < 0);
    if (real_sign * computed_sign < 0) ++wrong_sign_;
    if (computed == 0 && real_sign != 0) ++flushed_;
    if (computed == 0 && real_sign == 0) return;  // a zero that is right has no significant bits to count
    dot_cr_ += computed * high;
    dot_rr_ += high * high;
    errors_.push_back({error, high});
    const double relative =
        error == 0 ? 0 : std::fabs(error) / std::fabs(high);  // inf where the real value is 0
    relative_.push_back(relative);
    ulp_max_ = std::max(ulp_max_, std::fabs(error) / ulp(high, storage_));
  }

  GradientRecord record() {
    GradientRecord out;
    const auto share = [&](Index count) {
      return entries_ ? static_cast<double>(count) / static_cast<double>(entries_) : 0;
    };
    out.entries = entries_;
    out.unquoted = unquoted_;
    out.wrong_sign_share = share(wrong_sign_);
    out.flushed_share = share(flushed_);
    out.overflow_share = share(overflowed_);
    std::sort(relative_.begin(), relative_.end());
    out.relative_error_max = relative_.empty() ? not_quoted : relative_.back();
    out.relative_error_median = at_share(0.5);
    out.ulp_error_max = relative_.empty() ? not_quoted : ulp_max_;
    out.bits_median = bits(at_share(0.5));
    out.bits_worst_1_percent = bits(at_share(0.99));
    out.angle = angle();
    return out;
  }

 private:
  static constexpr double not_quoted = std::numeric_limits<double>::quiet_NaN();

  /// The relative error that this share of the entries does not exceed.
  double at_share(double q) const {
    if (relative_.empty()) return not_quoted;
    const auto rank = static_cast<std::size_t>(std::ceil(q * static_cast<double>(relative_.size())));
    return relative_[std::max<std::size_t>(rank, 1) - 1];
  }

  /// Correct significant bits, between 0 and the storage precision.
  double bits(double relative) const {
    if (std::isnan(relative)) return relative;
    const double precision = storage_.precision;
    if (relative == 0) return precision;
    return relative >= 1 ? 0 : rounded(std::min(-std::log2(relative), precision), 5);
  }

  /// The angle between computed and real, from the part of the error perpendicular to the real gradient.
  double angle() const {
    if (errors_.empty() || dot_rr_ == 0) return not_quoted;
    double along = 0;
    for (const auto& [error, real] : errors_) along += error * real;
    along /= dot_rr_;
    double across = 0;
    for (const auto& [error, real] : errors_) across += (error - along * real) * (error - along * real);
    return rounded(std::atan2(std::sqrt(across), dot_cr_ / std::sqrt(dot_rr_)), 6);
  }

  struct Entry {
    double error, real;
  };
  Storage storage_;
  Index entries_ = 0, unquoted_ = 0, wrong_sign_ = 0, flushed_ = 0, overflowed_ = 0;
  double ulp_max_ = 0, dot_cr_ = 0, dot_rr_ = 0;
  std::vector<double> relative_;
  std::vector<Entry> errors_;
};

}  // namespace

std::vector<GradientRecord> gradient_errors(const Graph& graph, const std::vector<Tensor<double>>& computed,
                                            const std::vector<CertifiedTensor>& certified, FormatId format) {
  const Storage storage = storage_of(format);
  ErrorTally whole(storage);
  std::vector<GradientRecord> out;
  for (std::size_t p = 0; p < computed.size(); ++p) {
    if (computed[p].empty()) continue;
    ErrorTally tally(storage);
    for (Index i = 0; i < computed[p].size(); ++i) {
      const Enclosure real = certified[p].enclosure(i);
      tally.add(computed[p][i], real);
      whole.add(computed[p][i], real);
    }
    out.push_back(tally.record());
    out.back().tensor = graph.parameters()[p].name;
  }
  out.push_back(whole.record());
  out.back().tensor = "*";
  return out;
}

double unit_in_last_place(double x, FormatId format) {
  return ulp(x, storage_of(format));
}

}  // namespace gradzone
