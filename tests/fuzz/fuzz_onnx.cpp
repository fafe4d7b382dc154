// Any bytes are either a network whose parameters fit its graph, a list of obstacles, or one error.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "gradzone/base/error.hpp"
#include "gradzone/io/checkpoint.hpp"
#include "gradzone/io/onnx.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gradzone;
  try {
    const OnnxNetwork network =
        parse_onnx(std::as_bytes(std::span(data, size)), "/nonexistent", "fuzz.onnx", {});
    if (network.graph.has_value() == !network.obstacles.empty()) std::abort();
    if (network.graph) parameters_for(*network.graph, network.checkpoint, "fuzz");
  } catch (const InputError&) {
  }
  return 0;
}
