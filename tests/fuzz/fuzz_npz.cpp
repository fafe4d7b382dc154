// Any bytes are either a zip of arrays, each of which is read or refused in one InputError, or one
// InputError.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "gradzone/base/error.hpp"
#include "gradzone/data/npz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const gradzone::NpzFile file(std::as_bytes(std::span(data, size)), "fuzz");
    for (const std::string& key : file.keys()) {
      try {
        const gradzone::NpyArray array = file.read(key);
        const auto count = static_cast<std::size_t>(gradzone::element_count(array.shape));
        if (array.values.size() != count * static_cast<std::size_t>(array.type.at(1) - '0')) std::abort();
      } catch (const gradzone::InputError&) {
      }
    }
  } catch (const gradzone::InputError&) {
  }
  return 0;
}
