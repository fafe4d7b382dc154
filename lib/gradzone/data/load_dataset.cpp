#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <string>

#include "gradzone/base/error.hpp"
#include "gradzone/data/cifar.hpp"
#include "gradzone/data/dataset.hpp"
#include "gradzone/data/glyphs.hpp"
#include "gradzone/data/glyphs32.hpp"
#include "gradzone/data/image_folder.hpp"
#include "gradzone/data/mnist.hpp"
#include "gradzone/data/npy.hpp"
#include "gradzone/data/svhn.hpp"

namespace gradzone {
namespace {

/// KIND:PLACE,KEY=VALUE,... taken apart. A path may have commas: options are what is left of the last commas
/// that looks like KEY=VALUE.
class Spec {
 public:
  explicit Spec(std::string_view text) : text_(text) {
    const std::size_t colon = text.find(':');
    kind_ = text.substr(0, colon);
    if (colon != std::string_view::npos) place_ = text.substr(colon + 1);
    for (std::size_t comma; (comma = place_.rfind(',')) != std::string_view::npos;) {
      const std::string_view option = place_.substr(comma + 1);
      const std::size_t equals = option.find('=');
      if (equals == std::string_view::npos || option.find('/') < equals) break;
      options_.emplace(option.substr(0, equals), option.substr(equals + 1));
      place_ = place_.substr(0, comma);
    }
  }

  std::string_view kind() const { return kind_; }
  std::string_view place() const { return place_; }

  /// The option's text, taken from the list, or what stands for it.
  std::string_view option(std::string_view key, std::string_view usual) {
    const auto it = options_.find(key);
    if (it == options_.end()) return usual;
    const std::string_view value = it->second;
    options_.erase(it);
    return value;
  }

  Index number(std::string_view what, std::string_view text, Index most) const {
    Index value = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || stop != text.data() + text.size() || value < 1 || value > most)
      fail(fmt::format("{} must be 1 ... {}", what, most));
    return value;
  }

  void expect_no_more_options() const {
    if (!options_.empty()) fail(fmt::format("it has no option {}", options_.begin()->first));
  }

  [[noreturn]] void fail(std::string_view what) const {
    throw UsageError(fmt::format("data set \"{}\": {}", text_, what));
  }

 private:
  std::string_view text_, kind_, place_;
  std::map<std::string_view, std::string_view> options_;
};

Dataset load_svhn_split(Spec& spec, std::string_view split) {
  const std::string_view train = spec.option("train", "train");
  if (train != "train" && train != "extra") spec.fail("train is train or extra");
  spec.expect_no_more_options();
  return load_svhn(spec.place(), split == "train" ? train : split);
}

Dataset load_mnist_split(Spec& spec, std::string_view split) {
  const std::string_view norm = spec.option("norm", "symmetric");
  if (norm != "symmetric" && norm != "unit") spec.fail("norm is symmetric or unit");
  spec.expect_no_more_options();
  return load_mnist(spec.place(), split, norm == "unit" ? unit_transform() : symmetric_unit_transform());
}

Dataset load_folder_split(Spec& spec, std::string_view split, OnBadImage on_bad_image) {
  ImageFolderOptions options;
  options.size = spec.number("size", spec.option("size", "224"), largest_folder_size);
  options.normalisation = parse_normalisation(spec.option("norm", "imagenet"));
  options.on_bad_image = on_bad_image;
  spec.expect_no_more_options();
  return load_image_folder(spec.place(), split, options);
}

Dataset load_npy_split(Spec& spec, std::string_view split) {
  const auto classes = static_cast<int>(spec.number("classes", spec.option("classes", "10"), 1000000));
  spec.expect_no_more_options();
  return load_npy(spec.place(), split, classes);
}

}  // namespace

Dataset load_dataset(std::string_view text, std::string_view split, std::uint64_t seed,
                     OnBadImage on_bad_image) {
  if (split != "train" && split != "test") {
    throw UsageError(fmt::format("unknown split \"{}\": there are train and test", split));
  }
  Spec spec(text);
  if (spec.kind() == "glyphs" || spec.kind() == "glyphs32") {
    const Index usual = split == "train" ? usual_train_glyphs : usual_test_glyphs;
    const Index count =
        text == spec.kind() ? usual : spec.number("the number of images", spec.place(), most_glyphs);
    spec.expect_no_more_options();
    return spec.kind() == "glyphs" ? draw_glyphs(count, split, seed) : draw_glyphs32(count, split, seed);
  }
  if (!spec.place().empty()) {
    if (spec.kind() == "svhn") return load_svhn_split(spec, split);
    if (spec.kind() == "folder") return load_folder_split(spec, split, on_bad_image);
    if (spec.kind() == "npy") return load_npy_split(spec, split);
    if (spec.kind() == "mnist") return load_mnist_split(spec, split);
    const bool is_cifar10 = spec.kind() == "cifar10";
    if (is_cifar10 || spec.kind() == "cifar100") {
      spec.expect_no_more_options();
      return load_cifar(is_cifar10 ? Cifar::cifar10 : Cifar::cifar100, spec.place(), split);
    }
  }
  throw UsageError(fmt::format("unknown data set \"{}\": write {}", text, dataset_syntax));
}

}  // namespace gradzone
