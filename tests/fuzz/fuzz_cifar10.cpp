// Any bytes are either whole images with labels 0 ... 9, or one InputError.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "gradzone/base/error.hpp"
#include "gradzone/data/cifar10.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::vector<std::uint8_t> pixels;
  std::vector<int> labels;
  try {
    gradzone::append_cifar10(std::as_bytes(std::span(data, size)), "fuzz", pixels, labels);
    if (labels.empty() || pixels.size() != labels.size() * 3072) std::abort();
    for (const int label : labels)
      if (label < 0 || label > 9) std::abort();
  } catch (const gradzone::InputError&) {
  }
  return 0;
}
