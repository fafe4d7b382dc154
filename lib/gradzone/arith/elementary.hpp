// exp and log, correctly rounded (to nearest even) in binary32 and binary64: the one result that every
// machine agrees on. A fast double evaluation decides when it is clear how the result rounds; MPFR decides
// the rest.
#pragma once

namespace gradzone {

/// Error bound: half an ulp. exp(-inf) = 0, exp(inf) = inf, exp(NaN) = NaN; subnormal results are kept.
float exp_rounded(float x);
double exp_rounded(double x);
/// Error bound: half an ulp. log(0) = -inf, log of a negative number or NaN is NaN.
float log_rounded(float x);
double log_rounded(double x);

}  // namespace gradzone
