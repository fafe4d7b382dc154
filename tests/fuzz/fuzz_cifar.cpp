// Any bytes are either whole images with labels in range, or one InputError.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "gradzone/base/error.hpp"
#include "gradzone/data/cifar.hpp"

namespace {

void offer(gradzone::Cifar kind, int classes, std::span<const std::byte> file) {
  std::vector<std::uint8_t> pixels;
  std::vector<int> labels;
  try {
    gradzone::append_cifar(kind, file, "fuzz", pixels, labels);
    if (labels.empty() || pixels.size() != labels.size() * 3072) std::abort();
    for (const int label : labels)
      if (label < 0 || label >= classes) std::abort();
  } catch (const gradzone::InputError&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto file = std::as_bytes(std::span(data, size));
  offer(gradzone::Cifar::cifar10, 10, file);
  offer(gradzone::Cifar::cifar100, 100, file);
  return 0;
}
