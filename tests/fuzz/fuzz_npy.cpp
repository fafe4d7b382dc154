// Any bytes are either an array whose size fits its shape and type, or one InputError.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "gradzone/base/error.hpp"
#include "gradzone/data/npy.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const gradzone::NpyArray array = gradzone::parse_npy(std::as_bytes(std::span(data, size)), "fuzz");
    const auto count = static_cast<std::size_t>(gradzone::element_count(array.shape));
    if (array.values.size() != count * static_cast<std::size_t>(array.type.at(1) - '0')) std::abort();
  } catch (const gradzone::InputError&) {
  }
  return 0;
}
