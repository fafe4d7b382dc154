#include "gradzone/exact/fast/fast_evaluator.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <mutex>

#include "gradzone/base/error.hpp"
#include "gradzone/exact/certified_tensor.hpp"
#include "gradzone/exact/fast/comparison.hpp"
#include "gradzone/exact/fast/fast_network.hpp"
#include "gradzone/exact/fast/precision.hpp"
#include "gradzone/exact/fast/residue_oracle.hpp"
#include "gradzone/exact/fast/softmax.hpp"

namespace gradzone {
namespace {

/// Limbs of the stages that only settle branches.
constexpr int branch_limbs[] = {2, 5, 12};
/// Images that go through a pass together. Gradients are added group by group, so this is part of the
/// arithmetic: it must not depend on the memory at hand.
constexpr Index images_per_group = 16;

using KeptPass = ForwardPass<FixedField>;

/// Whether every tensor has `bits` correct bits relative to its largest entry.
bool reaches(const FixedGradient& gradient, int bits) {
  return std::all_of(gradient.begin(), gradient.end(), [&](const ParameterGradient& g) {
    return g.empty() || log2_relative_radius(g) <= -bits;
  });
}

/// One evaluation: from the cheapest stage to the dearest.
class Evaluation {
 public:
  Evaluation(const FastNetwork& net, const ReferenceOptions& options, const LazyResidues& residues, int limbs,
             const MiniBatch& batch, const std::vector<Choice>& choices)
      : net_(net),
        options_(options),
        batch_(batch),
        choices_(choices),
        rules_(kink_rules(net.graph, choices)),
        search_(net, batch, rules_, options.exact),
        limbs_(limbs) {
    if (options.exact) oracle_ = std::make_unique<ResidueOracle>(search_, residues, options, choices);
  }

  RealVerdict run() {
    settle_branches();
    verdict_.branches = search_.branches;
    verdict_.stages = search_.total();
    verdict_.upper = std::numeric_limits<double>::infinity();
    if (!search_.unsettled_images().empty()) {
      count_undecided();
      return std::move(verdict_);
    }
    split_images();
    decide_agreement();
    if (options_.work == Work::gradient && verdict_.agreement != Agreement::undecided) certify();
    if (oracle_) verdict_.log2_chance = oracle_->log2_chance();
    return std::move(verdict_);
  }

 private:
  /// Images that depend on each other are on the same side.
  void split_images() {
    bool all_free = true;
    for (Index n = 0; n < batch_.size(); ++n) all_free = all_free && search_.choice_free(n);
    for (Index n = 0; n < batch_.size(); ++n) {
      const bool free = net_.coupled ? all_free : search_.choice_free(n);
      (free ? free_ : dependent_).push_back(n);
    }
  }

  /// `images` in groups that go through a pass together.
  std::vector<std::vector<Index>> groups(const std::vector<Index>& images) const {
    std::vector<std::vector<Index>> out;
    const std::size_t size = net_.coupled ? images.size() : static_cast<std::size_t>(images_per_group);
    for (std::size_t begin = 0; begin < images.size(); begin += size)
      out.emplace_back(images.begin() + static_cast<Index>(begin),
                       images.begin() + static_cast<Index>(std::min(images.size(), begin + size)));
    return out;
  }

  template <class Field>
  void settle(const Field& field, int bits) {
    const std::vector<Index> images = search_.unsettled_images();
    if (!images.empty()) use_bits(bits);
    TieOracle* const oracle = Field::complete ? oracle_.get() : nullptr;  // the filter asks nobody
    for (const auto& group : groups(images)) ForwardPass<Field>(search_, field, group, oracle, false).run();
  }

  void settle_branches() {
    const std::vector<Index> all = search_.unsettled_images();
    if (options_.work == Work::gradient && groups(all).size() == 1) {
      // The values are needed anyway: a filter would only cost time.
      kept_ = pass(all, limbs_);
      // Images that stopped on the way have no values behind that.
      if (!search_.unsettled_images().empty()) kept_.reset();
    } else if (!net_.coupled && !net_.has_norm_pool) {
      settle(DoubleField(), 53);
    }
    for (const int limbs : branch_limbs) {
      if (limb_bits * limbs <= std::max(options_.max_bits, limb_bits * branch_limbs[0]))
        settle(FixedField(limbs), limb_bits * limbs);
    }
  }

  void use_bits(int bits) { verdict_.bits_used = std::max(verdict_.bits_used, bits); }

  std::unique_ptr<KeptPass> pass(const std::vector<Index>& images, int limbs) {
    use_bits(limb_bits * limbs);
    auto out = std::make_unique<KeptPass>(search_, FixedField(limbs), images, oracle_.get(), true);
    out->run();
    return out;
  }

  void decide_agreement() {
    if (dependent_.empty()) {
      const bool met = std::any_of(search_.structure.begin(), search_.structure.end(),
                                   [](const ImageStructure& s) { return s.met_tie(); });
      agree(met ? Proof::structure : Proof::branches);
      return;
    }
    for (int limbs = limbs_; limbs <= most_limbs; limbs *= 2) {
      own_ = gradients(dependent_, limbs, choices_.size());
      const GradientDifference d = compare_gradients(net_.graph, own_, limbs);
      verdict_.lower = std::max(verdict_.lower, d.lower);
      verdict_.upper = std::min(verdict_.upper, d.upper);
      if (!d.witness.empty()) {
        verdict_.agreement = Agreement::different;
        verdict_.proof = Proof::enclosure;
        verdict_.witness = d.witness;
        return;
      }
      // More precision helps where the choices do differ; whether they may is asked once.
      if (limbs == limbs_ && oracle_ && oracle_->choices_agree(dependent_) == Equality::equal)
        return agree(options_.proof == ProofMode::exact ? Proof::exact : Proof::residue);
    }
  }

  void count_undecided() {
    for (const LayerBranches& layer : search_.branches)
      verdict_.stages.undecided += std::count(layer.codes.begin(), layer.codes.end(), unknown_branch);
  }

  void agree(Proof proof) {
    verdict_.agreement = Agreement::equal;
    verdict_.proof = proof;
    verdict_.lower = verdict_.upper = 0;
    own_.resize(std::min<std::size_t>(own_.size(), 1));
  }

  /// Gradients summed over `images` for the first `count` choices, carried with `limbs` limbs.
  std::vector<FixedGradient> gradients(const std::vector<Index>& images, int limbs, std::size_t count) {
    std::vector<FixedGradient> out(count);
    const int rounded = rounded_limbs(limbs);
    for (const auto& group : groups(images)) {
      const std::unique_ptr<KeptPass> made = is_kept(group, limbs) ? nullptr : pass(group, limbs);
      const KeptPass& forward = made ? *made : *kept_;
      const LossEnclosure loss = enclose_loss(net_.graph.loss(), forward.values(net_.graph.output()),
                                              labels_of(group), batch_.size(), limbs);
      if (options_.work == Work::gradient) keep_logits(group, forward.values(net_.graph.output()));
      for (std::size_t s = 0; s < count; ++s)
        add_gradient(out[s], backward(search_, forward, limbs, choices_[s], loss.gradient, rounded), rounded);
    }
    return out;
  }

  void keep_logits(const std::vector<Index>& group, const FixedValues& output) {
    const Index size = element_count(net_.graph.node(net_.graph.output()).shape);
    Tensor<Ball>& logits = verdict_.logits;
    if (logits.empty()) logits = Tensor<Ball>(net_.batched(net_.graph.output(), batch_.size()));
    for (std::size_t slot = 0; slot < group.size(); ++slot)
      for (Index k = 0; k < size; ++k)
        logits[group[slot] * size + k] =
            ball_around(interval_of(output, static_cast<Index>(slot) * size + k));
  }

  bool is_kept(const std::vector<Index>& group, int limbs) const {
    return kept_ && limbs == limbs_ && kept_->images() == group;
  }

  int rounded_limbs(int limbs) const {
    return std::min(limbs, gradient_limbs(options_.bits) + limbs - limbs_);
  }

  std::vector<int> labels_of(const std::vector<Index>& images) const {
    std::vector<int> out;
    if (net_.graph.loss() == Loss::output) return out;
    for (const Index n : images) out.push_back(batch_.labels[static_cast<std::size_t>(n)]);
    return out;
  }

  /// Certified gradients of every choice; more limbs where they fall short of the bits asked for.
  void certify() {
    std::vector<FixedGradient> totals = total_gradients(limbs_);
    int limbs = limbs_;
    const auto short_of_bits = [&] {
      return std::any_of(totals.begin(), totals.end(),
                         [&](const auto& g) { return !reaches(g, options_.bits); });
    };
    for (int attempt = 0; attempt < 2 && limbs < most_limbs && short_of_bits(); ++attempt) {
      limbs = std::min(most_limbs, limbs + std::max(1, limbs / 2));
      own_ = gradients(dependent_, limbs, own_.size());
      totals = total_gradients(limbs);
    }
    for (FixedGradient& total : totals) verdict_.gradients.push_back(certified(std::move(total)));
    verdict_.gradients.resize(choices_.size(), verdict_.gradients.front());
  }

  /// What own_ holds of the images on which the choices may differ, plus the gradient of all others.
  std::vector<FixedGradient> total_gradients(int limbs) {
    std::vector<FixedGradient> totals = std::move(own_);
    own_.resize(totals.size());
    if (free_.empty()) return totals;
    FixedGradient common = std::move(gradients(free_, limbs, 1)[0]);
    if (totals.empty()) totals.resize(1);
    for (std::size_t s = 1; s < totals.size(); ++s) add_gradient(totals[s], common, rounded_limbs(limbs));
    add_gradient(totals[0], std::move(common), rounded_limbs(limbs));
    return totals;
  }

  std::shared_ptr<const std::vector<CertifiedTensor>> certified(FixedGradient gradient) const {
    auto out = std::make_shared<std::vector<CertifiedTensor>>(gradient.size());
    for (std::size_t p = 0; p < gradient.size(); ++p) {
      if (!gradient[p].empty())
        (*out)[p] = CertifiedTensor(std::move(gradient[p]), net_.graph.parameters()[p].shape);
    }
    return out;
  }

  const FastNetwork& net_;
  const ReferenceOptions& options_;
  const MiniBatch& batch_;
  const std::vector<Choice>& choices_;
  const std::vector<std::vector<KinkRule>> rules_;
  BranchSearch search_;
  const int limbs_;
  std::unique_ptr<ResidueOracle> oracle_;  ///< none where exact methods are off
  std::unique_ptr<KeptPass> kept_;         ///< of all images, where they make one group
  std::vector<Index> free_, dependent_;    ///< images whose logits are certainly choice-free, and the others
  std::vector<FixedGradient> own_;         ///< of the dependent images, per choice (one if they agree)
  RealVerdict verdict_;
};

}  // namespace

struct FastEvaluator::State {
  State(const Graph& graph, const Parameters& parameters, const ReferenceOptions& o)
      : net(graph, parameters, o.device),
        options(o),
        residues(net, options),
        limbs(estimated_limbs(net, o.bits)) {}

  /// The plain engine, which takes over where this one gives up; made when it is first needed.
  const ReferenceEvaluator& plain() const {
    std::call_once(plain_made, [&] {
      plain_engine = std::make_unique<ReferenceEvaluator>(net.graph, net.parameters, options);
    });
    return *plain_engine;
  }
  /// Whether the plain engine would come to an end: it takes about 50 ns a multiply-add and pass.
  bool plain_is_feasible(Index images) const {
    constexpr double most_products = 1e9;
    return static_cast<double>(images) * static_cast<double>(net.products) < most_products;
  }

  const FastNetwork net;
  const ReferenceOptions options;
  const LazyResidues residues;
  const int limbs;  ///< first precision of certified gradients
  mutable std::once_flag plain_made;
  mutable std::unique_ptr<const ReferenceEvaluator> plain_engine;
};

FastEvaluator::FastEvaluator(const Graph& graph, const Parameters& parameters, ReferenceOptions options) {
  validate(graph, parameters);
  validate(options);
  state_ = std::make_unique<State>(graph, parameters, options);
}
FastEvaluator::~FastEvaluator() = default;

RealVerdict FastEvaluator::evaluate(const MiniBatch& batch, const std::vector<Choice>& choices) const {
  const State& s = *state_;
  validate(s.net.graph, batch);
  if (choices.empty()) throw UsageError("a real evaluation needs at least one choice");
  RealVerdict verdict;
  if (s.net.representable) {
    verdict = Evaluation(s.net, s.options, s.residues, s.limbs, batch, choices).run();
    if (verdict.agreement != Agreement::undecided) return verdict;
  }
  return s.plain_is_feasible(batch.size()) ? s.plain().evaluate(batch, choices) : verdict;
}

}  // namespace gradzone
