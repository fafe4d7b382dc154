// The parts of the page, put into the library at build time (embed.cmake): a report needs no file beside the
// program.
#pragma once

#include <string_view>

namespace gradzone::report_assets {

/// The frame of every page: {{title}}, {{style}}, {{command}}, {{headline}}, {{body}}, {{data}}, {{chartjs}},
/// {{script}}
std::string_view page_html();
std::string_view page_css();
std::string_view audit_html();   ///< the body of an audit's page
std::string_view audit_js();     ///< page_tools.js and the audit's own
std::string_view volume_html();  ///< of a volume study's
std::string_view volume_js();
std::string_view compare_html();  ///< of two studies side by side
std::string_view compare_js();
std::string_view training_html();  ///< of a training's
std::string_view training_js();
std::string_view ties_html();  ///< of a page of ties, whose style is added to page.css
std::string_view ties_css();
std::string_view ties_js();
std::string_view chart_js();  ///< Chart.js 3.9 of the system (MIT licence)

}  // namespace gradzone::report_assets
