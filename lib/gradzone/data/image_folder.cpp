#include "gradzone/data/image_folder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "gradzone/base/error.hpp"
#include "gradzone/base/file.hpp"
#include "gradzone/base/parallel.hpp"
#include "gradzone/data/image_file.hpp"
#include "gradzone/data/resize.hpp"

namespace gradzone {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t largest_image_file = std::size_t{1} << 28;
constexpr Index most_ratio = 100;  // of an image's sides, as the longer one sets the memory it takes scaled

/// What becomes of an image.
struct Scaling {
  Index size, shorter, channels;

  std::size_t bytes() const { return static_cast<std::size_t>(channels * size * size); }
  RgbImage centre(const RgbImage& image) const {
    return shorter == 0 ? resized_centre(image, size) : resized_centre(image, size, shorter);
  }
};

/// Planes [channels, size, size] of an image of that size.
void to_planes(const RgbImage& image, std::size_t channels, std::span<std::uint8_t> out) {
  const std::size_t plane = out.size() / channels;
  for (std::size_t i = 0; i < plane; ++i)
    for (std::size_t c = 0; c < channels; ++c) out[c * plane + i] = image.pixels[3 * i + c];
}

/// Images that are decoded when they are asked for.
class ImagesInFiles final : public ImageSource {
 public:
  ImagesInFiles(fs::path root, std::vector<std::string> files, Scaling scaling,
                std::vector<PixelTransform> transforms)
      : root_(std::move(root)),
        files_(std::move(files)),
        scaling_(scaling),
        transforms_(std::move(transforms)) {}

  const std::vector<std::string>& files() const { return files_; }

  void values(Index image, std::span<float> out) const override {
    transform_pixels(pixels(image), transforms_, out);
  }
  std::vector<std::uint8_t> pixels(Index image) const override {
    return planes(scaling_.centre(original(image)));
  }
  float black(Index channel) const override { return transforms_[static_cast<std::size_t>(channel)][0]; }
  void random_resized_crop(Index image, RandomStream& random, std::span<float> out) const override {
    const RgbImage whole = original(image);
    const Crop crop = draw_resized_crop(whole.height, whole.width, random);
    transform_pixels(planes(resize(cut(whole, crop), scaling_.size, scaling_.size)), transforms_, out);
  }
  bool decodes() const override { return true; }
  void hash_transform(Sha256& hash) const override {
    hash_transforms(transforms_, hash);
    if (scaling_.shorter != 0) hash.update(fmt::format("resize {} ", scaling_.shorter));
  }
  void hash_images(Sha256& hash) const override {
    for (const std::string& file : files_)
      hash.update(fmt::format("{} {}\n", file, fs::file_size(root_ / file)));
  }

 private:
  RgbImage original(Index image) const {
    const fs::path path = root_ / files_[static_cast<std::size_t>(image)];
    RgbImage out = decode_image(read_file(path, largest_image_file), path.string());
    if (std::max(out.height, out.width) / std::min(out.height, out.width) > most_ratio)
      throw InputError(
          fmt::format("{}: {} x {} pixels are too narrow an image", path.string(), out.width, out.height));
    return scaling_.channels == 1 ? grey(std::move(out)) : out;
  }
  std::vector<std::uint8_t> planes(const RgbImage& image) const {
    std::vector<std::uint8_t> out(scaling_.bytes());
    to_planes(image, static_cast<std::size_t>(scaling_.channels), out);
    return out;
  }

  fs::path root_;
  std::vector<std::string> files_;
  Scaling scaling_;
  std::vector<PixelTransform> transforms_;
};

/// The same, with what values() needs held in memory.
class HeldImages final : public ImageSource {
 public:
  HeldImages(std::shared_ptr<const ImagesInFiles> originals, PixelsInMemory held)
      : originals_(std::move(originals)), held_(std::move(held)) {}

  void values(Index image, std::span<float> out) const override { held_.values(image, out); }
  std::vector<std::uint8_t> pixels(Index image) const override { return held_.pixels(image); }
  float black(Index channel) const override { return held_.black(channel); }
  void random_resized_crop(Index image, RandomStream& random, std::span<float> out) const override {
    originals_->random_resized_crop(image, random, out);
  }
  void hash_transform(Sha256& hash) const override { held_.hash_transform(hash); }
  void hash_images(Sha256& hash) const override { held_.hash_images(hash); }

 private:
  std::shared_ptr<const ImagesInFiles> originals_;
  PixelsInMemory held_;
};

/// One for each channel.
std::vector<PixelTransform> transforms_of(const ImageFolderOptions& options, const std::string& where) {
  auto out = transforms_for(options.normalisation, options.channels, where);
  out.resize(static_cast<std::size_t>(options.channels), PixelTransform(out[0]));
  return out;
}

bool is_image_name(const fs::path& name) {
  std::string end = name.extension().string();
  std::transform(end.begin(), end.end(), end.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return end == ".jpg" || end == ".jpeg" || end == ".png";
}

/// Names in a folder that `wanted` accepts, sorted. Throws InputError if the folder cannot be read.
template <class Wanted>
std::vector<std::string> names_in(const fs::path& folder, Wanted wanted) {
  std::vector<std::string> out;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error))
    if (wanted(*at)) out.push_back(at->path().filename().string());
  if (error)
    throw InputError(fmt::format("{}: cannot read this folder: {}", folder.string(), error.message()));
  std::sort(out.begin(), out.end());
  return out;
}

std::vector<std::string> classes_in(const fs::path& folder) {
  return names_in(folder, [](const fs::directory_entry& entry) {
    std::error_code ignored;
    return entry.is_directory(ignored) && !entry.path().filename().string().starts_with('.');
  });
}

std::vector<std::string> images_in(const fs::path& folder) {
  return names_in(folder, [](const fs::directory_entry& entry) {
    std::error_code ignored;
    return is_image_name(entry.path()) && entry.is_regular_file(ignored);
  });
}

/// The folder of the split, or `folder` itself if it has none of any split and images lie in it.
fs::path split_folder(const fs::path& folder, std::string_view split) {
  std::error_code ignored;
  if (!fs::is_directory(folder, ignored))
    throw InputError(
        fmt::format("{}: no such folder; train/CLASS/*.jpg and val/CLASS/*.jpg are looked for "
                    "there, or, without labels, *.jpg",
                    folder.string()));
  const auto has = [&](const char* name) { return fs::is_directory(folder / name, ignored); };
  if (!has("train") && !has("val") && !has("test") && !images_in(folder).empty()) return folder;
  if (split == "train") return folder / "train";
  return has("val") ? folder / "val" : folder / "test";
}

struct Listing {
  std::vector<std::string> classes,
      files;                ///< files are named CLASS/FILE, or FILE where there are no classes
  std::vector<int> labels;  ///< empty where there are no classes
};

Listing list_images(const fs::path& folder, const fs::path& root) {
  std::error_code ignored;
  Listing out;
  const std::vector<std::string> names = classes_in(root);
  if (names.empty() || root == folder) {
    out.files = images_in(root);
  } else {
    out.classes = classes_in(fs::is_directory(folder / "train", ignored) ? folder / "train" : root);
    for (const std::string& name : names) {
      const auto known = std::lower_bound(out.classes.begin(), out.classes.end(), name);
      if (known == out.classes.end() || *known != name)
        throw InputError(
            fmt::format("{}: {} has no class {}", (root / name).string(), (folder / "train").string(), name));
      for (const std::string& file : images_in(root / name)) {
        out.files.push_back(name + "/" + file);
        out.labels.push_back(static_cast<int>(known - out.classes.begin()));
      }
    }
  }
  if (out.files.empty())
    throw InputError(
        fmt::format("{}: no CLASS/*.jpg, *.jpeg or *.png is there, nor any without classes", root.string()));
  return out;
}

/// Decodes every image, into `held` if that is not empty. Returns what is wrong with each; empty if nothing.
std::vector<std::string> decode_all(const ImagesInFiles& images, std::vector<std::uint8_t>& held) {
  std::vector<std::string> reasons(images.files().size());
  const std::size_t image_size = held.size() / reasons.size();
  parallel_for(static_cast<Index>(reasons.size()), [&](Index i) {
    try {
      const auto pixels = images.pixels(i);
      if (!held.empty())
        std::copy(pixels.begin(), pixels.end(), held.begin() + i * static_cast<Index>(image_size));
    } catch (const InputError& error) {
      reasons[static_cast<std::size_t>(i)] = error.what();
    }
  });
  return reasons;
}

/// Takes the images with a reason out of everything that has an entry or `image_size` bytes for each.
void leave_out(const std::vector<std::string>& reasons, Listing& list, std::vector<std::uint8_t>& held) {
  const std::size_t image_size = held.size() / reasons.size();
  std::size_t kept = 0;
  for (std::size_t i = 0; i < reasons.size(); ++i) {
    if (!reasons[i].empty()) continue;
    if (kept != i) {
      list.files[kept] = std::move(list.files[i]);
      if (!list.labels.empty()) list.labels[kept] = list.labels[i];
      std::copy_n(held.begin() + static_cast<Index>(i * image_size), image_size,
                  held.begin() + static_cast<Index>(kept * image_size));
    }
    ++kept;
  }
  list.files.resize(kept);
  if (!list.labels.empty()) list.labels.resize(kept);
  held.resize(kept * image_size);
}

}  // namespace

Dataset load_image_folder(const fs::path& folder, std::string_view split, const ImageFolderOptions& options) {
  const fs::path root = split_folder(folder, split);
  Listing list = list_images(folder, root);
  const Scaling scaling{options.size, options.shorter, options.channels};
  const auto transforms = transforms_of(options, folder.string());
  auto images = std::make_shared<ImagesInFiles>(root, list.files, scaling, transforms);
  const std::size_t image_size = scaling.bytes();
  const bool hold = list.files.size() <= options.most_held / image_size;
  std::vector<std::uint8_t> held(hold ? list.files.size() * image_size : 0);
  std::vector<std::string> bad;
  if (hold || options.on_bad_image == OnBadImage::skip) {
    const auto reasons = decode_all(*images, held);
    std::copy_if(reasons.begin(), reasons.end(), std::back_inserter(bad),
                 [](const std::string& reason) { return !reason.empty(); });
    if (!bad.empty() && options.on_bad_image == OnBadImage::fail)
      throw InputError(bad.size() == 1 ? bad[0]
                                       : fmt::format("{} (and {} more bad images)", bad[0], bad.size() - 1));
    if (!bad.empty()) {
      leave_out(reasons, list, held);
      images = std::make_shared<ImagesInFiles>(root, list.files, scaling, transforms);
    }
  }
  std::shared_ptr<const ImageSource> source = images;
  if (hold)
    source = std::make_shared<HeldImages>(images, PixelsInMemory(std::move(held), image_size, transforms));
  const std::string name = fmt::format("{} {}", folder.string(), split);
  const Shape shape{options.channels, options.size, options.size};
  if (list.labels.empty())
    return Dataset::unlabelled(root == folder ? folder.string() : name, shape, std::ssize(list.files),
                               std::move(source), std::move(bad));
  return Dataset(name, shape, static_cast<int>(list.classes.size()), std::move(list.labels),
                 std::move(source), std::move(bad));
}

}  // namespace gradzone
