// BigFloat: an MPFR number that owns itself. Its precision in bits belongs to the value, not to a global
// setting.
#pragma once

#include <mpfr.h>

#include <utility>

namespace gradzone {

class BigFloat {
 public:
  /// Zero with the given precision in bits.
  explicit BigFloat(mpfr_prec_t bits = 53) {
    mpfr_init2(value_, bits);
    mpfr_set_zero(value_, 1);
  }
  /// The double, exactly. Precondition: finite.
  static BigFloat exactly(double x) {
    BigFloat out(53);
    mpfr_set_d(out.value_, x, MPFR_RNDN);
    return out;
  }
  BigFloat(const BigFloat& other) {
    mpfr_init2(value_, mpfr_get_prec(other.value_));
    mpfr_set(value_, other.value_, MPFR_RNDN);
  }
  BigFloat(BigFloat&& other) noexcept {
    value_[0] = other.value_[0];
    other.value_[0]._mpfr_d = nullptr;  // moved-from: only destruction and assignment are allowed
  }
  BigFloat& operator=(BigFloat other) noexcept {
    std::swap(value_[0], other.value_[0]);
    return *this;
  }
  ~BigFloat() {
    if (value_[0]._mpfr_d) mpfr_clear(value_);
  }

  mpfr_ptr get() { return value_; }
  mpfr_srcptr get() const { return value_; }
  mpfr_prec_t bits() const { return mpfr_get_prec(value_); }
  bool is_zero() const { return mpfr_zero_p(value_) != 0; }
  int sign() const { return mpfr_sgn(value_); }

 private:
  mpfr_t value_;
};

}  // namespace gradzone
