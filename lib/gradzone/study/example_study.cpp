#include "gradzone/study/example_study.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "gradzone/eval/float_evaluator.hpp"
#include "gradzone/io/csv.hpp"
#include "gradzone/zones/auditor.hpp"

namespace gradzone {
namespace {

/// Position of a parameter entry.
struct Entry {
  std::size_t tensor = 0;
  Index index = 0;
};

double spread(const std::vector<FloatRun>& runs, Entry at) {
  double low = runs[0].gradient[at.tensor][at.index], high = low;
  for (const FloatRun& run : runs) {
    low = std::min(low, run.gradient[at.tensor][at.index]);
    high = std::max(high, run.gradient[at.tensor][at.index]);
  }
  return high - low;
}

Entry furthest_apart(const std::vector<FloatRun>& runs) {
  Entry best;
  const auto& tensors = runs[0].gradient;
  for (std::size_t t = 0; t < tensors.size(); ++t)
    for (Index i = 0; i < tensors[t].size(); ++i)
      if (spread(runs, {t, i}) > spread(runs, best)) best = {t, i};
  return best;
}

ExampleFinding judge(const WorkedExample& example, Format format) {
  const std::vector<Choice> choices = parse_choices(example.choices);
  const Auditor auditor(example.graph, example.parameters, {format, Form::direct, choices, {}, Backend::cpu});
  const auto evaluator =
      make_float_evaluator(example.graph, round_to_format(example.parameters, format.id), format);
  std::vector<FloatRun> runs;
  for (const Choice& choice : choices)
    runs.push_back(evaluator->run(round_to_format(example.batch, format.id), choice, Form::direct));
  const Entry at = furthest_apart(runs);
  ExampleFinding out;
  out.example = example.name;
  out.program = example.point;
  out.entry = fmt::format("{}[{}]", example.graph.parameters()[at.tensor].name, at.index);
  for (std::size_t s = 0; s < choices.size(); ++s) {
    out.choices.push_back(choices[s].name());
    out.derivatives.push_back(runs[s].gradient[at.tensor][at.index]);
  }
  out.point = auditor.audit(example.batch).point;
  return out;
}

}  // namespace

std::vector<ExampleFinding> judge_examples(const std::vector<WorkedExample>& examples,
                                           const std::vector<Format>& formats) {
  std::vector<ExampleFinding> out;
  for (const WorkedExample& example : examples)
    for (const Format format : require_stated(formats)) out.push_back(judge(example, format));
  return out;
}

std::string examples_csv(const std::vector<ExampleFinding>& findings) {
  CsvWriter out;
  out.row("example", "format", "entry", "choice", "derivative", "zone", "cause", "cause_layer", "proof",
          "witness", "delta_real_lower", "delta_real_upper", "delta_float");
  for (const ExampleFinding& f : findings) {
    for (std::size_t s = 0; s < f.choices.size(); ++s) {
      out.row(f.example, f.point.format, f.entry, f.choices[s], f.derivatives[s], name(f.point.zone),
              f.point.cause, f.point.cause_layer, f.point.proof, f.point.witness, f.point.delta_real_lower,
              f.point.delta_real_upper, f.point.delta_float_inf);
    }
  }
  return out.take();
}

}  // namespace gradzone
