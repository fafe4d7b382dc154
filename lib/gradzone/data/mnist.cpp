#include "gradzone/data/mnist.hpp"

#include <fmt/format.h>

#include "gradzone/base/error.hpp"
#include "gradzone/data/idx.hpp"

namespace gradzone {
namespace {

constexpr int digits = 10;

std::filesystem::path require(const std::filesystem::path& folder, const std::string& name) {
  const auto path = find_plain_or_gzip(folder, name);
  if (path.empty()) {
    throw InputError(fmt::format("{}: neither {} nor {}.gz is there; the four files of MNIST are needed",
                                 folder.string(), name, name));
  }
  return path;
}

IdxArray read(const std::filesystem::path& path, std::size_t rank, const char* holds) {
  IdxArray array = read_idx(path);
  if (array.shape.size() != rank) {
    throw InputError(fmt::format("{}: {} have {} dimensions, this file has {}", path.string(), holds, rank,
                                 to_string(array.shape)));
  }
  return array;
}

}  // namespace

std::filesystem::path find_plain_or_gzip(const std::filesystem::path& folder, std::string_view name) {
  std::filesystem::path path = folder / name;
  std::error_code ignored;
  if (std::filesystem::exists(path, ignored)) return path;
  path += ".gz";
  if (std::filesystem::exists(path, ignored)) return path;
  return {};
}

Dataset load_mnist(const std::filesystem::path& folder, std::string_view split,
                   const PixelTransform& transform) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(folder, ignored)) {
    throw InputError(
        fmt::format("{}: no such folder; MNIST's four IDX files are looked for there", folder.string()));
  }
  const std::string prefix = split == "train" ? "train" : "t10k";
  const auto images_path = require(folder, prefix + "-images-idx3-ubyte");
  const auto labels_path = require(folder, prefix + "-labels-idx1-ubyte");
  IdxArray images = read(images_path, 3, "images");
  const IdxArray labels = read(labels_path, 1, "labels");
  if (images.shape[0] != labels.shape[0]) {
    throw InputError(fmt::format("{}: {} images, but {} has {} labels", images_path.string(), images.shape[0],
                                 labels_path.string(), labels.shape[0]));
  }
  if (images.values.empty()) throw InputError(fmt::format("{}: there are no images", images_path.string()));
  return Dataset(fmt::format("mnist {}", split), {1, images.shape[1], images.shape[2]}, digits,
                 std::move(images.values), {labels.values.begin(), labels.values.end()}, transform);
}

}  // namespace gradzone
