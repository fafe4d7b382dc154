#include "gradzone/exact/fast/residue_network.hpp"

#include "gradzone/base/parallel.hpp"

namespace gradzone {
namespace {

/// As many as random mode needs for usual networks: 4 bytes a parameter each.
constexpr int kept_primes = 12;

}  // namespace

ResidueNetwork::ResidueNetwork(const Graph& graph, const Parameters& parameters, std::uint64_t seed,
                               std::shared_ptr<DeviceProducts> device)
    : graph_(graph), parameters_(parameters), seed_(seed), device_(std::move(device)), kept_(kept_primes) {
  for (const Tensor<double>& t : parameters_) heights_.push_back(Height::of(t));
  fields_ = fields(kept_primes);
  parallel_for(kept_primes, [&](Index k) {
    auto& parameters_of_prime = kept_[static_cast<std::size_t>(k)];
    for (std::size_t p = 0; p < parameters_.size(); ++p) {
      parameters_of_prime.push_back(
          std::make_shared<const std::vector<Residue>>(converted(*fields_[static_cast<std::size_t>(k)], p)));
    }
  });
}

std::vector<std::shared_ptr<const ResidueField>> ResidueNetwork::fields(int count) const {
  std::vector<std::shared_ptr<const ResidueField>> out(
      fields_.begin(), fields_.begin() + std::min<std::ptrdiff_t>(count, std::ssize(fields_)));
  if (std::ssize(out) == count) return out;
  const std::vector<std::int32_t> primes = draw_residue_primes(seed_, count);
  for (std::size_t k = out.size(); k < primes.size(); ++k) {
    out.push_back(std::make_shared<const ResidueField>(primes[k]));
  }
  return out;
}

std::vector<Residue> ResidueNetwork::converted(const ResidueField& field, std::size_t index) const {
  std::vector<Residue> out = field.from(parameters_[index]);
  out.resize(out.size() + residue_padding);
  return out;
}

ResidueParameter ResidueNetwork::parameter(const ResidueField& field, int prime, int index) const {
  if (prime < kept_primes) return kept_[static_cast<std::size_t>(prime)][static_cast<std::size_t>(index)];
  return std::make_shared<const std::vector<Residue>>(converted(field, static_cast<std::size_t>(index)));
}

RandomStream ResidueNetwork::unknowns(std::string_view kind, NodeId node, int prime) const {
  return RandomStream(seed_, kind,
                      static_cast<std::uint64_t>(node) << 32 | static_cast<std::uint64_t>(prime));
}

}  // namespace gradzone
