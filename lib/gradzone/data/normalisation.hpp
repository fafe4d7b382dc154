// Stated transforms: how 8-bit pixels become the network's input.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gradzone/base/tensor.hpp"
#include "gradzone/data/image_source.hpp"

namespace gradzone {

/// x / 255, then (x - mean) / deviation, each operation rounded to binary32.
struct Normalisation {
  std::vector<float> mean, deviation;  ///< of each channel, or one entry for all
};

/// "imagenet": mean (0.485, 0.456, 0.406), deviation (0.229, 0.224, 0.225); "cifar": (0.4914, 0.4822,
/// 0.4465), (0.2023, 0.1994, 0.2010); "symmetric": 0.5, 0.5; "unit": 0, 1. Throws UsageError listing them.
Normalisation named_normalisation(std::string_view name);

/// Of numbers such as "0.485/0.456/0.406" and "0.229/0.224/0.225", or "0.1307" and "0.3081", each rounded to
/// binary32. Throws UsageError for anything but as many numbers as deviations, all of these positive.
Normalisation parse_normalisation(std::string_view mean, std::string_view deviation);

/// One transform for each entry. Throws InputError, one line beginning with `where`, unless there is one
/// entry or one for each channel.
std::vector<PixelTransform> transforms_for(const Normalisation& normalisation, Index channels,
                                           const std::string& where);

}  // namespace gradzone
