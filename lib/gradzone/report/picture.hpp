// Pictures of a data set as the pages take them.
#pragma once

#include <nlohmann/json.hpp>

#include "gradzone/zones/record.hpp"

namespace gradzone::report_sections {

/// {channels, width, height, original_width, original_height, pixels: base64}, made smaller where the image
/// is large; null where there is no image.
nlohmann::ordered_json picture(const Thumbnail& image);

}  // namespace gradzone::report_sections
