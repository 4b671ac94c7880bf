# The package: find_package(descent) gives descent::optim and the other rooms, and descent_rules().
include(CMakePackageConfigHelpers)

string(REGEX MATCH "^[0-9]+\\.[0-9]+" DESCENT_BUILT_WITH_TORCH "${Torch_VERSION}")
set(package "${CMAKE_INSTALL_LIBDIR}/cmake/descent")
install(TARGETS descent_descent EXPORT descentTargets)
install(EXPORT descentTargets NAMESPACE descent:: DESTINATION ${package})
configure_package_config_file(cmake/descentConfig.cmake.in descentConfig.cmake
  INSTALL_DESTINATION ${package} NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(descentConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/descentConfig.cmake"
              "${CMAKE_CURRENT_BINARY_DIR}/descentConfigVersion.cmake"
              cmake/Cuda.cmake cmake/LibTorch.cmake cmake/Rules.cmake
        DESTINATION ${package})
