#include "gradzone/exact/fast/residue_oracle.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace gradzone {

const ResidueEvaluator& LazyResidues::get() const {
  std::call_once(made_, [&] {
    ResidueOptions options;
    options.seed = options_.seed;
    options.test =
        options_.proof == ProofMode::exact ? ResidueOptions::Test::certain : ResidueOptions::Test::random;
    options.log2_passes = 12;  // images of a point, and a few comparisons of choices
    options.device = options_.device;
    evaluator_ = std::make_unique<ResidueEvaluator>(net_.graph, net_.parameters, options);
  });
  return *evaluator_;
}

ResidueOracle::ResidueOracle(const BranchSearch& search, const LazyResidues& residues,
                             const ReferenceOptions& options, const std::vector<Choice>& choices)
    : search_(search), residues_(residues), options_(options), choices_(choices) {
  passes_.resize(search.net.coupled ? 1 : static_cast<std::size_t>(search.batch.size()));
  chances_.assign(passes_.size() + 1, -std::numeric_limits<double>::infinity());
}

Stage ResidueOracle::stage() const {
  return options_.proof == ProofMode::exact ? &StageCounts::exact : &StageCounts::residue;
}

MiniBatch ResidueOracle::batch_of(const std::vector<Index>& images) const {
  const MiniBatch& all = search_.batch;
  const Index size = all.x.size() / all.size();
  MiniBatch out{Tensor<double>(search_.net.batched(0, static_cast<Index>(images.size()))), {}};
  for (std::size_t k = 0; k < images.size(); ++k) {
    std::copy_n(all.x.data.begin() + images[k] * size, size,
                out.x.data.begin() + static_cast<Index>(k) * size);
    if (!all.labels.empty()) out.labels.push_back(all.labels[static_cast<std::size_t>(images[k])]);
  }
  return out;
}

std::vector<LayerBranches> ResidueOracle::branches_of(const std::vector<Index>& images) const {
  std::vector<LayerBranches> out;
  for (const LayerBranches& layer : search_.branches) {
    LayerBranches& part = out.emplace_back(LayerBranches{layer.node, {}, {}});
    for (const Index n : images) {
      const auto codes = search_.codes(layer.node, n);
      part.codes.insert(part.codes.end(), codes.begin(), codes.end());
    }
  }
  return out;
}

ResiduePass& ResidueOracle::pass_at(Index image, NodeId node) {
  std::vector<Index> images{image};
  if (search_.net.coupled) {
    images.clear();
    for (Index n = 0; n < search_.batch.size(); ++n) images.push_back(n);
  }
  auto& pass = passes_[slot(image)];
  if (!pass) pass = std::make_unique<ResiduePass>(residues_.get().start(batch_of(images), choices_));
  if (pass->reached() < node) pass->advance(node, branches_of(images));
  return *pass;
}

Index ResidueOracle::entry(Index image, NodeId node, Index i) const {
  return search_.net.coupled ? image * element_count(search_.net.graph.node(node).shape) + i : i;
}

template <class Ask>
Equality ResidueOracle::ask(Index image, NodeId node, Ask&& question) {
  std::unique_lock lock(shared_, std::defer_lock);
  if (search_.net.coupled) lock.lock();  // else each image is one thread's
  const ResiduePass& pass = pass_at(image, node);
  const Equality answer = question(pass);
  if (answer == Equality::equal) chances_[slot(image)] = pass.log2_chance();
  return answer;
}

Equality ResidueOracle::equal(Index image, NodeId node, Index i, Index j) {
  return ask(image, node, [&](const ResiduePass& pass) {
    return pass.equal(node, entry(image, node, i), entry(image, node, j));
  });
}

Equality ResidueOracle::equal_to(Index image, NodeId node, Index i, double constant) {
  return ask(image, node,
             [&](const ResiduePass& pass) { return pass.equal_to(node, entry(image, node, i), constant); });
}

Equality ResidueOracle::choices_agree(const std::vector<Index>& images) {
  // Batch statistics need every image of the batch.
  std::vector<Index> all = images, which;
  if (search_.net.coupled) {
    all.clear();
    for (Index n = 0; n < search_.batch.size(); ++n) all.push_back(n);
    which = images;
  } else {
    for (std::size_t k = 0; k < images.size(); ++k) which.push_back(static_cast<Index>(k));
  }
  const MiniBatch batch = batch_of(all);
  ResiduePass pass = residues_.get().start(batch, choices_);
  pass.advance(search_.net.graph.output(), branches_of(all));
  const Equality answer = pass.choices_agree(batch.labels, which);
  if (answer == Equality::equal) chances_.back() = pass.log2_chance();
  return answer;
}

double ResidueOracle::log2_chance() const {
  double sum = 0;
  for (const double c : chances_) sum += std::exp2(c);
  return sum == 0 ? -std::numeric_limits<double>::infinity() : std::log2(sum) + 0x1p-20;
}

}  // namespace gradzone
