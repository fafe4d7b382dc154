#include "gradzone/data/cifar10.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "gradzone/base/error.hpp"
#include "gradzone/base/file.hpp"
#include "gradzone/data/gzip.hpp"
#include "gradzone/data/mnist.hpp"

namespace gradzone {
namespace {

constexpr int classes = 10;
constexpr std::size_t image_bytes = 3 * 32 * 32, record_bytes = 1 + image_bytes, most_images = 60000;
constexpr std::size_t largest_file = most_images * record_bytes;
constexpr float mean[] = {0.4914f, 0.4822f, 0.4465f}, deviation[] = {0.2023f, 0.1994f, 0.2010f};

std::vector<std::filesystem::path> files_of(const std::filesystem::path& path, std::string_view split) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored))
    throw InputError(fmt::format("{}: no such file or folder; CIFAR-10's binary files are looked for there",
                                 path.string()));
  if (!std::filesystem::is_directory(path, ignored)) return {path};
  std::vector<std::string> names;
  if (split == "test") {
    names = {"test_batch.bin"};
  } else {
    for (int k = 1; k <= 5; ++k) names.push_back(fmt::format("data_batch_{}.bin", k));
  }
  std::vector<std::filesystem::path> out;
  for (const std::string& name : names) {
    const auto found = find_plain_or_gzip(path, name);
    if (found.empty())
      throw InputError(fmt::format("{}: neither {} nor {}.gz is there", path.string(), name, name));
    out.push_back(found);
  }
  return out;
}

}  // namespace

void append_cifar10(std::span<const std::byte> file, const std::string& where,
                    std::vector<std::uint8_t>& pixels, std::vector<int>& labels) {
  std::vector<std::byte> unpacked;
  if (is_gzip(file)) {
    unpacked = gunzip_at_most(file, largest_file + 1, where);
    file = unpacked;
  }
  if (file.size() > largest_file)
    throw InputError(fmt::format("{}: more than {} images; is this CIFAR-10?", where, most_images));
  if (file.empty() || file.size() % record_bytes != 0) {
    throw InputError(fmt::format("{}: {} bytes are no whole number of images of {} bytes; is it cut short?",
                                 where, file.size(), record_bytes));
  }
  for (std::size_t at = 0; at < file.size(); at += record_bytes) {
    const int label = static_cast<int>(file[at]);
    if (label >= classes)
      throw InputError(
          fmt::format("{}: image {} has label {}, CIFAR-10 has 0 to 9", where, at / record_bytes, label));
    labels.push_back(label);
    const auto image = file.subspan(at + 1, image_bytes);
    std::transform(image.begin(), image.end(), std::back_inserter(pixels),
                   [](std::byte b) { return static_cast<std::uint8_t>(b); });
  }
}

Dataset load_cifar10(const std::filesystem::path& path, std::string_view split) {
  std::vector<std::uint8_t> pixels;
  std::vector<int> labels;
  for (const auto& file : files_of(path, split))
    append_cifar10(read_file(file, largest_file + 1), file.string(), pixels, labels);
  return Dataset(fmt::format("cifar10 {}", split), {3, 32, 32}, classes, std::move(pixels), std::move(labels),
                 normalising_transforms(mean, deviation));
}

}  // namespace gradzone
