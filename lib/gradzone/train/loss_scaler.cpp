#include "gradzone/train/loss_scaler.hpp"

#include <fmt/format.h>

#include <atomic>
#include <charconv>
#include <cmath>

#include "gradzone/base/error.hpp"
#include "gradzone/kernels/cpu/parallel.hpp"

namespace gradzone {
namespace {

constexpr float first_dynamic_scale = 65536;
constexpr float smallest_scale = 0x1p-126f;  // its inverse is still finite
constexpr int steps_to_grow = 2000;

}  // namespace

LossScaler LossScaler::parse(std::string_view text) {
  LossScaler out;
  if (text == "none") return out;
  if (text == "dynamic") {
    out.kind_ = Kind::dynamic;
    out.scale_ = first_dynamic_scale;
    return out;
  }
  constexpr std::string_view fixed = "fixed:";
  const char* end = text.data() + text.size();
  if (text.starts_with(fixed)) {
    const auto [stop, error] = std::from_chars(text.data() + fixed.size(), end, out.scale_);
    int exponent = 0;
    if (error == std::errc() && stop == end && std::frexp(out.scale_, &exponent) == 0.5f &&
        out.scale_ >= 0x1p-24f && out.scale_ <= 0x1p24f) {
      out.kind_ = Kind::fixed;
      return out;
    }
  }
  throw UsageError(
      fmt::format("loss scale \"{}\": there are none, dynamic and fixed:SCALE with a power of two "
                  "from 2^-24 to 2^24 (fixed:1024)",
                  text));
}

std::string LossScaler::text() const {
  if (kind_ == Kind::none) return "none";
  return kind_ == Kind::dynamic ? "dynamic" : fmt::format("fixed:{}", scale_);
}

bool LossScaler::update(bool finite) {
  if (kind_ == Kind::dynamic) {
    finite_steps_ = finite ? finite_steps_ + 1 : 0;
    if (!finite && scale_ > smallest_scale) scale_ *= 0.5f;
    if (finite_steps_ == steps_to_grow) {
      if (std::isfinite(scale_ * 2)) scale_ *= 2;
      finite_steps_ = 0;
    }
  }
  return finite || kind_ == Kind::none;
}

bool unscale(std::vector<Tensor<float>>& gradients, float scale) {
  const float inverse = 1 / scale;
  std::atomic<bool> finite = true;
  for (Tensor<float>& gradient : gradients) {
    cpu::parallel(gradient.size(), 1, [&](Index begin, Index end) {
      // x * 0 is 0 for a finite x, else NaN: a sum of them tells without a branch.
      float trace = 0;
      for (Index i = begin; i < end; ++i) {
        trace += gradient[i] * 0.0f;
        gradient[i] *= inverse;
      }
      if (std::isnan(trace)) finite = false;
    });
  }
  return finite;
}

}  // namespace gradzone
