// The learning rates of boustany2024, found by a search for beta = 0 and used for every beta.
#pragma once

#include <optional>
#include <string_view>

#include "gradzone/train/optimiser.hpp"
#include "gradzone/train/training_format.hpp"

namespace gradzone {

/// `data` is a data set as for load_dataset, of which the kind counts ("mnist", "cifar10", "svhn"). Nothing
/// where the paper has no rate: it has them for fp16 and fp32.
std::optional<double> published_rate(std::string_view net, std::string_view data, OptimiserKind optimiser,
                                     TrainingFormat format);

}  // namespace gradzone
