#include "gradzone/zones/auditor.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "gradzone/base/error.hpp"
#include "gradzone/zones/branch_comparison.hpp"
#include "gradzone/zones/float_difference.hpp"
#include "gradzone/zones/gradient_error.hpp"

namespace gradzone {
namespace {

/// Pictures of windows per point; audits for the verdict alone look at very many points.
std::size_t tie_windows_kept(Work work) {
  return work == Work::gradient ? 200 : 20;
}

FloatDifference largest_difference(const std::vector<FloatRun>& runs) {
  std::vector<const std::vector<Tensor<double>>*> gradients;
  for (const FloatRun& run : runs) gradients.push_back(&run.gradient);
  return largest_difference<double>(gradients);
}

std::string first_non_finite_layer(const std::vector<FloatRun>& runs) {
  for (const FloatRun& run : runs) {
    if (!run.non_finite_layer.empty()) return run.non_finite_layer;
  }
  return "";
}

void refuse_overflow(const Graph& graph, const Parameters& rounded, FormatId format) {
  for (std::size_t p = 0; p < rounded.size(); ++p) {
    for (Index i = 0; i < rounded[p].size(); ++i) {
      if (std::isfinite(rounded[p][i])) continue;
      throw InputError(
          fmt::format("tensor {}: entry {} overflows {}, so the network has no point in that format; "
                      "audit it in bf16, fp32 or fp64",
                      graph.parameters()[p].name, i, name(format)));
    }
  }
}

}  // namespace

struct Auditor::State {
  State(const Graph& g, const Parameters& p, AuditOptions o)
      : options(std::move(o)),
        graph(g.with_scalars_of(options.format.id)),
        parameters(round_to_format(p, options.format.id)),
        floats(make_float_evaluator(graph, parameters, options.format, options.backend)),
        reference(make_real_evaluator(graph, parameters, options.reference)) {
    for (const Choice& choice : options.choices)
      choices.push_back(round_to_scalars(choice, options.format.id));
    rules = kink_rules(graph, choices);
  }

  std::vector<FloatRun> run_all(const MiniBatch& batch, Form form) const {
    std::vector<FloatRun> runs;
    for (const Choice& choice : choices) runs.push_back(floats->run(batch, choice, form));
    return runs;
  }

  /// The first max pool at which the choices differ: where the composed program first computes something
  /// else.
  std::string first_hybrid_pool() const {
    for (const Node& node : graph.nodes()) {
      const auto& rule = rules[static_cast<std::size_t>(&node - graph.nodes().data())];
      if (std::holds_alternative<MaxPool2d>(node.op) && !rule[0].agree) return node.name;
    }
    return "";
  }

  Cause cause(const MiniBatch& batch, const std::vector<FloatRun>& runs, const RealVerdict& verdict) const {
    const std::string broken = first_non_finite_layer(runs);
    if (!broken.empty()) return {"non-finite", broken};
    if (options.form == Form::composed && largest_difference(run_all(batch, Form::direct)).inf == 0) {
      return {"cancellation", first_hybrid_pool()};
    }
    return branch_cause(graph, rules, runs, verdict.branches);
  }

  AuditOptions options;
  Graph graph;
  Parameters parameters;
  std::unique_ptr<FloatEvaluator> floats;
  std::unique_ptr<RealEvaluator> reference;
  std::vector<Choice> choices;  ///< options.choices as the format's float program sees their numbers
  std::vector<std::vector<KinkRule>> rules;
};

Auditor::Auditor(const Graph& graph, const Parameters& parameters, AuditOptions options) {
  if (options.choices.size() < 2) throw UsageError("an audit compares at least two choices");
  validate(graph, parameters);
  refuse_overflow(graph, round_to_format(parameters, options.format.id), options.format.id);
  state_ = std::make_unique<State>(graph, parameters, std::move(options));
}

Auditor::~Auditor() = default;

const Graph& Auditor::graph() const {
  return state_->graph;
}
const Parameters& Auditor::parameters() const {
  return state_->parameters;
}
const std::vector<Choice>& Auditor::choices() const {
  return state_->choices;
}
const std::vector<std::vector<KinkRule>>& Auditor::rules() const {
  return state_->rules;
}

PointEvidence Auditor::evaluate(const MiniBatch& unrounded) const {
  validate(state_->graph, unrounded);
  PointEvidence out{round_to_format(unrounded, state_->options.format.id), {}, {}};
  out.runs = state_->run_all(out.batch, state_->options.form);
  out.verdict = state_->reference->evaluate(out.batch, state_->choices);
  return out;
}

PointResult Auditor::classify(const PointEvidence& evidence) const {
  const AuditOptions& options = state_->options;
  const auto& [batch, runs, verdict] = evidence;
  const FloatDifference floats = largest_difference(runs);

  PointResult result;
  PointRecord& point = result.point;
  point.batch = batch.size();
  point.format = full_name(options.format);
  point.form = name(options.form);
  point.choices = names(options.choices);
  point.proof = proof_text(verdict);
  point.stages = verdict.stages;
  point.witness = verdict.witness;
  point.delta_real_lower = verdict.lower;
  point.delta_real_upper = verdict.upper;
  point.delta_float_inf = floats.inf;
  point.delta_float_l1 = floats.l1;
  point.stat_inf = floats.stat_inf;
  point.stat_l1 = floats.stat_l1;
  point.bits_used = verdict.bits_used;
  point.float_sees = point.delta_float_inf != 0;
  point.predicted = argmax_of_first(runs[0].logits);
  switch (verdict.agreement) {
    case Agreement::different:
      point.zone = Zone::bifurcation;
      break;
    case Agreement::undecided:
      point.zone = Zone::undecided;
      break;
    case Agreement::equal:
      point.zone = point.float_sees ? Zone::compensation : Zone::regular;
      break;
  }
  if (point.zone == Zone::compensation) {
    const Cause cause = state_->cause(batch, runs, verdict);
    point.cause = cause.name;
    point.cause_layer = cause.layer;
  }
  result.branches = branch_records(state_->graph, runs[0].branches, verdict.branches);
  for (BranchRecord& branch : result.branches) branch.format = point.format;
  for (std::size_t s = 0; s < verdict.gradients.size(); ++s) {
    auto errors = gradient_errors(state_->graph, runs[s].gradient, *verdict.gradients[s], options.format.id);
    for (GradientRecord& record : errors) {
      record.format = point.format;
      record.choice = options.choices[s].name();
      result.gradients.push_back(std::move(record));
    }
  }
  result.ties = tie_windows(state_->graph, runs[0].branches, verdict.branches,
                            tie_windows_kept(options.reference.work));
  return result;
}

}  // namespace gradzone
