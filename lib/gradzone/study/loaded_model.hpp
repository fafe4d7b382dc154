// The network that --model names, with its parameters.
#pragma once

#include <cstdint>
#include <set>
#include <string>

#include "gradzone/graph/graph.hpp"
#include "gradzone/graph/point.hpp"

namespace gradzone {

struct LoadedModel {
  Graph graph;
  Parameters parameters;
  std::string sha256;                ///< of the file, or of the numbers where they were drawn
  FormatId stored = FormatId::fp32;  ///< holds the numbers as the file has them
  std::set<std::string> transposed;  ///< linear weights that the file stores as [in, out]
};

/// `spec` as parse_model_spec takes it; `seed` draws the parameters of "init=". Throws UsageError for texts
/// that name no network, InputError for files that do not fit.
LoadedModel load_model(const std::string& spec, BatchNorm::Mode batch_norm, std::uint64_t seed);

}  // namespace gradzone
