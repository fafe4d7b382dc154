#include "gradzone/data/cifar.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "gradzone/base/error.hpp"
#include "gradzone/base/file.hpp"
#include "gradzone/data/gzip.hpp"
#include "gradzone/data/mnist.hpp"
#include "gradzone/data/normalisation.hpp"

namespace gradzone {
namespace {

constexpr std::size_t image_bytes = 3 * 32 * 32, most_images = 60000;

struct Layout {
  std::string_view name, title;
  int classes;
  std::size_t label_bytes;  ///< the last of them counts
  std::size_t record_bytes() const { return label_bytes + image_bytes; }
  std::size_t largest_file() const { return most_images * record_bytes(); }
};

const Layout& layout(Cifar kind) {
  static constexpr Layout ten{"cifar10", "CIFAR-10", 10, 1}, hundred{"cifar100", "CIFAR-100", 100, 2};
  return kind == Cifar::cifar10 ? ten : hundred;
}

std::vector<std::string> file_names(Cifar kind, std::string_view split) {
  if (kind == Cifar::cifar100) return {fmt::format("{}.bin", split)};
  if (split == "test") return {"test_batch.bin"};
  std::vector<std::string> names;
  for (int k = 1; k <= 5; ++k) names.push_back(fmt::format("data_batch_{}.bin", k));
  return names;
}

std::vector<std::filesystem::path> files_of(Cifar kind, const std::filesystem::path& path,
                                            std::string_view split) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored))
    throw InputError(fmt::format("{}: no such file or folder; {}'s binary files are looked for there",
                                 path.string(), layout(kind).title));
  if (!std::filesystem::is_directory(path, ignored)) return {path};
  std::vector<std::filesystem::path> out;
  for (const std::string& name : file_names(kind, split)) {
    const auto found = find_plain_or_gzip(path, name);
    if (found.empty())
      throw InputError(fmt::format("{}: neither {} nor {}.gz is there", path.string(), name, name));
    out.push_back(found);
  }
  return out;
}

}  // namespace

std::vector<PixelTransform> cifar_transforms() {
  const Normalisation cifar = named_normalisation("cifar");
  return normalising_transforms(cifar.mean, cifar.deviation);
}

void append_cifar(Cifar kind, std::span<const std::byte> file, const std::string& where,
                  std::vector<std::uint8_t>& pixels, std::vector<int>& labels) {
  const Layout& l = layout(kind);
  const std::size_t record = l.record_bytes();
  std::vector<std::byte> unpacked;
  if (is_gzip(file)) {
    unpacked = gunzip_at_most(file, l.largest_file() + 1, where);
    file = unpacked;
  }
  if (file.size() > l.largest_file())
    throw InputError(fmt::format("{}: more than {} images; is this {}?", where, most_images, l.title));
  if (file.empty() || file.size() % record != 0) {
    throw InputError(
        fmt::format("{}: {} bytes are no whole number of images of {} bytes; is it {}, or cut short?", where,
                    file.size(), record, l.title));
  }
  for (std::size_t at = 0; at < file.size(); at += record) {
    const int label = static_cast<int>(file[at + l.label_bytes - 1]);
    if (label >= l.classes)
      throw InputError(fmt::format("{}: image {} has label {}, {} has 0 to {}", where, at / record, label,
                                   l.title, l.classes - 1));
    labels.push_back(label);
    const auto image = file.subspan(at + l.label_bytes, image_bytes);
    std::transform(image.begin(), image.end(), std::back_inserter(pixels),
                   [](std::byte b) { return static_cast<std::uint8_t>(b); });
  }
}

Dataset load_cifar(Cifar kind, const std::filesystem::path& path, std::string_view split) {
  std::vector<std::uint8_t> pixels;
  std::vector<int> labels;
  for (const auto& file : files_of(kind, path, split))
    append_cifar(kind, read_file(file, layout(kind).largest_file() + 1), file.string(), pixels, labels);
  return Dataset(fmt::format("{} {}", layout(kind).name, split), {3, 32, 32}, layout(kind).classes,
                 std::move(pixels), std::move(labels), cifar_transforms());
}

}  // namespace gradzone
