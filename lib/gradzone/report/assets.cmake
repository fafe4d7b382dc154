# Puts the page's parts and the system's Chart.js into one C++ file at build time.
find_file(GRADZONE_CHARTJS chart.min.js PATHS /usr/share/javascript/chart.js /usr/share/nodejs/chart.js/dist
          NO_DEFAULT_PATH DOC "Chart.js 3.9, minified, put into every report")
if(NOT GRADZONE_CHARTJS)
  message(FATAL_ERROR "Chart.js not found: install Debian's libjs-chart.js, or set GRADZONE_CHARTJS to chart.min.js (3.9)")
endif()

set(report_folder ${CMAKE_CURRENT_LIST_DIR})
set(report_assets ${CMAKE_CURRENT_BINARY_DIR}/report/assets.cpp)
set(report_scripts ${report_folder}/page.js ${report_folder}/page_charts.js ${report_folder}/page_points.js)
list(JOIN report_scripts "," report_scripts_joined)
set(report_parts "page_html=${report_folder}/page.html|page_css=${report_folder}/page.css"
                 "page_js=${report_scripts_joined}|chart_js=${GRADZONE_CHARTJS}")
list(JOIN report_parts "|" report_parts)
file(MAKE_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/report)
add_custom_command(
  OUTPUT ${report_assets}
  COMMAND ${CMAKE_COMMAND} -D OUTPUT=${report_assets} -D "ASSETS=${report_parts}" -P ${report_folder}/embed.cmake
  DEPENDS ${report_folder}/page.html ${report_folder}/page.css ${report_scripts} ${GRADZONE_CHARTJS} ${report_folder}/embed.cmake
  COMMENT "Embedding the report page" VERBATIM)
