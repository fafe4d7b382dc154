// Small random networks on which real ties, lost ties and false ties are common: few-bit weights, constant
// and mirrored images, duplicated filters, and copies one unit in the last place apart.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "gradzone/arith/format.hpp"
#include "gradzone/choice/choice.hpp"
#include "gradzone/graph/graph.hpp"
#include "gradzone/graph/point.hpp"

namespace gradzone::support {

/// A point with everything that an audit of it needs. All numbers are values of the format.
struct RandomNet {
  std::uint64_t seed = 0;
  Graph graph;
  Parameters parameters;
  MiniBatch batch;
  FormatId format = FormatId::fp32;
  Form form = Form::direct;
  std::vector<Choice> choices;

  /// Seed, format, form, choices, batch size and layers: enough to reproduce a failure.
  std::string describe() const;
};

struct RandomNetOptions {
  bool norms = true;             ///< norm pools and batch norms (whose roots may be irrational in the end)
  bool exponent_spread = false;  ///< some tensors times 2^40 or 2^-40
  bool composed = true;          ///< let the composed form be drawn
};

/// Depends on seed and options alone.
RandomNet random_net(std::uint64_t seed, RandomNetOptions options = {});

/// The neighbour of x in the format, away from zero; x = 0 gives 0.
double next_away(double x, FormatId format);

}  // namespace gradzone::support
