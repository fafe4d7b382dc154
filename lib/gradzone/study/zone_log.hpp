// ZoneLog: the zone of the mini-batch that a training is about to step on, every so many steps, in zones.csv.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gradzone/choice/choice.hpp"
#include "gradzone/exact/reference_options.hpp"
#include "gradzone/graph/graph.hpp"
#include "gradzone/study/training_trace.hpp"
#include "gradzone/zones/record.hpp"

namespace gradzone {

struct ZoneLogOptions {
  Index every = 0;  ///< steps; 0: no zones
  std::vector<Choice> choices{Choice{}, Choice{.maxpool_beta = 1}};
};

/// A mini-batch in its unit's format and form, under the parameters before the step, batch norm in training
/// mode.
struct ZoneRow {
  TrainUnit unit;
  int epoch = 0;   ///< from 1
  Index step = 0;  ///< of the whole run, from 1
  /// False where a parameter is NaN or infinite: then there is no point, and the zone's cells are empty.
  bool is_point = true;
  PointRecord point;
};

/// Columns run, epoch, step, beta, form, format, choices, zone, cause, cause_layer, proof, witness,
/// delta_real_lower, delta_real_upper, delta_float_inf, float_sees, bits_used.
std::string zones_csv(const std::vector<ZoneRow>& rows);
/// Throws InputError with file and line for anything that is not such a table.
std::vector<ZoneRow> read_zones_csv(std::string_view text, const std::string& where);

/// Verdicts only; `reference.seed` draws the random primes.
ZoneRow audit_next_step(const Graph& graph, const ZoneLogOptions& options, std::uint64_t seed,
                        const TrainUnit& unit, TrainingRun& run);

}  // namespace gradzone
