// VolumePass: passes over a data set in one format, each from another initialisation.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "gradzone/choice/choice.hpp"
#include "gradzone/data/dataset.hpp"
#include "gradzone/eval/backend.hpp"
#include "gradzone/exact/fast/device_products.hpp"
#include "gradzone/graph/graph.hpp"
#include "gradzone/nets/initialise.hpp"
#include "gradzone/study/volume_options.hpp"
#include "gradzone/study/volume_tables.hpp"

namespace gradzone {

struct VolumePassOptions {
  Form form = Form::direct;
  std::vector<Choice> choices;
  Initialisation initialisation = Initialisation::torch;
  Index batch = 128;  ///< images in a mini-batch; the last one of the data set has what is left
  Index batches = 0;  ///< of a pass
  HitRule hit;
  bool until_hit = false;  ///< a pass ends with its first hit
  CertificateRule certify;
  std::uint64_t seed = 0;  ///< initialisation i has the seed i higher
  Backend backend = Backend::cpu;
  std::shared_ptr<DeviceProducts> products;  ///< ReferenceOptions::device of certificates
};

class VolumePass {
 public:
  virtual ~VolumePass() = default;
  /// The pass from initialisation `init`: images in file order. `go_on` is called after each mini-batch; if
  /// it returns false the pass is given up and nothing returned. Thread-safe; uses all threads of the current
  /// arena, whatever their number to the same result.
  virtual std::optional<VolumeUnit> run(Index init, const std::function<bool()>& go_on) const = 0;
};

/// Converts the images once, if they fit into a quarter of the backend's memory, and keeps them there.
/// `graph` and `data` must outlive it. Throws UsageError for an order that the backend does not have.
std::unique_ptr<VolumePass> make_volume_pass(const Graph& graph, const Dataset& data, Format format,
                                             VolumePassOptions options);

}  // namespace gradzone
