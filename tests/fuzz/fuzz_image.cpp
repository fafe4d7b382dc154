// Any bytes are either an image whose size fits its height and width, or one InputError; what is an image can
// be scaled and cropped.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "gradzone/base/error.hpp"
#include "gradzone/data/image_file.hpp"
#include "gradzone/data/resize.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const gradzone::RgbImage image = gradzone::decode_image(std::as_bytes(std::span(data, size)), "fuzz");
    if (static_cast<gradzone::Index>(image.pixels.size()) != 3 * image.height * image.width) std::abort();
    constexpr gradzone::Index small = 200;  // what the library refuses or takes long over is of no interest
    if (image.height > small || image.width > small) return 0;
    gradzone::RandomStream random(size, "fuzz");
    const auto part = gradzone::cut(image, gradzone::draw_resized_crop(image.height, image.width, random));
    if (gradzone::resize(part, 8, 8).pixels.size() != 3 * 64) std::abort();
    if (gradzone::resized_centre(image, 8).pixels.size() != 3 * 64) std::abort();
  } catch (const gradzone::InputError&) {
  }
  return 0;
}
