// Any bytes in a file are either SVHN's images with labels 0 ... 9, or one InputError. matio reads files by
// name only, and asks for the memory that a header promises: run this with -malloc_limit_mb=0
// -rss_limit_mb=0.
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "gradzone/base/error.hpp"
#include "gradzone/data/svhn.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const int file = ::memfd_create("fuzz.mat", MFD_CLOEXEC);
  static const std::string path = "/proc/self/fd/" + std::to_string(file);
  if (::ftruncate(file, 0) != 0 || ::pwrite(file, data, size, 0) != static_cast<ssize_t>(size)) std::abort();
  try {
    const gradzone::Dataset images = gradzone::load_svhn(path, "train");
    for (const int label : images.labels())
      if (label < 0 || label > 9) std::abort();
  } catch (const gradzone::InputError&) {
  }
  return 0;
}
