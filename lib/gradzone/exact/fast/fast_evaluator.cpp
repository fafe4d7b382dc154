#include "gradzone/exact/fast/fast_evaluator.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

#include "gradzone/base/error.hpp"
#include "gradzone/exact/fast/comparison.hpp"
#include "gradzone/exact/fast/precision.hpp"
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
    return g.empty() || relative_radius(g) <= std::ldexp(1.0, -bits);
  });
}

/// One evaluation: from the cheapest stage to the dearest.
class Evaluation {
 public:
  Evaluation(const FastNetwork& net, const ReferenceOptions& options, int limbs, const MiniBatch& batch,
             const std::vector<Choice>& choices)
      : net_(net),
        options_(options),
        batch_(batch),
        choices_(choices),
        rules_(kink_rules(net.graph, choices)),
        search_(net, batch, rules_, options.exact),
        limbs_(limbs) {}

  RealVerdict run() {
    settle_branches();
    verdict_.branches = search_.branches;
    verdict_.stages = search_.total();
    verdict_.upper = std::numeric_limits<double>::infinity();
    if (!search_.unsettled_images().empty()) return std::move(verdict_);
    for (Index n = 0; n < batch_.size(); ++n) (search_.choice_free(n) ? free_ : dependent_).push_back(n);
    decide_agreement();
    if (options_.work == Work::gradient && verdict_.agreement != Agreement::undecided) certify();
    return std::move(verdict_);
  }

 private:
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
    for (const auto& group : groups(images)) ForwardPass<Field>(search_, field, group, nullptr, false).run();
  }

  void settle_branches() {
    const std::vector<Index> all = search_.unsettled_images();
    if (options_.work == Work::gradient && groups(all).size() == 1) {
      // The values are needed anyway: a filter would only cost time.
      kept_.push_back(pass(all, limbs_));
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
    auto out = std::make_unique<KeptPass>(search_, FixedField(limbs), images, nullptr, true);
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
    }
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
      const KeptPass& forward = made ? *made : *kept_.front();
      const LossEnclosure loss = enclose_loss(net_.graph.loss(), forward.values(net_.graph.output()),
                                              labels_of(group), batch_.size(), limbs);
      for (std::size_t s = 0; s < count; ++s)
        add_gradient(out[s], backward(search_, forward, limbs, choices_[s], loss.gradient, rounded), rounded);
    }
    return out;
  }

  bool is_kept(const std::vector<Index>& group, int limbs) const {
    return !kept_.empty() && limbs == limbs_ && kept_.front()->images() == group;
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
  std::vector<std::unique_ptr<KeptPass>> kept_;  ///< of all images, where they make one group
  std::vector<Index> free_, dependent_;  ///< images whose logits are certainly choice-free, and the others
  std::vector<FixedGradient> own_;       ///< of the dependent images, per choice (one if they agree)
  RealVerdict verdict_;
};

}  // namespace

FastEvaluator::FastEvaluator(const Graph& graph, const Parameters& parameters, ReferenceOptions options)
    : net_(graph, parameters), options_(options), limbs_(estimated_limbs(net_, options.bits)) {}
FastEvaluator::~FastEvaluator() = default;

RealVerdict FastEvaluator::evaluate(const MiniBatch& batch, const std::vector<Choice>& choices) const {
  return Evaluation(net_, options_, limbs_, batch, choices).run();
}

}  // namespace gradzone
