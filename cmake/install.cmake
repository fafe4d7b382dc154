# cmake --install: the program, the libraries with their headers, and a package for find_package(gradzone).
include(CMakePackageConfigHelpers)

get_property(modules GLOBAL PROPERTY GRADZONE_MODULES)
install(TARGETS ${modules} gradzone EXPORT gradzone-targets
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
        RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY lib/gradzone DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.hpp")
install(EXPORT gradzone-targets NAMESPACE gradzone:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/gradzone)
configure_package_config_file(cmake/gradzone-config.cmake.in ${PROJECT_BINARY_DIR}/gradzone-config.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/gradzone)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/gradzone-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/gradzone-config.cmake ${PROJECT_BINARY_DIR}/gradzone-config-version.cmake
              cmake/dependencies.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/gradzone)
