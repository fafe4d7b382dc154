// Any bytes are either an IDX array whose size fits its shape, or one InputError.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "gradzone/base/error.hpp"
#include "gradzone/data/idx.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const gradzone::IdxArray array = gradzone::parse_idx(std::as_bytes(std::span(data, size)), "fuzz");
    if (static_cast<gradzone::Index>(array.values.size()) != gradzone::element_count(array.shape))
      std::abort();
  } catch (const gradzone::InputError&) {
  }
  return 0;
}
