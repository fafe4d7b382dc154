// PyTorch's CPU random numbers, bit for bit, so that a seed gives the weights that PyTorch gives.
#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <span>

namespace gradzone {

/// The default generator of PyTorch 1.13 on a CPU after torch.manual_seed(seed): MT19937, of whose seed only
/// the low 32 bits count. Draws consume it as PyTorch's do, in sequence.
///
/// PyTorch's own numbers depend on the machine. These are those of x86 with AVX2 or AVX-512 (as Debian 12
/// builds it), where uniform draws are scaled by a fused multiply-add and 16 or more normal draws use
/// polynomials for the logarithm, sine and cosine; its plain code (ATEN_CPU_CAPABILITY=default, machines that
/// are not x86) differs in the last bits. Fewer than 16 normal draws use functions of the C library, which
/// are correctly rounded here: a draw could differ where the library's error is just enough to change a
/// rounding to binary32.
class TorchGenerator {
 public:
  explicit TorchGenerator(std::uint64_t seed) : engine_(static_cast<std::uint32_t>(seed)) {}

  /// Tensor.uniform_(low, high) of a contiguous binary32 tensor.
  void uniform(std::span<float> values, double low, double high);
  /// Tensor.normal_(mean, deviation) of a contiguous binary32 tensor.
  void normal(std::span<float> values, double mean, double deviation);

 private:
  /// On [0, 1), with 24 or 53 random bits.
  float uniform24() { return static_cast<float>(engine_() & 0xFFFFFFu) * 0x1p-24f; }
  double uniform53();
  /// One variate by Box and Muller's transform; the other one of the pair is kept for the next call.
  double one_normal();
  /// The transform of eight pairs of uniform numbers, (values[i], values[i + 8]), in place.
  static void box_muller(std::span<float, 16> values, float mean, float deviation);

  std::mt19937 engine_;
  std::optional<double> kept_;
};

}  // namespace gradzone
