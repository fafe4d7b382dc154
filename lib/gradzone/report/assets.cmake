# Puts the page's parts and the system's Chart.js into one C++ file at build time.
find_file(GRADZONE_CHARTJS chart.min.js PATHS /usr/share/javascript/chart.js /usr/share/nodejs/chart.js/dist
          NO_DEFAULT_PATH DOC "Chart.js 3.9, minified, put into every report")
if(NOT GRADZONE_CHARTJS)
  message(FATAL_ERROR "Chart.js not found: install Debian's libjs-chart.js, or set GRADZONE_CHARTJS to chart.min.js (3.9)")
endif()

set(report_folder ${CMAKE_CURRENT_LIST_DIR})
set(report_assets ${CMAKE_CURRENT_BINARY_DIR}/report/assets.cpp)
set(audit_scripts page_tools.js zone_parts.js zone_charts.js bits_chart.js data_table.js pictures.js audit.js audit_charts.js audit_points.js)
set(compare_scripts page_tools.js zone_parts.js zone_charts.js bits_chart.js data_table.js share_charts.js compare.js
    compare_charts.js)
set(volume_scripts page_tools.js zone_parts.js zone_charts.js data_table.js share_charts.js volume.js)
set(training_scripts page_tools.js training.js training_charts.js)
set(ties_scripts page_tools.js pictures.js ties.js ties_pictures.js ties_tables.js)
list(TRANSFORM audit_scripts PREPEND ${report_folder}/)
list(TRANSFORM compare_scripts PREPEND ${report_folder}/)
list(TRANSFORM volume_scripts PREPEND ${report_folder}/)
list(TRANSFORM training_scripts PREPEND ${report_folder}/)
list(TRANSFORM ties_scripts PREPEND ${report_folder}/)
list(JOIN audit_scripts "," audit_scripts_joined)
list(JOIN compare_scripts "," compare_scripts_joined)
list(JOIN volume_scripts "," volume_scripts_joined)
list(JOIN training_scripts "," training_scripts_joined)
list(JOIN ties_scripts "," ties_scripts_joined)
set(report_parts "page_html=${report_folder}/page.html|page_css=${report_folder}/page.css"
                 "audit_html=${report_folder}/audit.html|audit_js=${audit_scripts_joined}"
                 "volume_html=${report_folder}/volume.html|volume_js=${volume_scripts_joined}"
                 "compare_html=${report_folder}/compare.html|compare_js=${compare_scripts_joined}"
                 "training_html=${report_folder}/training.html|training_js=${training_scripts_joined}"
                 "ties_html=${report_folder}/ties.html|ties_css=${report_folder}/ties.css|ties_js=${ties_scripts_joined}"
                 "chart_js=${GRADZONE_CHARTJS}")
list(JOIN report_parts "|" report_parts)
file(MAKE_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/report)
add_custom_command(
  OUTPUT ${report_assets}
  COMMAND ${CMAKE_COMMAND} -D OUTPUT=${report_assets} -D "ASSETS=${report_parts}" -P ${report_folder}/embed.cmake
  DEPENDS ${report_folder}/page.html ${report_folder}/page.css ${report_folder}/audit.html ${audit_scripts}
          ${report_folder}/volume.html ${volume_scripts}
          ${report_folder}/compare.html ${compare_scripts}
          ${report_folder}/training.html ${training_scripts} ${report_folder}/ties.html ${report_folder}/ties.css
          ${ties_scripts} ${GRADZONE_CHARTJS} ${report_folder}/embed.cmake
  COMMENT "Embedding the report pages" VERBATIM)
