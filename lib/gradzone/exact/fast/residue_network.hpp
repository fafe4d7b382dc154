// ResidueNetwork: what all passes over one checkpoint share; ResidueTensor: activations modulo every prime.
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "gradzone/base/random.hpp"
#include "gradzone/exact/fast/residue_field.hpp"
#include "gradzone/exact/fast/residue_height.hpp"
#include "gradzone/graph/graph.hpp"
#include "gradzone/graph/point.hpp"

namespace gradzone {

class DeviceProducts;

/// A tensor modulo each of a few primes: one plane of [images, shape...] a prime.
struct ResidueTensor {
  Shape shape;
  Index entries = 0;  ///< of a plane
  std::vector<Residue> planes;

  ResidueTensor() = default;
  ResidueTensor(Shape s, int primes)
      : shape(std::move(s)),
        entries(element_count(shape)),
        planes(static_cast<std::size_t>(primes * entries)) {}

  Index images() const { return shape[0]; }
  Residue* plane(int prime) { return planes.data() + prime * entries; }
  const Residue* plane(int prime) const { return planes.data() + prime * entries; }
  friend bool operator==(const ResidueTensor&, const ResidueTensor&) = default;
};

/// A parameter tensor modulo one prime, with residue_padding.
using ResidueParameter = std::shared_ptr<const std::vector<Residue>>;

class ResidueNetwork {
 public:
  /// Precondition: the parameters fit the graph and are finite.
  ResidueNetwork(const Graph& graph, const Parameters& parameters, std::uint64_t seed,
                 std::shared_ptr<DeviceProducts> device = nullptr);

  const Graph& graph() const { return graph_; }
  const Parameters& parameters() const { return parameters_; }
  const std::vector<Height>& heights() const { return heights_; }
  std::uint64_t seed() const { return seed_; }
  DeviceProducts* device() const { return device_.get(); }

  /// The first `count` primes of the seed.
  std::vector<std::shared_ptr<const ResidueField>> fields(int count) const;
  /// Parameter `index` (of Graph::parameters()) modulo prime number `prime`, whose field is `field`. Those of
  /// the first primes are kept, others are converted anew.
  ResidueParameter parameter(const ResidueField& field, int prime, int index) const;
  /// Where the unknowns come from: independent for every node, prime and kind of unknown.
  RandomStream unknowns(std::string_view kind, NodeId node, int prime) const;

 private:
  std::vector<Residue> converted(const ResidueField& field, std::size_t index) const;

  Graph graph_;
  Parameters parameters_;
  std::vector<Height> heights_;
  std::uint64_t seed_;
  std::shared_ptr<DeviceProducts> device_;
  std::vector<std::shared_ptr<const ResidueField>> fields_;  ///< those whose parameters are kept
  std::vector<std::vector<ResidueParameter>> kept_;          ///< [prime][index]
};

/// A nonzero residue, uniformly.
inline Residue draw_unknown(const ResidueField& field, RandomStream& random) {
  return field.from(1 +
                    static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(field.prime() - 1))));
}

}  // namespace gradzone
