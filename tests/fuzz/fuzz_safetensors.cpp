// Any bytes are either a checkpoint that survives being written and read again, or one InputError. What is
// accepted is also offered to networks, as parameters and as gradients, which may refuse it, but only with an
// InputError.
#include <cstddef>
#include <cstdint>
#include <span>

#include "fuzz/checkpoint_laws.hpp"
#include "gradzone/io/gradient_dump.hpp"

namespace {

/// Gradients, if networks take it for that; refused only with an InputError.
void offer(const gradzone::Checkpoint& checkpoint) {
  static const gradzone::Graph small = gradzone::make_net("mlp:1x1", gradzone::BatchNorm::Mode::evaluation);
  try {
    gradzone::gradient_dump(small, checkpoint, {.allow_missing = true, .transposed = {}}, "fuzz");
  } catch (const gradzone::InputError&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const auto checkpoint = gradzone::parse_safetensors(std::as_bytes(std::span(data, size)), "fuzz");
    offer(checkpoint);
    gradzone::fuzz::check_laws(checkpoint);
  } catch (const gradzone::InputError&) {
  }
  return 0;
}
