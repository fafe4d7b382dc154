// Any bytes are either a checkpoint that survives being written and read again, or one InputError. What is
// accepted is also offered to networks, as parameters and as gradients, which may refuse it, but only with an
// InputError.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "gradzone/base/error.hpp"
#include "gradzone/io/checkpoint.hpp"
#include "gradzone/io/gradient_dump.hpp"
#include "gradzone/io/safetensors.hpp"
#include "gradzone/nets/nets.hpp"

namespace {

void offer(const gradzone::Checkpoint& checkpoint) {
  static const gradzone::Graph small = gradzone::make_net("mlp:1x1", gradzone::BatchNorm::Mode::evaluation);
  try {
    gradzone::parameters_for(small, checkpoint, "fuzz");
  } catch (const gradzone::InputError&) {
  }
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
    const auto written = gradzone::safetensors_bytes(checkpoint);
    if (gradzone::safetensors_bytes(gradzone::parse_safetensors(written, "again")) != written) std::abort();
  } catch (const gradzone::InputError&) {
  }
  return 0;
}
