// The configuration of an audit as the store and summary.json keep it (see AuditResults). Of it and of
// trainings: what differs between two.
#pragma once

#include <string>
#include <vector>

#include "gradzone/io/json.hpp"

namespace gradzone {

/// Parses and checks: an object with `formats` (strings, no repeats), `seed`, `command` and `versions`.
/// Throws InputError naming `where`.
Json parse_configuration(const std::string& text, const std::string& where);
void check_configuration(const Json& configuration, const std::string& where);

/// Precondition: a checked configuration.
std::vector<std::string> formats_of(const Json& configuration);
/// "samples (stored 200, now 100)" for each key that differs; nested keys with dots. `command` does not
/// count: it may name another number of threads. Precondition: objects.
std::vector<std::string> differences(const Json& stored, const Json& now);

}  // namespace gradzone
