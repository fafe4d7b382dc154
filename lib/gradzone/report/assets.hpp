// The parts of the page, put into the library at build time (embed.cmake): a report needs no file beside the
// program.
#pragma once

#include <string_view>

namespace gradzone::report_assets {

std::string_view
page_html();  ///< the template: {{title}}, {{style}}, {{headline}}, {{data}}, {{chartjs}}, {{script}}
std::string_view page_css();
std::string_view page_js();   ///< page.js, page_charts.js, page_points.js
std::string_view chart_js();  ///< Chart.js 3.9 of the system (MIT licence)

}  // namespace gradzone::report_assets
