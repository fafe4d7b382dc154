#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "gradzone/base/error.hpp"
#include "gradzone/data/array_dataset.hpp"
#include "gradzone/data/cifar.hpp"
#include "gradzone/data/dataset.hpp"
#include "gradzone/data/glyphs.hpp"
#include "gradzone/data/glyphs32.hpp"
#include "gradzone/data/image_folder.hpp"
#include "gradzone/data/mnist.hpp"
#include "gradzone/data/normalisation.hpp"
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
      if (!options_.emplace(option.substr(0, equals), option.substr(equals + 1)).second)
        fail(fmt::format("it has the option {} twice", option.substr(0, equals)));
      place_ = place_.substr(0, comma);
    }
  }

  std::string_view kind() const { return kind_; }
  std::string_view place() const { return place_; }

  /// The option's text, taken from the list, if it is there.
  std::optional<std::string_view> option(std::string_view key) {
    known_.push_back(key);
    const auto it = options_.find(key);
    if (it == options_.end()) return std::nullopt;
    const std::string_view value = it->second;
    options_.erase(it);
    return value;
  }
  std::string_view option(std::string_view key, std::string_view usual) {
    return option(key).value_or(usual);
  }

  Index number(std::string_view what, std::string_view text, Index most) const {
    Index value = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || stop != text.data() + text.size() || value < 1 || value > most)
      fail(fmt::format("{} must be 1 ... {}", what, most));
    return value;
  }

  /// Once every option has been asked for.
  void expect_no_more_options() const {
    if (options_.empty()) return;
    const std::string known =
        known_.empty() ? "it has none" : fmt::format("there are {}", fmt::join(known_, ", "));
    fail(fmt::format("it has no option {}; {}", options_.begin()->first, known));
  }

  [[noreturn]] void fail(std::string_view what) const {
    throw UsageError(fmt::format("data set \"{}\": {}", text_, what));
  }

 private:
  std::string_view text_, kind_, place_;
  std::map<std::string_view, std::string_view> options_;
  std::vector<std::string_view> known_;
};

/// norm=NAME, or mean=A/B/C,std=A/B/C.
std::optional<Normalisation> normalisation_of(Spec& spec) {
  const auto norm = spec.option("norm"), mean = spec.option("mean"), deviation = spec.option("std");
  if (mean.has_value() != deviation.has_value()) spec.fail("mean and std come together");
  if (norm && mean) spec.fail("give norm, or mean and std, not both");
  if (norm) return named_normalisation(*norm);
  if (mean) return parse_normalisation(*mean, *deviation);
  return std::nullopt;
}

Dataset load_svhn_split(Spec& spec, std::string_view split) {
  const std::string_view train = spec.option("train", "train");
  if (train != "train" && train != "extra") spec.fail("train is train or extra");
  spec.expect_no_more_options();
  return load_svhn(spec.place(), split == "train" ? train : split);
}

Dataset load_mnist_split(Spec& spec, std::string_view split) {
  const auto normalisation = normalisation_of(spec).value_or(named_normalisation("symmetric"));
  spec.expect_no_more_options();
  return load_mnist(spec.place(), split, transforms_for(normalisation, 1, std::string(spec.place()))[0]);
}

Dataset load_folder_split(Spec& spec, std::string_view split, OnBadImage on_bad_image) {
  ImageFolderOptions options;
  options.size = spec.number("size", spec.option("size", "224"), largest_folder_size);
  if (const auto shorter = spec.option("resize")) {
    options.shorter = spec.number("resize", *shorter, largest_folder_size);
    if (options.shorter < options.size)
      spec.fail(fmt::format("resize={} is smaller than size={}, which is cut out of it", options.shorter,
                            options.size));
  }
  options.channels = spec.number("channels", spec.option("channels", "3"), 3);
  if (options.channels == 2) spec.fail("channels is 1 or 3");
  const auto normalisation = normalisation_of(spec);
  if (normalisation) options.normalisation = *normalisation;
  if (!normalisation && options.channels == 1) options.normalisation = named_normalisation("symmetric");
  options.on_bad_image = on_bad_image;
  spec.expect_no_more_options();
  return load_image_folder(spec.place(), split, options);
}

ArrayOptions array_options(Spec& spec) {
  ArrayOptions out;
  if (const auto classes = spec.option("classes"))
    out.classes = static_cast<int>(spec.number("classes", *classes, most_array_classes));
  const std::string_view layout = spec.option("layout", "");
  if (layout == "nchw") {
    out.layout = ArrayLayout::nchw;
  } else if (layout == "nhwc") {
    out.layout = ArrayLayout::nhwc;
  } else if (!layout.empty()) {
    spec.fail("layout is nchw or nhwc");
  }
  out.normalisation = normalisation_of(spec);
  return out;
}

Dataset load_npy_split(Spec& spec, std::string_view split) {
  const std::filesystem::path place = spec.place();
  std::error_code ignored;
  const bool is_file = std::filesystem::is_regular_file(place, ignored) ||
                       (place.extension() == ".npy" && !std::filesystem::is_directory(place, ignored));
  const std::string_view labels = is_file ? spec.option("labels", "") : "";
  const ArrayOptions options = array_options(spec);
  spec.expect_no_more_options();
  return is_file ? load_npy_files(place, labels, options) : load_npy_folder(place, split, options);
}

Dataset load_npz_split(Spec& spec, std::string_view split) {
  const NpzKeys keys{std::string(spec.option("images", "")), std::string(spec.option("labels", ""))};
  const ArrayOptions options = array_options(spec);
  spec.expect_no_more_options();
  return load_npz(spec.place(), split, keys, options);
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
    if (spec.kind() == "npz") return load_npz_split(spec, split);
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
