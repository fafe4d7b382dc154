#include "gradzone/arith/elementary.hpp"

#include <mpfr.h>

#include <cmath>

namespace gradzone {
namespace {

// The C library's double exp and log are good to far better than this in every implementation in use; what
// they return only decides whether the exact answer is clear, so the result does not depend on the library.
constexpr double library_error = 0x1p-46;

using Function = int (*)(mpfr_t, const mpfr_t, mpfr_rnd_t);

/// f(x) rounded once to `precision` bits with the exponent range of the target format, subnormals included.
double rounded_by_mpfr(Function f, double x, mpfr_prec_t precision, mpfr_exp_t emin, mpfr_exp_t emax) {
  const mpfr_exp_t old_emin = mpfr_get_emin();
  const mpfr_exp_t old_emax = mpfr_get_emax();
  mpfr_t in;
  mpfr_t out;
  mpfr_init2(in, 53);
  mpfr_init2(out, precision);
  mpfr_set_d(in, x, MPFR_RNDN);
  mpfr_set_emin(emin);
  mpfr_set_emax(emax);
  int ternary = f(out, in, MPFR_RNDN);
  ternary = mpfr_check_range(out, ternary, MPFR_RNDN);
  mpfr_subnormalize(out, ternary, MPFR_RNDN);
  const double result = mpfr_get_d(out, MPFR_RNDN);
  mpfr_clear(in);
  mpfr_clear(out);
  mpfr_set_emin(old_emin);
  mpfr_set_emax(old_emax);
  return result;
}

float to_float(Function f, double library_value, float x) {
  const double margin = std::fabs(library_value) * library_error;
  const float low = static_cast<float>(library_value - margin);
  const float high = static_cast<float>(library_value + margin);
  if (low == high && std::isnormal(low)) return low;
  return static_cast<float>(rounded_by_mpfr(f, static_cast<double>(x), 24, -148, 128));
}

}  // namespace

float exp_rounded(float x) {
  return std::isnan(x) ? x : to_float(mpfr_exp, std::exp(static_cast<double>(x)), x);
}

float log_rounded(float x) {
  return std::isnan(x) ? x : to_float(mpfr_log, std::log(static_cast<double>(x)), x);
}

double exp_rounded(double x) {
  return std::isnan(x) ? x : rounded_by_mpfr(mpfr_exp, x, 53, -1073, 1024);
}

double log_rounded(double x) {
  return std::isnan(x) ? x : rounded_by_mpfr(mpfr_log, x, 53, -1073, 1024);
}

}  // namespace gradzone
