#include "gradzone/io/assembly.hpp"

#include <fmt/format.h>

#include "gradzone/base/error.hpp"
#include "gradzone/io/configuration.hpp"

namespace gradzone {

Assembly::Assembly(const Json& configuration, std::string where) : where_(std::move(where)) {
  for (const std::string& format : formats_of(configuration)) rank_.emplace(format, rank_.size());
}

void Assembly::add(PointRecord point) {
  const auto rank = rank_.find(point.format);
  if (rank == rank_.end()) {
    throw InputError(fmt::format("{}: point {} is in the format {:?}, which is not among the audit's", where_,
                                 point.point, point.format));
  }
  const auto [place, is_new] = points_.try_emplace({rank->second, point.point});
  if (!is_new) {
    throw InputError(fmt::format("{}: point {} in {} is there twice", where_, point.point, point.format));
  }
  place->second.point = std::move(point);
}

PointResult& Assembly::of(const std::string& format, Index point) {
  const auto rank = rank_.find(format);
  const auto found = rank == rank_.end() ? points_.end() : points_.find({rank->second, point});
  if (found == points_.end()) {
    throw InputError(
        fmt::format("{}: a row belongs to point {} in {:?}, which is missing", where_, point, format));
  }
  return found->second;
}

std::vector<PointResult> Assembly::take() && {
  std::vector<PointResult> ordered;
  ordered.reserve(points_.size());
  for (auto& [key, result] : points_) ordered.push_back(std::move(result));
  points_.clear();
  return ordered;
}

}  // namespace gradzone
