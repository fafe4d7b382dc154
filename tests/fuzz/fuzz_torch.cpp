// Any bytes are either a checkpoint of PyTorch that survives being written as safetensors and read again, or
// one InputError.
#include <cstddef>
#include <cstdint>
#include <span>

#include "fuzz/checkpoint_laws.hpp"
#include "gradzone/io/torch_checkpoint.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    gradzone::fuzz::check_laws(gradzone::parse_torch(std::as_bytes(std::span(data, size)), "fuzz"));
  } catch (const gradzone::InputError&) {
  }
  return 0;
}
