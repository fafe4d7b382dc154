#include "gradzone/nets/torch_generator.hpp"

#include <bit>
#include <cmath>
#include <numbers>

#include "gradzone/arith/scalar_functions.hpp"

namespace gradzone {
namespace {

/// The polynomial with these coefficients, highest first, by Horner's rule with fused multiply-adds.
template <std::size_t n>
float horner(const float (&coefficients)[n], float x) {
  float sum = coefficients[0];
  for (std::size_t i = 1; i < n; ++i) sum = std::fma(sum, x, coefficients[i]);
  return sum;
}

// Cephes's logarithm, sine and cosine in binary32 (Moshier 1989), in the order in which PyTorch's AVX2 code
// (after Pommier's vectorised version) adds and fuses.

/// x > 0 and normal.
float cephes_log(float x) {
  constexpr float coefficients[] = {7.0376836292e-2f,  -1.1514610310e-1f, 1.1676998740e-1f,
                                    -1.2420140846e-1f, 1.4249322787e-1f,  -1.6668057665e-1f,
                                    2.0000714765e-1f,  -2.4999993993e-1f, 3.3333331174e-1f};
  constexpr float ln2_low = -2.12194440e-4f, ln2_high = 0.693359375f, sqrt_half = 0.707106781186547524f;
  int exponent = 0;
  float m = std::frexp(x, &exponent);  // in [1/2, 1)
  float e = static_cast<float>(exponent);
  if (m < sqrt_half) {
    e -= 1;
    m = (m - 1) + m;
  } else {
    m = m - 1;
  }
  const float z = m * m;
  float y = horner(coefficients, m) * m;
  y = std::fma(y, z, e * ln2_low) - 0.5f * z;
  return std::fma(e, ln2_high, m + y);
}

struct SineCosine {
  float sine, cosine;
};

/// 0 <= x < 8192.
SineCosine cephes_sin_cos(float x) {
  constexpr float cosine[] = {2.443315711809948e-5f, -1.388731625493765e-3f, 4.166664568298827e-2f};
  constexpr float sine[] = {-1.9515295891e-4f, 8.3321608736e-3f, -1.6666654611e-1f};
  constexpr float four_over_pi = 1.27323954473516f;
  const std::uint32_t octant = (static_cast<std::uint32_t>(x * four_over_pi) + 1) & ~1u;
  const float j = static_cast<float>(octant);
  x = std::fma(j, -0.78515625f, x);  // pi / 4 in three parts
  x = std::fma(j, -2.4187564849853515625e-4f, x);
  x = std::fma(j, -3.77489497744594108e-8f, x);
  const float z = x * x;
  const float c = std::fma(horner(cosine, z) * z, z, -0.5f * z) + 1;
  const float s = std::fma(horner(sine, z) * z, x, x);
  const bool swapped = octant & 2;
  const float sin_sign = octant & 4 ? -1.0f : 1.0f, cos_sign = (octant - 2) & 4 ? 1.0f : -1.0f;
  return {sin_sign * (swapped ? c : s), cos_sign * (swapped ? s : c)};
}

}  // namespace

void TorchGenerator::uniform(std::span<float> values, double low, double high) {
  const float from = static_cast<float>(low), range = static_cast<float>(high) - from;
  for (float& v : values) v = std::fma(uniform24(), range, from);
}

void TorchGenerator::normal(std::span<float> values, double mean, double deviation) {
  constexpr std::size_t block = 16;
  if (values.size() < block) {
    for (float& v : values) v = static_cast<float>(std::fma(one_normal(), deviation, mean));
    return;
  }
  const float m = static_cast<float>(mean), d = static_cast<float>(deviation);
  for (float& v : values) v = uniform24();
  for (std::size_t i = 0; i + block <= values.size(); i += block)
    box_muller(values.subspan(i).first<block>(), m, d);
  if (values.size() % block == 0) return;
  const auto last = values.last<block>();  // the last 16 are drawn anew
  for (float& v : last) v = uniform24();
  box_muller(last, m, d);
}

double TorchGenerator::uniform53() {
  const std::uint64_t high = engine_(), bits = (high << 32) | engine_();
  return static_cast<double>(bits & ((std::uint64_t{1} << 53) - 1)) * 0x1p-53;
}

double TorchGenerator::one_normal() {
  if (kept_) {
    const double kept = *kept_;
    kept_.reset();
    return kept;
  }
  const double u1 = uniform53(), u2 = uniform53();
  const double radius = std::sqrt(-2 * log1p_rounded(-u2)), angle = 2 * std::numbers::pi * u1;
  kept_ = radius * sin_rounded(angle);
  return radius * cos_rounded(angle);
}

void TorchGenerator::box_muller(std::span<float, 16> values, float mean, float deviation) {
  constexpr float two_pi = 2 * std::numbers::pi_v<float>;
  for (std::size_t i = 0; i < 8; ++i) {
    const float radius = std::sqrt(-2 * cephes_log(1 - values[i]));
    const auto [sine, cosine] = cephes_sin_cos(two_pi * values[i + 8]);
    values[i] = std::fma(radius * cosine, deviation, mean);
    values[i + 8] = std::fma(radius * sine, deviation, mean);
  }
}

}  // namespace gradzone
