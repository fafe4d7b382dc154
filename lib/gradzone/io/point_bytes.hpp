// A point's results as bytes, for another process of the same program.
#pragma once

#include <string>
#include <string_view>

#include "gradzone/zones/record.hpp"

namespace gradzone {

std::string point_bytes(const PointResult& result);
/// Precondition: bytes of point_bytes().
PointResult point_of_bytes(std::string_view bytes);

}  // namespace gradzone
