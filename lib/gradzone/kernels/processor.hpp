// Processor: who computes a float program, as people choose it.
#pragma once

#include <string_view>

namespace gradzone {

/// The same bits from each.
enum class Processor { cpu, cuda };

std::string_view name(Processor processor);
/// Throws UsageError listing the names.
Processor parse_processor(std::string_view text);

}  // namespace gradzone
