# Writes a C++ file that holds the bytes of files as arrays: string literals have a length limit, arrays have none.
#   cmake -D OUTPUT=assets.cpp -D ASSETS="page_css=page.css|page_js=a.js,b.js" -P embed.cmake
# Files joined by commas become one asset, in that order.
set(text "#include \"gradzone/report/assets.hpp\"\n\nnamespace gradzone::report_assets {\nnamespace {\n")
set(functions "")
string(REPLACE "|" ";" assets "${ASSETS}")
foreach(asset IN LISTS assets)
  string(REGEX MATCH "^([^=]+)=(.*)$" _ "${asset}")
  set(name "${CMAKE_MATCH_1}")
  string(REPLACE "," ";" files "${CMAKE_MATCH_2}")
  set(hex "")
  foreach(file IN LISTS files)
    file(READ "${file}" part HEX)
    string(APPEND hex "${part}")
  endforeach()
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  string(APPEND text "constexpr unsigned char ${name}_bytes[] = {${bytes}};\n")
  string(APPEND functions "std::string_view ${name}() {\n"
    "  return {reinterpret_cast<const char*>(${name}_bytes), sizeof ${name}_bytes};\n}\n")
endforeach()
string(APPEND text "}  // namespace\n\n${functions}}  // namespace gradzone::report_assets\n")
file(WRITE "${OUTPUT}" "${text}")
