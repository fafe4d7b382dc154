#include "gradzone/io/stored_number.hpp"

#include <bit>

#include "gradzone/arith/formats.hpp"
#include "gradzone/arith/rounding.hpp"

namespace gradzone {

std::size_t element_bytes(StoredType type) {
  switch (type) {
    case StoredType::f64:
    case StoredType::i64:
      return 8;
    case StoredType::f32:
      return 4;
    case StoredType::f16:
    case StoredType::bf16:
      return 2;
  }
  return 0;
}

double decode_number(StoredType type, std::uint64_t bits) {
  switch (type) {
    case StoredType::f64:
      return std::bit_cast<double>(bits);
    case StoredType::f32:
      return static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(bits)));
    case StoredType::f16:
      return static_cast<double>(binary16_value(static_cast<std::uint16_t>(bits)));
    case StoredType::bf16:
      return static_cast<double>(bfloat16_value(static_cast<std::uint16_t>(bits)));
    case StoredType::i64:
      return static_cast<double>(static_cast<std::int64_t>(bits));
  }
  return 0;
}

std::uint64_t encode_number(StoredType type, double value) {
  switch (type) {
    case StoredType::f64:
      return std::bit_cast<std::uint64_t>(value);
    case StoredType::f32:
      return std::bit_cast<std::uint32_t>(static_cast<float>(value));
    case StoredType::f16:
      return binary16_bits(static_cast<float>(round_to_storage(FormatId::fp16, value)));
    case StoredType::bf16:
      return bfloat16_bits(static_cast<float>(round_to_storage(FormatId::bf16, value)));
    case StoredType::i64:
      return static_cast<std::uint64_t>(static_cast<std::int64_t>(value));
  }
  return 0;
}

}  // namespace gradzone
