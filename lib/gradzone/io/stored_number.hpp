// One stored number: its bits, little-endian in a file, and its value.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "gradzone/io/safetensors.hpp"

namespace gradzone {

/// Whole numbers up to this are doubles exactly; readers refuse larger ones.
inline constexpr double largest_exact_integer = 0x1p53;

std::size_t element_bytes(StoredType type);

/// The bits of at most eight little-endian bytes.
inline std::uint64_t load_bits(std::span<const std::byte> bytes) {
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) bits |= std::to_integer<std::uint64_t>(bytes[i]) << (8 * i);
  return bits;
}

/// Exact, except that an i64 beyond 2^53 is rounded.
double decode_number(StoredType type, std::uint64_t bits);

/// Rounded to nearest even into the type.
std::uint64_t encode_number(StoredType type, double value);

}  // namespace gradzone
