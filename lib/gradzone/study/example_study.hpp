// The worked examples as an audit sees them.
#pragma once

#include <string>
#include <vector>

#include "gradzone/arith/format.hpp"
#include "gradzone/nets/worked_examples.hpp"
#include "gradzone/zones/record.hpp"

namespace gradzone {

/// One example in one format.
struct ExampleFinding {
  std::string example, program;
  std::string entry;  ///< of the parameters: where the choices' float derivatives are furthest apart
  std::vector<std::string> choices;
  std::vector<double> derivatives;  ///< there, of each choice, in floats
  PointRecord point;
};

/// Example by example, each in every format, in the direct form.
std::vector<ExampleFinding> judge_examples(const std::vector<WorkedExample>& examples,
                                           const std::vector<Format>& formats);

/// A row a finding and choice.
std::string examples_csv(const std::vector<ExampleFinding>& findings);

}  // namespace gradzone
