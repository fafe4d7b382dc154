// The formats of a training as types: what is computed in, and what parameters are kept in. The two have the
// same carrier.
#pragma once

#include "gradzone/kernels/amp16_kernels.hpp"

namespace gradzone {

/// Everything in one format.
template <class F>
struct Uniform {
  using Computed = F;
  using Kept = F;
  static constexpr bool mixed = false;
};

struct Amp16 {
  using Computed = Fp16;
  using Kept = Fp32;
  static constexpr bool mixed = true;
};

/// The kernels of a mix; make(std::type_identity<F>) are those of a format.
template <class Mix, class Make>
auto kernels_of(const Make& make) {
  if constexpr (Mix::mixed) {
    return make_amp16_kernels(make(std::type_identity<Fp16>()), make(std::type_identity<Fp32>()));
  } else {
    return make(std::type_identity<typename Mix::Computed>());
  }
}

}  // namespace gradzone
