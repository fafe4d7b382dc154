#include "gradzone/base/random.hpp"

#include <utility>

namespace gradzone {
namespace {

constexpr std::uint64_t golden = 0x9E3779B97F4A7C15u;

std::uint64_t mix(std::uint64_t z) {
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

}  // namespace

RandomStream::RandomStream(std::uint64_t seed, std::string_view stream, std::uint64_t index)
    : state_(mix(seed + golden)) {
  for (const char c : stream) state_ = mix(state_ ^ static_cast<unsigned char>(c)) + golden;
  state_ = mix(state_ ^ mix(index + golden));
}

std::uint64_t RandomStream::bits() {
  return mix(state_ += golden);
}

double RandomStream::uniform() {
  return static_cast<double>(bits() >> 11) * 0x1p-53;
}

std::uint64_t RandomStream::below(std::uint64_t n) {
  const std::uint64_t limit = UINT64_MAX - UINT64_MAX % n;
  std::uint64_t x = bits();
  while (x >= limit) x = bits();
  return x % n;
}

std::vector<Index> random_permutation(Index n, RandomStream& random) {
  std::vector<Index> p(static_cast<std::size_t>(n));
  for (Index i = 0; i < n; ++i) p[static_cast<std::size_t>(i)] = i;
  for (Index i = n - 1; i > 0; --i) {
    std::swap(p[static_cast<std::size_t>(i)], p[random.below(static_cast<std::uint64_t>(i) + 1)]);
  }
  return p;
}

}  // namespace gradzone
