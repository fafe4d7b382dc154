#include "gradzone/arith/scalar_functions.hpp"

#include <mpfr.h>

namespace gradzone {
namespace {

/// What f(out, in) leaves in `out`, rounded to binary64. MPFR rounds to 53 bits with a wide exponent range;
/// mpfr_get_d rounds again only for subnormal results, which training does not meet.
template <class Function>
double rounded(double x, const Function& f) {
  mpfr_t value;
  mpfr_init2(value, 53);
  mpfr_set_d(value, x, MPFR_RNDN);
  f(value);
  const double result = mpfr_get_d(value, MPFR_RNDN);
  mpfr_clear(value);
  return result;
}

}  // namespace

double power_rounded(double x, unsigned long n) {
  return rounded(x, [n](mpfr_t v) { mpfr_pow_ui(v, v, n, MPFR_RNDN); });
}

double cos_rounded(double x) {
  return rounded(x, [](mpfr_t v) { mpfr_cos(v, v, MPFR_RNDN); });
}

double sin_rounded(double x) {
  return rounded(x, [](mpfr_t v) { mpfr_sin(v, v, MPFR_RNDN); });
}

double log1p_rounded(double x) {
  return rounded(x, [](mpfr_t v) { mpfr_log1p(v, v, MPFR_RNDN); });
}

}  // namespace gradzone
