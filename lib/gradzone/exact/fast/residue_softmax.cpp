#include "gradzone/exact/fast/residue_softmax.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <utility>

namespace gradzone {
namespace {

/// A number modulo every prime.
using Fingerprint = std::vector<Residue>;

/// Which exponentials are one: unknown_of[r][i] is the number of the unknown of logit i of image images[r].
struct Exponentials {
  std::vector<std::vector<std::size_t>> unknown_of;
  std::size_t count = 0;
};

Exponentials group_logits(const ResidueForward& forward, const std::vector<Index>& images) {
  const ResidueTensor& z = forward.value(forward.graph().output());
  const Index classes = z.entries / z.images();
  std::map<std::vector<Fingerprint>, std::vector<std::size_t>> by_softmax;
  Exponentials out;
  for (const Index n : images) {
    std::vector<Fingerprint> logits;  // counted from the first: a common shift leaves the softmax alone
    for (Index i = 0; i < classes; ++i) {
      Fingerprint& logit = logits.emplace_back();
      for (int k = 0; k < forward.primes(); ++k) {
        const Residue* row = z.plane(k) + n * classes;
        logit.push_back(forward.field(k).subtract(row[i], row[0]));
      }
    }
    auto& unknowns = by_softmax[logits];
    if (unknowns.empty()) {
      std::map<Fingerprint, std::size_t> groups;
      for (const Fingerprint& logit : logits) {
        const auto [group, is_new] = groups.try_emplace(logit, out.count);
        out.count += is_new;
        unknowns.push_back(group->second);
      }
    }
    out.unknown_of.push_back(unknowns);
  }
  return out;
}

/// A gradient of the output of the images listed.
ResidueTensor zeros(const ResidueForward& forward, const std::vector<Index>& listed) {
  Shape shape = forward.value(forward.graph().output()).shape;
  shape[0] = std::ssize(listed);
  return {std::move(shape), forward.primes()};
}

/// dL/dz for values of the unknowns modulo every prime, [prime][unknown]; rows are the images `listed`.
ResidueTensor output_gradient(const ResidueForward& forward, const SoftmaxTest& test,
                              const Exponentials& exponentials,
                              const std::vector<std::vector<Residue>>& values,
                              const std::vector<Index>& listed) {
  const Index classes = forward.graph().classes();
  ResidueTensor out = zeros(forward, listed);
  for (std::size_t r = 0; r < test.images.size(); ++r) {
    const Index n = test.images[r];
    const Index row = std::find(listed.begin(), listed.end(), n) - listed.begin();
    for (int k = 0; k < forward.primes(); ++k) {
      const ResidueField& field = forward.field(k);
      Residue* dz = out.plane(k) + row * classes;
      std::int64_t total = 0;
      for (Index i = 0; i < classes; ++i) {
        dz[i] = values[static_cast<std::size_t>(k)][exponentials.unknown_of[r][static_cast<std::size_t>(i)]];
        total += dz[i];
      }
      Residue& own = dz[test.labels[static_cast<std::size_t>(n)]];
      own = field.subtract(own, field.from(total));
    }
  }
  return out;
}

/// Ones for the images of the test, zeros for others.
ResidueTensor sum_of_outputs(const ResidueForward& forward, const SoftmaxTest& test,
                             const std::vector<Index>& listed) {
  ResidueTensor out = zeros(forward, listed);
  for (int k = 0; k < forward.primes(); ++k)
    for (std::size_t r = 0; r < listed.size(); ++r) {
      out.plane(k)[r] = std::find(test.images.begin(), test.images.end(), listed[r]) != test.images.end();
    }
  return out;
}

/// The images that a backward pass has to carry, in order.
std::vector<Index> carried_images(const ResidueForward& forward, const std::vector<Index>& images) {
  const auto& nodes = forward.graph().nodes();
  const bool coupled = std::any_of(nodes.begin(), nodes.end(), [](const Node& node) {
    const auto* norm = std::get_if<BatchNorm>(&node.op);
    return norm && norm->mode == BatchNorm::Mode::training;
  });
  std::vector<Index> out = images;
  std::sort(out.begin(), out.end());
  if (coupled) {
    out.resize(static_cast<std::size_t>(forward.images()));
    std::iota(out.begin(), out.end(), Index{0});
  }
  return out;
}

}  // namespace

bool gradients_vanish(const ResidueForward& forward, const std::vector<Choice>& choices,
                      const SoftmaxTest& test) {
  if (test.images.empty()) return true;
  const std::vector<Index> listed = carried_images(forward, test.images);
  const auto congruent = [&](ResidueTensor seed) {
    return gradients_are_congruent(forward, choices, listed, std::move(seed), test.weights);
  };
  if (forward.graph().loss() == Loss::output) return congruent(sum_of_outputs(forward, test, listed));

  const Exponentials exponentials = group_logits(forward, test.images);
  std::vector<std::vector<Residue>> values(static_cast<std::size_t>(forward.primes()),
                                           std::vector<Residue>(exponentials.count));
  if (test.weights == WeightTest::projected) {
    for (int k = 0; k < forward.primes(); ++k) {
      RandomStream random = forward.network().unknowns("residue exponentials", forward.graph().output(), k);
      for (Residue& v : values[static_cast<std::size_t>(k)]) v = draw_unknown(forward.field(k), random);
    }
    return congruent(output_gradient(forward, test, exponentials, values, listed));
  }
  for (std::size_t u = 0; u < exponentials.count; ++u) {
    for (auto& of_prime : values) {
      std::fill(of_prime.begin(), of_prime.end(), 0);
      of_prime[u] = 1;
    }
    if (!congruent(output_gradient(forward, test, exponentials, values, listed))) return false;
  }
  return true;
}

}  // namespace gradzone
