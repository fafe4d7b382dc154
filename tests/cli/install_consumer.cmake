# Installs a build into a folder of its own and lets a stranger's program use it: find_package, compile, link, run.
# cmake -D BUILD=... -D SOURCE=... -D WORK=... -D GENERATOR=... -D COMPILER=... -D FLAGS=... -D TYPE=... -P this
cmake_minimum_required(VERSION 3.25)

function(step what)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "${what}: ${result}\n${output}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

file(REMOVE_RECURSE ${WORK})
set(prefix ${WORK}/prefix)
step("install" ${CMAKE_COMMAND} --install ${BUILD} --prefix ${prefix})

# The package must stand alone: nothing of the source or build folder, nothing that only building or testing needs.
file(GLOB_RECURSE package ${prefix}/*.cmake ${prefix}/*.hpp)
if(NOT package)
  message(FATAL_ERROR "install: no package and no headers in ${prefix}")
endif()
foreach(file ${package})
  file(READ ${file} text)
  foreach(foreign ${SOURCE} ${BUILD} GTest CLI11 chart.js)
    string(FIND "${text}" "${foreign}" at)
    if(NOT at EQUAL -1)
      message(FATAL_ERROR "${file} mentions ${foreign}")
    endif()
  endforeach()
endforeach()

step("installed program" ${prefix}/bin/gradzone --version)
step("configure" ${CMAKE_COMMAND} -S ${SOURCE}/tests/consumer -B ${WORK}/build -G ${GENERATOR}
  -D CMAKE_PREFIX_PATH=${prefix} -D CMAKE_CXX_COMPILER=${COMPILER} -D "CMAKE_CXX_FLAGS=${FLAGS}"
  -D CMAKE_BUILD_TYPE=${TYPE})
step("build" ${CMAKE_COMMAND} --build ${WORK}/build)
step("run" ${WORK}/build/consumer)
message(STATUS "${output}")
