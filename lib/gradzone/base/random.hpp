// Random numbers that depend on (seed, stream, index) alone: the same on every machine and for every number
// of threads. A stream is named, so that adding one kind of randomness never shifts another.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "gradzone/base/tensor.hpp"

namespace gradzone {

/// SplitMix64 (Steele, Lea, Flood 2014) started from a hash of (seed, stream, index).
class RandomStream {
 public:
  RandomStream(std::uint64_t seed, std::string_view stream, std::uint64_t index = 0);

  std::uint64_t bits();
  /// Uniform on [0, 1): 53 random bits.
  double uniform();
  /// Uniform on [low, high).
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  /// Uniform on {0, ..., n-1} without bias; n > 0.
  std::uint64_t below(std::uint64_t n);

 private:
  std::uint64_t state_;
};

/// A uniformly random permutation of 0 ... n-1 (Fisher-Yates).
std::vector<Index> random_permutation(Index n, RandomStream& random);

}  // namespace gradzone
