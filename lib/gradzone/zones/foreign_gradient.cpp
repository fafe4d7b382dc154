#include "gradzone/zones/foreign_gradient.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "gradzone/eval/float_values.hpp"
#include "gradzone/zones/gradient_error.hpp"
#include "gradzone/zones/label_noise.hpp"
#include "gradzone/zones/rounding_budget.hpp"
#include "gradzone/zones/unstable_branches.hpp"

namespace gradzone {
namespace {

/// A kink closer than this many times the difference between our own orders may fall on either side.
constexpr double kink_margin = 8;

constexpr double infinity = std::numeric_limits<double>::infinity();

/// The certified gradient, to the nearest binary64 numbers.
Gradient nearest_doubles(const std::vector<CertifiedTensor>& certified) {
  Gradient out;
  for (const CertifiedTensor& t : certified) {
    Tensor<double>& real = out.emplace_back(t.empty() ? Tensor<double>() : Tensor<double>(t.shape()));
    for (Index i = 0; i < real.size(); ++i) real[i] = t.enclosure(i).high;
  }
  return out;
}

double largest(const Tensor<double>& t) {
  double out = 0;
  for (const double x : t.data) out = std::max(out, std::fabs(x));
  return out;
}

/// The multiple of `real` that `computed` is, by projection; NaN where there is nothing to project on.
double projection(const Tensor<double>& computed, const Tensor<double>& real) {
  const double unit = largest(real);
  if (unit == 0) return std::numeric_limits<double>::quiet_NaN();
  double along = 0, length = 0;
  for (Index i = 0; i < real.size(); ++i) {
    along += computed[i] / unit * (real[i] / unit);
    length += real[i] / unit * (real[i] / unit);
  }
  return along / length;
}

/// The factor that all tensors have in common, to within a twentieth; 1 if there is none.
double rough_common_factor(const Gradient& computed, const Gradient& real) {
  std::vector<double> factors;
  for (std::size_t p = 0; p < computed.size(); ++p) {
    if (computed[p].empty()) continue;
    const double factor = projection(computed[p], real[p]);
    if (!std::isnan(factor)) factors.push_back(factor);
  }
  if (factors.empty()) return 1;
  const auto [low, high] = std::ranges::minmax(factors);
  return low > 0 && high <= 1.05 * low && std::fabs(low - 1) > 0.05 ? low : 1;
}

}  // namespace

const char* name(Judgement judgement) {
  switch (judgement) {
    case Judgement::ok:
      return "ok";
    case Judgement::wrong:
      return "wrong";
    case Judgement::branch:
      return "rounding flips a branch";
    case Judgement::other_point:
      return "not the same point";
    case Judgement::open:
      return "not judged";
  }
  return "";
}

namespace {

/// All that is known of a point before a foreign gradient is looked at.
struct Knowledge {
  PointEvidence evidence;
  std::vector<std::vector<FloatRun>> runs;  ///< of each order, of each choice
  std::vector<Gradient> real;               ///< of each choice
  NodeId unstable = -1;

  const std::vector<CertifiedTensor>& certified(std::size_t choice) const {
    return *evidence.verdict.gradients[choice];
  }
};

/// One sample's logits: how far rounding may take them from the real ones.
double logit_allowance(const Knowledge& known, Index first, const std::vector<double>& real,
                       FormatId format) {
  double error = 0, magnitude = 0;
  for (std::size_t k = 0; k < real.size(); ++k) {
    magnitude = std::max(magnitude, std::fabs(real[k]));
    for (const auto& choices : known.runs)
      for (const FloatRun& run : choices)
        error = std::max(error, std::fabs(run.logits[first + static_cast<Index>(k)] - real[k]));
  }
  return rounding_factor * error + spare_ulps * unit_in_last_place(magnitude, format);
}

/// The logit that is furthest beyond what rounding allows.
LogitCheck check_logits(const Knowledge& known, const Tensor<double>& logits, FormatId format) {
  const Tensor<Ball>& balls = known.evidence.verdict.logits;
  const Index images = known.evidence.batch.size(), classes = balls.size() / images;
  LogitCheck out;
  double worst = -1;
  for (Index n = 0; n < images; ++n) {
    std::vector<double> real;
    for (Index k = 0; k < classes; ++k)
      real.push_back(mpfr_get_d(balls[n * classes + k].mid.get(), MPFR_RNDN));
    const double allowed = logit_allowance(known, n * classes, real, format);
    for (Index k = 0; k < classes; ++k) {
      double error = std::fabs(logits[n * classes + k] - real[static_cast<std::size_t>(k)]);
      if (std::isnan(error)) error = infinity;
      if (!(error / allowed > worst)) continue;
      worst = error / allowed;
      out = {error, allowed, n, k};
    }
  }
  return out;
}

/// The choice whose certified gradient is nearest, each tensor's distance in units of its largest entry.
std::size_t nearest_certified(const Gradient& computed, const std::vector<Gradient>& real) {
  std::size_t nearest = 0;
  double smallest = infinity;
  for (std::size_t s = 0; s < real.size(); ++s) {
    double sum = 0;
    for (std::size_t p = 0; p < computed.size(); ++p) {
      const double unit = largest(real[s][p]);
      if (computed[p].empty() || unit == 0) continue;
      double distance = 0;
      for (Index i = 0; i < computed[p].size(); ++i)
        distance = std::max(distance, std::fabs(computed[p][i] - real[s][p][i]));
      sum += std::min(distance / unit, 1.0);  // a tensor that is quite wrong tells nothing
    }
    if (sum < smallest) {
      smallest = sum;
      nearest = s;
    }
  }
  return nearest;
}

Gradient divided(const Gradient& gradient, double factor) {
  Gradient out = gradient;
  for (Tensor<double>& t : out)
    for (double& x : t.data) x /= factor;
  return out;
}

/// The factor of every tensor that has one; nothing if one of them is wrong otherwise, or if there is but one
/// tensor.
std::optional<double> common_factor(const std::vector<JudgedTensor>& tensors) {
  std::vector<double> factors;
  for (const JudgedTensor& t : tensors) {
    if (t.defect.kind == Defect::Kind::factor) {
      factors.push_back(t.defect.factor);
    } else if (t.errors.relative_error_max > 0) {  // not NaN: zeros that are right have every factor
      return std::nullopt;
    }
  }
  if (factors.size() < 2) return std::nullopt;
  const auto [low, high] = std::ranges::minmax(factors);
  return std::fabs(high - low) <= 1e-3 * std::fabs(low) ? std::optional(low) : std::nullopt;
}

}  // namespace

struct GradientJudge::State {
  State(const Graph& g, const Parameters& p, const AuditOptions& o) : options(o), auditor(g, p, o) {
    for (const Order order : all_orders) {
      const Format format{options.format.id, order};
      floats.push_back(make_float_evaluator(auditor.graph(), auditor.parameters(), format, options.backend));
    }
  }

  Knowledge know(const MiniBatch& batch) const {
    Knowledge out{auditor.evaluate(batch), {}, {}, -1};
    const RealVerdict& verdict = out.evidence.verdict;
    if (verdict.gradients.empty()) return out;
    for (const auto& evaluator : floats) {
      auto& of_order = out.runs.emplace_back();
      for (const Choice& choice : auditor.choices())
        of_order.push_back(evaluator->run(out.evidence.batch, choice, options.form));
    }
    for (const auto& certified : verdict.gradients) out.real.push_back(nearest_doubles(*certified));
    out.unstable = unstable_node(out);
    return out;
  }

  NodeId unstable_node(const Knowledge& known) const {
    std::vector<OrderRun> orders;
    for (std::size_t o = 0; o < known.runs.size(); ++o) {
      const Format format{options.format.id, all_orders[o]};
      orders.push_back(
          {&known.runs[o][0], float_values(auditor.graph(), auditor.parameters(), format,
                                           known.evidence.batch, auditor.choices()[0], options.form)});
    }
    return last_unstable_node(auditor.graph(), orders, known.evidence.verdict.branches, kink_margin);
  }

  bool may_jump(const Knowledge& known, std::size_t p) const {
    return auditor.graph().parameters()[p].node < known.unstable;
  }

  /// Differences between choices below this are rounding. Where branches hang on rounding, the errors of our
  /// own programs are jumps and say nothing of it.
  double allowance(const Knowledge& known, std::size_t p) const {
    double error = 0;
    for (std::size_t s = 0; s < known.real.size() && !may_jump(known, p); ++s) {
      for (const auto& of_order : known.runs)
        for (Index i = 0; i < known.real[s][p].size(); ++i)
          error = std::max(error, std::fabs(of_order[s].gradient[p][i] - known.real[s][p][i]));
    }
    return std::max(4 * error, 64 * unit_in_last_place(largest(known.real[0][p]), options.format.id));
  }

  ChoiceAnswer answer(const Knowledge& known, const Tensor<double>& computed, std::size_t p) const {
    std::vector<std::vector<const Tensor<double>*>> candidates(known.real.size());
    for (std::size_t s = 0; s < known.real.size(); ++s) {
      candidates[s].push_back(&known.real[s][p]);
      for (const auto& of_order : known.runs) candidates[s].push_back(&of_order[s].gradient[p]);
    }
    const ChoiceAnswer out = nearest_choice(computed, candidates, allowance(known, p));
    const bool jumped = out.kind == ChoiceAnswer::Kind::neither && may_jump(known, p);
    return jumped ? ChoiceAnswer{ChoiceAnswer::Kind::unclear, out.choice} : out;
  }

  /// Our own runs of those choices that the gradient may be of: the one that is told, or else all with the
  /// matched choice's certified gradient. Of the orders that take the real branches, if there are any.
  std::vector<const Gradient*> honest_runs(const Knowledge& known, const ChoiceAnswer& answer) const {
    const RealVerdict& verdict = known.evidence.verdict;
    std::vector<const Gradient*> all, real;
    for (std::size_t s = 0; s < known.real.size(); ++s) {
      const bool same =
          answer.kind != ChoiceAnswer::Kind::told && verdict.gradients[s] == verdict.gradients[answer.choice];
      if (s != answer.choice && !same) continue;
      for (const auto& of_order : known.runs) {
        all.push_back(&of_order[s].gradient);
        if (takes_real_branches(auditor.graph(), of_order[s], verdict.branches)) real.push_back(all.back());
      }
    }
    return real.empty() ? all : real;
  }

  RoundingBudget budget(const Knowledge& known, const ChoiceAnswer& answer) const {
    const MiniBatch& batch = known.evidence.batch;
    const Choice& choice = auditor.choices()[answer.choice];
    std::vector<bool> jumps;
    for (std::size_t p = 0; p < auditor.parameters().size(); ++p) jumps.push_back(may_jump(known, p));
    return {options.format.id,
            known.certified(answer.choice),
            honest_runs(known, answer),
            label_derivative(auditor.graph(), auditor.parameters(), batch, choice, options.form),
            std::move(jumps),
            batch.size()};
  }

  void judge(const Knowledge& known, ExpectedTensor should, const Tensor<double>& computed, std::size_t p,
             JudgedTensor& out) const {
    should.parameter = auditor.parameters()[p];
    out.budget_share = share_of_budget(computed, should);
    out.defect = find_defect(computed, should);
    out.reason = defect_text(out.defect, auditor.graph().parameters()[p].name, should.batch);
    const bool jump = may_jump(known, p) && !is_unmistakable(out.defect.kind, computed.size());
    out.judgement = out.defect.kind == Defect::Kind::none ? Judgement::ok
                    : jump                                ? Judgement::branch
                                                          : Judgement::wrong;
  }

  AuditOptions options;
  Auditor auditor;
  std::vector<std::unique_ptr<FloatEvaluator>> floats;  ///< in the order of all_orders
};

GradientJudge::GradientJudge(const Graph& graph, const Parameters& parameters, AuditOptions options)
    : state_(std::make_unique<State>(graph, parameters, std::move(options))) {}

GradientJudge::~GradientJudge() = default;

const Graph& GradientJudge::graph() const {
  return state_->auditor.graph();
}
const std::vector<Choice>& GradientJudge::choices() const {
  return state_->auditor.choices();
}

JudgedGradient GradientJudge::judge(const MiniBatch& batch, const ForeignGradient& foreign) const {
  const Knowledge known = state_->know(batch);
  JudgedGradient out;
  out.point = state_->auditor.classify(known.evidence).point;
  if (known.real.empty()) return out;
  if (foreign.logits) out.logits = check_logits(known, *foreign.logits, state_->options.format.id);
  const bool same_point = !out.logits || out.logits->error <= out.logits->allowed;
  if (known.unstable >= 0) out.unstable_layer = graph().node(known.unstable).name;

  const Gradient scaled = divided(foreign.gradient, rough_common_factor(foreign.gradient, known.real[0]));
  std::vector<ChoiceAnswer> answers(foreign.gradient.size());
  for (std::size_t p = 0; p < foreign.gradient.size() && same_point; ++p) {
    if (!scaled[p].empty()) answers[p] = state_->answer(known, scaled[p], p);
  }
  out.answer = answer_of_all(answers);
  const std::size_t matched =
      out.answer.kind == ChoiceAnswer::Kind::told ? out.answer.choice : nearest_certified(scaled, known.real);
  if (out.answer.kind != ChoiceAnswer::Kind::told) out.answer.choice = matched;

  auto errors =
      gradient_errors(graph(), foreign.gradient, known.certified(matched), state_->options.format.id);
  const RoundingBudget budget = state_->budget(known, out.answer);
  const double label_error = budget.label_error(foreign.gradient);
  for (std::size_t p = 0, row = 0; p < foreign.gradient.size(); ++p) {
    if (foreign.gradient[p].empty()) continue;
    JudgedTensor& tensor = out.tensors.emplace_back();
    tensor.errors = std::move(errors[row++]);
    tensor.answer = answers[p];
    if (same_point) state_->judge(known, budget.expected(p, label_error), foreign.gradient[p], p, tensor);
  }
  out.whole = std::move(errors.back());
  if (!same_point) {
    out.judgement = Judgement::other_point;
    return out;
  }
  out.common_factor = common_factor(out.tensors);
  const auto any = [&](Judgement judgement) {
    return std::ranges::any_of(out.tensors, [&](const JudgedTensor& t) { return t.judgement == judgement; });
  };
  out.judgement = any(Judgement::wrong)    ? Judgement::wrong
                  : any(Judgement::branch) ? Judgement::branch
                                           : Judgement::ok;
  return out;
}

}  // namespace gradzone
