// Auditor: one point in one format beside the same point over the reals, and the zone that follows
// (zones.md, section 2). `Pair` of the design: both worlds run in lock-step here.
#pragma once

#include <memory>
#include <vector>

#include "gradzone/choice/choice.hpp"
#include "gradzone/eval/float_evaluator.hpp"
#include "gradzone/exact/kink_rules.hpp"
#include "gradzone/exact/real_evaluator.hpp"
#include "gradzone/graph/graph.hpp"
#include "gradzone/graph/point.hpp"
#include "gradzone/zones/record.hpp"

namespace gradzone {

struct AuditOptions {
  Format format;
  Form form = Form::direct;
  std::vector<Choice> choices;  ///< the set S, at least two
  ReferenceOptions reference;
  Backend backend = Backend::cpu;
};

/// A point in both worlds: the rounded mini-batch, the float run of each choice, what the reals say.
struct PointEvidence {
  MiniBatch batch;
  std::vector<FloatRun> runs;
  RealVerdict verdict;
};

class Auditor {
 public:
  /// Rounds the parameters and scalars to the format; they and the graph are copied. Throws UsageError for
  /// fewer than two choices, InputError for parameters that do not fit the graph.
  Auditor(const Graph& graph, const Parameters& parameters, AuditOptions options);
  ~Auditor();

  /// Classifies one mini-batch (rounded to the format first). Fills everything of PointResult that follows
  /// from the point itself; `point`, `first`, `label`, image and seconds are the caller's. Thread-safe.
  PointResult audit(const MiniBatch& batch) const { return classify(evaluate(batch)); }
  /// The two halves of an audit, for those who look at the evidence, too. Thread-safe.
  PointEvidence evaluate(const MiniBatch& batch) const;
  PointResult classify(const PointEvidence& evidence) const;

  /// As the format's float program sees them: the graph with its scalars, the parameters, the choices (whose
  /// rules these are).
  const Graph& graph() const;
  const Parameters& parameters() const;
  const std::vector<Choice>& choices() const;
  const std::vector<std::vector<KinkRule>>& rules() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace gradzone
