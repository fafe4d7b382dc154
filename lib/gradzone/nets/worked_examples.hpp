// The worked examples: programs of a line with points whose zones can be worked out by hand. They show what
// each zone means (boustany2024, introduction; docs/proofs.md).
#pragma once

#include <string>
#include <vector>

#include "gradzone/graph/graph.hpp"
#include "gradzone/graph/point.hpp"

namespace gradzone {

struct WorkedExample {
  std::string name;   ///< "zero program"
  std::string point;  ///< the program and where it is looked at, one line
  Graph graph;        ///< Loss::output: the derivative is the program's own
  Parameters parameters;
  MiniBatch batch;
  std::string choices;  ///< the set S, as on the command line
};

std::vector<WorkedExample> worked_examples();

}  // namespace gradzone
