// Which learning rate a training takes.
#pragma once

#include <string>

#include "gradzone/study/training_task.hpp"

namespace gradzone {

/// `text` is a number; "paper", the rate that boustany2024 gives for network, kind of data, optimiser and
/// format, or "paper:cifar10", the one for that kind, wherever the data lie; or "from:FOLDER", the best one
/// that a search (rate_search.hpp) in that folder found for the format. Throws UsageError for other texts,
/// where the paper has no rate, and where the search was one of another network, kind of data, optimiser or
/// format; InputError if there is no finished search.
double learning_rate(const std::string& text, const TrainingTask& task, TrainingFormat format);

}  // namespace gradzone
