// A gradient that another program computed, beside the certified one: which choice it is, and which of its
// tensors are wrong by more than rounding explains (docs/compare.md has the rules).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gradzone/zones/auditor.hpp"
#include "gradzone/zones/choice_distance.hpp"
#include "gradzone/zones/gradient_defect.hpp"

namespace gradzone {

struct ForeignGradient {
  /// Per Graph::parameters() entry, of its shape; empty where there is none.
  std::vector<Tensor<double>> gradient;
  std::optional<Tensor<double>> logits;  ///< [N, classes]
};

enum class Judgement {
  ok,
  wrong,
  branch,       ///< off, but rounding decides a branch here, and the gradient may jump
  other_point,  ///< the logits are not those of this point: nothing else is judged
  open          ///< there is no certified gradient to judge by
};
/// "ok", "wrong", "rounding flips a branch", "not the same point", "not judged".
const char* name(Judgement judgement);

struct JudgedTensor {
  GradientRecord errors;  ///< against the certified gradient of the matched choice
  Judgement judgement = Judgement::open;
  double budget_share = 0;  ///< the largest error of an entry in units of what rounding may make
  Defect defect;
  std::string reason;   ///< the defect in words, empty if there is none
  ChoiceAnswer answer;  ///< which choice this tensor alone tells
};

/// The worst logit.
struct LogitCheck {
  double error = 0, allowed = 0;
  Index image = 0, logit = 0;
};

struct JudgedGradient {
  PointRecord point;  ///< zone, cause and proof; point, first and label are the caller's
  Judgement judgement = Judgement::open;
  ChoiceAnswer answer;
  std::vector<JudgedTensor> tensors;  ///< those that there are, in the graph's order
  GradientRecord whole;               ///< of all entries of these together
  std::string unstable_layer;  ///< the last layer with a branch that hangs on rounding, if there is one
  std::optional<double> common_factor;  ///< every tensor is so many times too large
  std::optional<LogitCheck> logits;     ///< if there are some to compare
};

class GradientJudge {
 public:
  /// As Auditor's.
  GradientJudge(const Graph& graph, const Parameters& parameters, AuditOptions options);
  ~GradientJudge();

  /// Precondition: the tensors have the shapes of the graph's parameters. Throws InputError for a batch that
  /// does not fit the graph. Thread-safe.
  JudgedGradient judge(const MiniBatch& batch, const ForeignGradient& foreign) const;

  const Graph& graph() const;
  const std::vector<Choice>& choices() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace gradzone
