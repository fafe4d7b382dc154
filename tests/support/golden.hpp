// Golden files: their formulas (tests/golden/golden_formulas.py) and numbers.
#pragma once

#include <cstdint>
#include <istream>
#include <string>

namespace gradzone::support {

/// 16-bit integers: word i of tensor number `tensor`.
inline std::uint32_t golden_word(std::uint64_t tensor, std::uint64_t i) {
  constexpr std::uint64_t modulus = std::uint64_t{1} << 32;
  std::uint64_t h = (i * 1103515245 + tensor * 362437 + 7919) % modulus;
  h = (h ^ (h >> 15)) * 1540483477 % modulus;
  h = (h ^ (h >> 13)) * 1274126177 % modulus;
  return static_cast<std::uint32_t>(h >> 16);
}

inline double next_number(std::istream& in) {
  std::string text;
  in >> text;
  return std::stod(text);  // reads hexadecimal floats, as operator>> does not
}

}  // namespace gradzone::support
