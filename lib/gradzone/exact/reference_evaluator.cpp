#include "gradzone/exact/reference_evaluator.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <optional>

#include "gradzone/base/error.hpp"
#include "gradzone/exact/real_backward.hpp"
#include "gradzone/exact/real_forward.hpp"

namespace gradzone {

const char* name(Proof proof) {
  switch (proof) {
    case Proof::none:
      return "";
    case Proof::branches:
      return "branches";
    case Proof::structure:
      return "structure";
    case Proof::enclosure:
      return "enclosure";
    case Proof::residue:
      return "residue";
    case Proof::exact:
      return "exact";
  }
  return "";
}

std::string proof_text(const RealVerdict& verdict) {
  const std::string proof = name(verdict.proof);
  if (proof.empty() || std::isinf(verdict.log2_chance)) return proof;
  // Rounded towards 0, so that the chance is not stated too small.
  return fmt::format("{}(2^{})", proof, static_cast<int>(std::trunc(verdict.log2_chance)));
}

namespace {

using Rational = RationalArithmetic::Number;
using SharedGradient = std::shared_ptr<const RealGradient<BallArithmetic>>;

/// One evaluation: the ladder from cheap enclosures to exact rationals.
class Evaluation {
 public:
  Evaluation(const Graph& graph, const Parameters& parameters, const std::vector<Tensor<Ball>>& balls,
             const ReferenceOptions& options, const MiniBatch& batch, const std::vector<Choice>& choices)
      : graph_(graph),
        parameters_(parameters),
        balls_(balls),
        options_(options),
        batch_(batch),
        choices_(choices),
        rules_(kink_rules(graph, choices)) {}

  RealVerdict run() {
    settle_branches();
    verdict_.logits = forward_.values.back();
    verdict_.loss =
        real_loss(BallArithmetic(options_.start_bits), graph_, verdict_.logits, batch_.labels).value;
    if (choices_agree_by_structure()) {
      verdict_.agreement = Agreement::equal;
      verdict_.proof = forward_.met_tie ? Proof::structure : Proof::branches;
      if (options_.work == Work::verdict) return finish();
      if (auto gradient = backward(options_.start_bits, forward_, choices_[0]))
        certify({std::make_shared<const RealGradient<BallArithmetic>>(std::move(*gradient))});
    } else {
      compare_choices();
    }
    return finish();
  }

 private:
  RealVerdict finish() {
    verdict_.branches = std::move(forward_.branches);
    return std::move(verdict_);
  }

  using Forward = RealForward<BallArithmetic>;

  Forward forward_at(int bits, const std::vector<LayerBranches>* known) {
    verdict_.bits_used = std::max(verdict_.bits_used, bits);
    return real_forward(BallArithmetic(bits), {graph_, batch_, rules_, known, options_.exact}, balls_);
  }

  /// Doubles the precision until every branch is certain, then tries exact rationals. The values that remain
  /// are of the first precision (valid enclosures all the same), on the branches that the last stage proved.
  void settle_branches() {
    forward_ = forward_at(options_.start_bits, nullptr);
    verdict_.stages = forward_.stages;
    if (forward_.complete) return;
    std::vector<LayerBranches> known = forward_.branches;
    bool complete = false;
    for (int bits = 2 * options_.start_bits; bits <= options_.max_bits && !complete; bits *= 2) {
      Forward finer = forward_at(bits, &known);
      complete = finer.complete;
      known = std::move(finer.branches);
    }
    const Index left = verdict_.stages.undecided;
    if (!complete && rational_forward()) {
      verdict_.stages.exact = left;
      known = rational_->branches;
    } else if (complete) {
      verdict_.stages.mpfr += left;
    }
    if (complete || rational_) verdict_.stages.undecided = 0;
    forward_ = forward_at(options_.start_bits, &known);
  }

  bool choices_agree_by_structure() const {
    const auto& outputs = forward_.identities.back();
    return std::all_of(outputs.begin(), outputs.end(),
                       [&](Identity id) { return forward_.table.derivative(id).choice_free; });
  }

  std::optional<RealGradient<BallArithmetic>> backward(int bits, const Forward& forward,
                                                       const Choice& choice) const {
    const BallArithmetic a(bits);
    return real_backward(a, graph_, balls_, forward, choice,
                         real_loss(a, graph_, forward.values.back(), batch_.labels).gradient);
  }

  /// Choices that agree share one gradient: as many as are given, the first one standing for the others.
  void certify(std::vector<SharedGradient> gradients) {
    for (const SharedGradient& gradient : gradients) {
      verdict_.gradients.push_back(
          std::make_shared<const std::vector<CertifiedTensor>>(gradient->begin(), gradient->end()));
    }
    if (!gradients.empty()) verdict_.gradients.resize(choices_.size(), verdict_.gradients.front());
  }

  /// Enclosures of every choice's gradient; empty if a branch that matters is unknown.
  std::vector<SharedGradient> gradients_at(int bits, const Forward& forward) const {
    std::vector<SharedGradient> out;
    for (const Choice& choice : choices_) {
      auto gradient = backward(bits, forward, choice);
      if (!gradient) return {};
      out.push_back(std::make_shared<const RealGradient<BallArithmetic>>(std::move(*gradient)));
    }
    return out;
  }

  void compare_choices() {
    verdict_.upper = std::numeric_limits<double>::infinity();
    std::vector<SharedGradient> gradients = gradients_at(options_.start_bits, forward_);
    if (gradients.empty()) return;
    const bool different = find_witness(options_.start_bits, gradients);
    if (!different && choices_agree_exactly()) {
      verdict_.agreement = Agreement::equal;
      verdict_.proof = Proof::exact;
      verdict_.upper = 0;
      gradients.resize(1);
    }
    if (options_.work == Work::gradient) certify(std::move(gradients));
    if (verdict_.agreement != Agreement::undecided) return;
    for (int bits = 2 * options_.start_bits; bits <= options_.max_bits; bits *= 2) {
      const Forward finer = forward_at(bits, &forward_.branches);
      if (find_witness(bits, gradients_at(bits, finer))) return;
    }
  }

  /// Looks for an entry whose difference between two choices excludes 0; records the bounds of Delta_R either
  /// way.
  bool find_witness(int bits, const std::vector<SharedGradient>& gradients) {
    double lower = 0, upper = 0;
    std::string witness;
    BigFloat largest(64);
    for (std::size_t s = 0; s + 1 < gradients.size(); ++s)
      for (std::size_t t = s + 1; t < gradients.size(); ++t)
        for (std::size_t p = 0; p < gradients[s]->size(); ++p) {
          const Tensor<Ball>&a = (*gradients[s])[p], &b = (*gradients[t])[p];
          for (Index i = 0; i < a.size(); ++i) {
            if (BallArithmetic::is_zero(a[i]) && BallArithmetic::is_zero(b[i])) continue;
            const Ball difference = subtract(a[i], b[i], bits);
            const auto [low, high] = absolute_bounds(difference);
            lower = std::max(lower, low);
            upper = std::max(upper, high);
            const Certain<int> side = sign(difference);
            if (!side.is_known() || side.value() == 0 ||
                mpfr_cmpabs(difference.mid.get(), largest.get()) <= 0)
              continue;
            mpfr_abs(largest.get(), difference.mid.get(), MPFR_RNDZ);
            witness = fmt::format("{}[{}]", graph_.parameters()[p].name, i);
          }
        }
    verdict_.lower = std::max(verdict_.lower, lower);
    verdict_.upper = std::min(verdict_.upper, upper);
    if (witness.empty()) return false;
    verdict_.agreement = Agreement::different;
    verdict_.proof = Proof::enclosure;
    verdict_.witness = witness;
    return true;
  }

  /// The forward pass in exact rationals, made once; false if exact methods are off or a square root is
  /// irrational.
  bool rational_forward() {
    if (!options_.exact || not_rational_) return false;
    if (rational_) return true;
    for (const Tensor<double>& t : parameters_) {
      Tensor<Rational> q(t.shape);
      for (Index i = 0; i < t.size(); ++i) q[i] = RationalArithmetic::from(t[i]);
      rational_parameters_.push_back(std::move(q));
    }
    try {
      rational_ =
          real_forward(RationalArithmetic(), {graph_, batch_, rules_, nullptr, true}, rational_parameters_);
    } catch (const NotRational&) {
      not_rational_ = true;
    }
    return rational_.has_value();
  }

  /// zones.md, section 3: the choices agree if, for every class of samples with one softmax and every group
  /// of equal logits, the coefficient of that exponential vanishes. Each coefficient is one exact backward
  /// pass per choice.
  bool choices_agree_exactly() {
    if (!rational_forward()) return false;
    for (const Tensor<Rational>& seed : exponential_coefficients()) {
      const RationalArithmetic a;
      const auto first = real_backward(a, graph_, rational_parameters_, *rational_, choices_[0], seed);
      for (std::size_t s = 1; s < choices_.size(); ++s) {
        const auto other = real_backward(a, graph_, rational_parameters_, *rational_, choices_[s], seed);
        if (first != other) return false;
      }
    }
    return true;
  }

  /// The dL/d(output) whose backward passes give the coefficients: for group G of a sample with label y, the
  /// derivative of sum over i in G of (z_i - z_y).
  std::vector<Tensor<Rational>> exponential_coefficients() const {
    const Tensor<Rational>& z = rational_->values.back();
    if (graph_.loss() == Loss::output) return {Tensor<Rational>(z.shape, Rational(1))};
    const Index images = z.dim(0), classes = z.dim(1);
    std::map<std::vector<Rational>, std::vector<Index>> samples_by_softmax;
    for (Index n = 0; n < images; ++n) {
      if (choice_free_sample(n)) continue;
      std::vector<Rational> key;
      for (Index k = 0; k < classes; ++k) key.push_back(z[n * classes + k] - z[n * classes]);
      samples_by_softmax[key].push_back(n);
    }
    std::vector<Tensor<Rational>> seeds;
    for (const auto& [logits, samples] : samples_by_softmax) {
      std::map<Rational, std::vector<Index>> groups;
      for (Index k = 0; k < classes; ++k) groups[logits[static_cast<std::size_t>(k)]].push_back(k);
      for (const auto& [value, group] : groups) {
        Tensor<Rational> seed(z.shape);
        for (const Index n : samples) {
          for (const Index k : group) seed[n * classes + k] += 1;
          seed[n * classes + batch_.labels[static_cast<std::size_t>(n)]] -= static_cast<Index>(group.size());
        }
        seeds.push_back(std::move(seed));
      }
    }
    return seeds;
  }

  bool choice_free_sample(Index n) const {
    const auto& outputs = forward_.identities.back();
    const Index classes = static_cast<Index>(outputs.size()) / batch_.size();
    return std::all_of(outputs.begin() + n * classes, outputs.begin() + (n + 1) * classes,
                       [&](Identity id) { return forward_.table.derivative(id).choice_free; });
  }

  const Graph& graph_;
  const Parameters& parameters_;
  const std::vector<Tensor<Ball>>& balls_;
  const ReferenceOptions& options_;
  const MiniBatch& batch_;
  const std::vector<Choice>& choices_;
  const std::vector<std::vector<KinkRule>> rules_;
  Forward forward_;
  std::vector<Tensor<Rational>> rational_parameters_;
  std::optional<RealForward<RationalArithmetic>> rational_;
  bool not_rational_ = false;
  RealVerdict verdict_;
};

}  // namespace

void validate(const ReferenceOptions& options) {
  if (options.start_bits < 64 || options.max_bits < options.start_bits || options.max_bits > 1 << 24) {
    throw UsageError(
        fmt::format("reference precision: --start-bits {} must be at least 64 and at most --max-bits {}, "
                    "and that at most {}",
                    options.start_bits, options.max_bits, 1 << 24));
  }
  if (options.bits < 53 || options.bits > 1000)
    throw UsageError(fmt::format("--bits {}: certified gradients have 53 to 1000 bits", options.bits));
}

ReferenceEvaluator::ReferenceEvaluator(const Graph& graph, const Parameters& parameters,
                                       ReferenceOptions options)
    : graph_(graph), parameters_(parameters), options_(options) {
  validate(graph_, parameters_);
  gradzone::validate(options_);
  for (const Tensor<double>& t : parameters_) {
    Tensor<Ball> balls(t.shape);
    for (Index i = 0; i < t.size(); ++i) balls[i] = Ball(t[i]);
    parameter_balls_.push_back(std::move(balls));
  }
}

RealVerdict ReferenceEvaluator::evaluate(const MiniBatch& batch, const std::vector<Choice>& choices) const {
  validate(graph_, batch);
  if (choices.empty()) throw UsageError("a real evaluation needs at least one choice");
  return Evaluation(graph_, parameters_, parameter_balls_, options_, batch, choices).run();
}

}  // namespace gradzone
