// Any bytes are either a checkpoint that survives being written and read again, or one InputError.
#include <cstddef>
#include <cstdint>
#include <span>

#include "fuzz/checkpoint_laws.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    gradzone::fuzz::check_laws(gradzone::parse_safetensors(std::as_bytes(std::span(data, size)), "fuzz"));
  } catch (const gradzone::InputError&) {
  }
  return 0;
}
