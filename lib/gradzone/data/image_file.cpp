#include "gradzone/data/image_file.hpp"

#include <fmt/format.h>
#include <png.h>
#include <turbojpeg.h>

#include <memory>
#include <string_view>

#include "gradzone/base/error.hpp"

namespace gradzone {
namespace {

void check_size(Index height, Index width, const std::string& where) {
  if (height < 1 || width < 1 || height > most_image_pixels / width)
    throw InputError(
        fmt::format("{}: {} x {} pixels, at most {} are accepted", where, width, height, most_image_pixels));
}

/// To RGB, as JPEG files store CMYK: inverted, so that 255 is no ink.
std::vector<std::uint8_t> from_inverted_cmyk(const std::vector<std::uint8_t>& cmyk) {
  std::vector<std::uint8_t> rgb;
  rgb.reserve(cmyk.size() / 4 * 3);
  for (std::size_t i = 0; i < cmyk.size(); i += 4)
    for (std::size_t c = 0; c < 3; ++c)
      rgb.push_back(static_cast<std::uint8_t>((cmyk[i + c] * cmyk[i + 3] + 127) / 255));
  return rgb;
}

RgbImage decode_jpeg(std::span<const std::byte> file, const std::string& where) {
  const std::unique_ptr<void, decltype([](tjhandle h) { tjDestroy(h); })> decoder(tjInitDecompress());
  if (!decoder) throw std::bad_alloc();
  const auto refuse_unless = [&](bool good) {
    if (!good) throw InputError(fmt::format("{}: bad JPEG: {}", where, tjGetErrorStr2(decoder.get())));
  };
  const auto* bytes = reinterpret_cast<const unsigned char*>(file.data());
  int width = 0, height = 0, subsampling = 0, space = 0;
  refuse_unless(
      tjDecompressHeader3(decoder.get(), bytes, file.size(), &width, &height, &subsampling, &space) == 0);
  check_size(height, width, where);
  const bool cmyk = space == TJCS_CMYK || space == TJCS_YCCK;
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) *
                                   (cmyk ? 4 : 3));
  const int status = tjDecompress2(decoder.get(), bytes, file.size(), pixels.data(), width, 0, height,
                                   cmyk ? TJPF_CMYK : TJPF_RGB, TJFLAG_ACCURATEDCT | TJFLAG_LIMITSCANS);
  // Bytes between two markers do no harm and are found in published sets.
  const bool harmless =
      tjGetErrorCode(decoder.get()) == TJERR_WARNING &&
      std::string_view(tjGetErrorStr2(decoder.get())).find("extraneous bytes") != std::string_view::npos;
  refuse_unless(status == 0 || harmless);
  return {height, width, cmyk ? from_inverted_cmyk(pixels) : std::move(pixels)};
}

RgbImage decode_png(std::span<const std::byte> file, const std::string& where) {
  png_image png{};
  png.version = PNG_IMAGE_VERSION;
  const std::unique_ptr<png_image, decltype([](png_image* p) { png_image_free(p); })> freed(&png);
  const auto refuse_unless = [&](bool good) {
    if (!good) throw InputError(fmt::format("{}: bad PNG: {}", where, png.message));
  };
  refuse_unless(png_image_begin_read_from_memory(&png, file.data(), file.size()) != 0);
  check_size(png.height, png.width, where);
  png.format = PNG_FORMAT_RGB;
  RgbImage out{png.height, png.width, std::vector<std::uint8_t>(PNG_IMAGE_SIZE(png))};
  const png_color black{};
  refuse_unless(png_image_finish_read(&png, &black, out.pixels.data(), 0, nullptr) != 0);
  return out;
}

bool begins_with(std::span<const std::byte> file, std::string_view magic) {
  return std::string_view(reinterpret_cast<const char*>(file.data()), file.size()).starts_with(magic);
}

}  // namespace

RgbImage decode_image(std::span<const std::byte> file, const std::string& where) {
  if (begins_with(file, "\xFF\xD8\xFF")) return decode_jpeg(file, where);
  if (begins_with(file, "\x89PNG\r\n\x1A\n")) return decode_png(file, where);
  throw InputError(fmt::format("{}: neither JPEG nor PNG", where));
}

}  // namespace gradzone
