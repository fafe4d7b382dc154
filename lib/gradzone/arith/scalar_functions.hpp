// Functions of hyper-parameters, correctly rounded (to nearest even) in binary64, so that every machine
// trains with the same numbers. For a handful of calls a step, not for tensors: each call is MPFR's.
#pragma once

namespace gradzone {

/// x^n for n >= 0; 0^0 is 1.
double power_rounded(double x, unsigned long n);
double cos_rounded(double x);
double sin_rounded(double x);
/// log(1 + x); -inf at -1, NaN below.
double log1p_rounded(double x);

}  // namespace gradzone
