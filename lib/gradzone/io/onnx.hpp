// ONNX files: networks that another framework has written, with their graph. Files come from strangers:
// nothing in them is believed unchecked. What gradzone reads of the format, and how: docs/checkpoints.md.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "gradzone/graph/graph.hpp"
#include "gradzone/graph/point.hpp"
#include "gradzone/io/safetensors.hpp"

namespace gradzone {

struct OnnxOptions {
  BatchNorm::Mode batch_norm = BatchNorm::Mode::evaluation;  ///< whatever the file says
  std::optional<Shape> input;  ///< [c, h, w] or [features] of a sample, needed where the file leaves it open
};

/// What a file holds. Either the graph is there, or `obstacles` says why not.
struct OnnxNetwork {
  std::optional<Graph> graph;
  Checkpoint checkpoint;               ///< the graph's parameters under their names, in its layout
  std::set<std::string> transposed;    ///< linear weights that the file holds as [in, out]
  std::vector<std::string> notes;      ///< what was read in another way than it is written, one line each
  std::vector<std::string> obstacles;  ///< every node that gradzone cannot evaluate, with the reason
  bool external_data = false;          ///< some numbers lie in other files
};

/// Opsets that are read, both included.
inline constexpr Index first_onnx_opset = 9, last_onnx_opset = 21;
/// Larger files are an InputError: protobuf's own limit.
inline constexpr std::size_t largest_onnx_file = (std::size_t{1} << 31) - 1;

/// Reads a file's bytes; `folder` is where its external data may lie, and nowhere else. Throws InputError,
/// one line beginning with `where`, for what is no ONNX file, contradicts itself (names given twice, values
/// that nothing provides, tensors whose bytes are not as many as their shape), is of another opset, or has
/// external data that are missing or outside `folder`. A node of an unknown kind is an obstacle, no error.
OnnxNetwork parse_onnx(std::span<const std::byte> file, const std::filesystem::path& folder,
                       const std::string& where, const OnnxOptions& options);
/// The same for a file on disk, `where` being its path.
OnnxNetwork read_onnx(const std::filesystem::path& path, const OnnxOptions& options);

/// The bytes of an ONNX file (opset 13) of this network: one ONNX node a layer, the parameters rounded to
/// nearest even into `format` and called as the graph calls them, the number of images left open. Batch norms
/// are written in evaluation mode; their eps and the slopes of leaky ReLUs become binary32, as ONNX has them.
/// Throws UsageError for what ONNX has no operation for: bfloat16 layers, and a max pool with a pinned
/// choice.
std::vector<std::byte> onnx_bytes(const Graph& graph, const Parameters& parameters, FormatId format);

}  // namespace gradzone
