// Counts and shares as the summaries of studies have them.
#pragma once

#include "gradzone/io/json.hpp"
#include "gradzone/zones/census.hpp"

namespace gradzone {

/// {"count": 3, "share": 0.3, "ci95": [0.0667396, 0.652453]}
Json frequency_json(const Frequency& frequency);

/// Points, zones, causes with their layers, proofs, branches by stage, bifurcations that the floats see.
Json census_json(const Census& census);

}  // namespace gradzone
