// Gradients that another framework saved as safetensors, and the point that each belongs to.
#pragma once

#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "gradzone/arith/format.hpp"
#include "gradzone/graph/graph.hpp"
#include "gradzone/graph/point.hpp"
#include "gradzone/io/safetensors.hpp"

namespace gradzone {

/// Tensors beside the gradients: what the point is, and what the network made of it.
inline constexpr std::string_view dump_input = "gradzone.input";
inline constexpr std::string_view dump_labels = "gradzone.labels";
inline constexpr std::string_view dump_logits = "gradzone.logits";

/// The most images of one point.
inline constexpr Index largest_dump_batch = Index{1} << 16;

struct GradientDump {
  /// Per Graph::parameters() entry, in the graph's layout; empty where it is not trainable or missing.
  std::vector<Tensor<double>> gradient;
  std::vector<std::string> missing;      ///< trainable parameters without a gradient
  std::optional<StoredType> stored;      ///< of the gradients; nothing if they are of several types
  std::optional<MiniBatch> batch;        ///< if the file carries the point itself
  std::vector<Index> samples;            ///< what its metadata says; empty if nothing
  std::optional<Tensor<double>> logits;  ///< [N, classes]
};

struct DumpOptions {
  bool allow_missing = false;        ///< trainable parameters need not all be there
  std::set<std::string> transposed;  ///< linear weights whose gradients are stored as [in, out]
};

/// Throws InputError, one line beginning with `where`, for tensors that are missing, unknown or misshapen,
/// whole-number gradients, inputs without labels or the reverse, labels
/// that are no classes, logits that are not as many as the images, and metadata "samples" that is no list.
GradientDump gradient_dump(const Graph& graph, const Checkpoint& file, const DumpOptions& options,
                           const std::string& where);
GradientDump read_gradient_dump(const Graph& graph, const std::filesystem::path& file,
                                const DumpOptions& options);

/// "17", "0-127", "3,5,9" or "0-3,7": indices of images. Throws UsageError, one line beginning with `where`,
/// for other texts and for more than largest_dump_batch images.
std::vector<Index> parse_samples(std::string_view text, const std::string& where);

/// The format whose storage values the type holds (fp16 for F16). Precondition: a floating type.
FormatId format_of(StoredType type);

}  // namespace gradzone
