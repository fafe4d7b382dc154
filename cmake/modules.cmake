# One folder of lib/gradzone is one module: a static library gradzone_<name>, alias gradzone::<name>,
# with its dependencies declared here and nowhere else. Dependencies point leftwards only:
# base, {cluster, arith}, graph, {nets, choice, data}, kernels, eval, exact, zones, {io, train}, report.
function(gradzone_module name)
  cmake_parse_arguments(M "" "" "SOURCES;DEPENDS;PRIVATE" ${ARGN})
  add_library(gradzone_${name} STATIC ${M_SOURCES})
  add_library(gradzone::${name} ALIAS gradzone_${name})
  set_target_properties(gradzone_${name} PROPERTIES EXPORT_NAME ${name} POSITION_INDEPENDENT_CODE ON)
  target_compile_features(gradzone_${name} PUBLIC cxx_std_20)
  target_include_directories(gradzone_${name} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/lib> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_link_libraries(gradzone_${name} PUBLIC ${M_DEPENDS} PRIVATE ${M_PRIVATE})
  gradzone_compile_options(gradzone_${name})
  set_property(GLOBAL APPEND PROPERTY GRADZONE_MODULES gradzone_${name})
endfunction()

# Floating-point semantics are pinned: no contraction, no fast-math (a test looks for excess precision).
function(gradzone_compile_options target)
  set(options -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -ffp-contract=off
    $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>  # false alarms on std::string in GCC 12 (bug 105651)
    $<$<BOOL:${GRADZONE_WERROR}>:-Werror>)
  target_compile_options(${target} PRIVATE "$<$<COMPILE_LANGUAGE:CXX>:${options}>"
    "$<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=-Wall,-Wextra,-Wshadow,-ffp-contract=off>"
    "$<$<AND:$<COMPILE_LANGUAGE:CUDA>,$<BOOL:${GRADZONE_WERROR}>>:-Werror=all-warnings>")
endfunction()
