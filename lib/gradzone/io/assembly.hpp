// Puts tables that were read row by row together to points. Internal to io/.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "gradzone/io/json.hpp"
#include "gradzone/io/results.hpp"

namespace gradzone {

/// Throws InputError, naming `where`, for a point that is there twice, in a format that the audit does not
/// have, or for a row whose point is missing.
class Assembly {
 public:
  /// Precondition: a checked configuration.
  Assembly(const Json& configuration, std::string where);

  void add(PointRecord point);
  /// The point that a row of another table belongs to.
  PointResult& of(const std::string& format, Index point);

  /// By format in the order of the configuration, then by point.
  std::vector<PointResult> take() &&;

 private:
  std::string where_;
  std::map<std::string, std::size_t> rank_;  // of the formats
  std::map<std::pair<std::size_t, Index>, PointResult> points_;
};

}  // namespace gradzone
