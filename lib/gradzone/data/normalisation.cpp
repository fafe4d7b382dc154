#include "gradzone/data/normalisation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "gradzone/base/error.hpp"
#include "gradzone/base/text.hpp"

namespace gradzone {
namespace {

std::vector<float> numbers(std::string_view key, std::string_view text) {
  std::vector<float> out;
  for (const std::string_view part : split(text, '/')) {
    float value = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
    if (error != std::errc() || end != part.data() + part.size() || !std::isfinite(value))
      throw UsageError(
          fmt::format("{}={}: write a number for each channel, such as 0.485/0.456/0.406, or one "
                      "for all",
                      key, text));
    out.push_back(value);
  }
  return out;
}

}  // namespace

Normalisation named_normalisation(std::string_view name) {
  if (name == "imagenet") return {{0.485f, 0.456f, 0.406f}, {0.229f, 0.224f, 0.225f}};
  if (name == "cifar") return {{0.4914f, 0.4822f, 0.4465f}, {0.2023f, 0.1994f, 0.2010f}};
  if (name == "symmetric") return {{0.5f}, {0.5f}};
  if (name == "unit") return {{0}, {1}};
  throw UsageError(
      fmt::format("unknown normalisation \"{}\": there are imagenet, cifar, symmetric and unit", name));
}

Normalisation parse_normalisation(std::string_view mean, std::string_view deviation) {
  Normalisation out{numbers("mean", mean), numbers("std", deviation)};
  if (out.mean.size() != out.deviation.size())
    throw UsageError(fmt::format("mean={} has {} numbers, std={} has {}", mean, out.mean.size(), deviation,
                                 out.deviation.size()));
  if (std::any_of(out.deviation.begin(), out.deviation.end(), [](float v) { return !(v > 0); }))
    throw UsageError(fmt::format("std={}: deviations are positive", deviation));
  return out;
}

std::vector<PixelTransform> transforms_for(const Normalisation& normalisation, Index channels,
                                           const std::string& where) {
  const auto entries = static_cast<Index>(normalisation.mean.size());
  if (entries != 1 && entries != channels)
    throw InputError(
        fmt::format("{}: the transform is for {} channels, but images have {}: give norm=symmetric, "
                    "norm=unit, or mean=... and std=... with {} numbers",
                    where, entries, channels, channels));
  return normalising_transforms(normalisation.mean, normalisation.deviation);
}

}  // namespace gradzone
