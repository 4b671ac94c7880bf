# The batched path of the landscape, where LibTorch has the parts of functorch that it uses. They are
# no public interface, so each LibTorch is asked by a small program.
option(DESCENT_BATCHED "Evaluate many networks at once by LibTorch's vmap" ON)
if(NOT DESCENT_BATCHED)
  message(STATUS "Batched landscapes: OFF, because DESCENT_BATCHED=OFF")
  return()
endif()

set(batched_probe "Torch ${Torch_VERSION} in ${Torch_DIR}, ${CMAKE_CXX_COMPILER}")
if(NOT DESCENT_BATCHED_PROBE STREQUAL batched_probe)
  message(CHECK_START "Asking LibTorch for vmap")
  unset(DESCENT_HAS_VMAP CACHE)
  # Files instead of targets, which need not be whole in the project of the probe: torch refers to
  # packages that only this one has found, and nlohmann_json may be built here. The headers of
  # functorch include nlohmann's, which LibTorch does not bring (pytorch#181565).
  if(TARGET torch_cpu AND TARGET c10)
    get_target_property(torch_cpu torch_cpu LOCATION)
    get_target_property(c10 c10 LOCATION)
    get_target_property(headers torch INTERFACE_INCLUDE_DIRECTORIES)
    get_target_property(json nlohmann_json::nlohmann_json INTERFACE_INCLUDE_DIRECTORIES)
    string(REGEX REPLACE "\\$<BUILD_INTERFACE:([^>]*)>" "\\1" json "${json}")
    string(GENEX_STRIP "${json}" json)
    try_compile(DESCENT_HAS_VMAP "${PROJECT_BINARY_DIR}/batched_probe"
      SOURCES "${CMAKE_CURRENT_LIST_DIR}/probe.cpp"
      CMAKE_FLAGS "-DINCLUDE_DIRECTORIES=${headers};${json}"
      LINK_LIBRARIES ${torch_cpu} ${c10}
      CXX_STANDARD 20 CXX_STANDARD_REQUIRED ON CXX_EXTENSIONS OFF
      OUTPUT_VARIABLE output)
  else()
    set(output "TorchConfig.cmake in ${Torch_DIR} defines no targets torch_cpu and c10.\n")
    set(DESCENT_HAS_VMAP FALSE CACHE INTERNAL "Whether LibTorch has vmap for C++")
  endif()
  set(DESCENT_BATCHED_PROBE "${batched_probe}" CACHE INTERNAL "What DESCENT_HAS_VMAP is about")
  if(DESCENT_HAS_VMAP)
    message(CHECK_PASS "found")
  else()
    file(WRITE "${PROJECT_BINARY_DIR}/batched_probe.log" "${output}")
    message(CHECK_FAIL "not found (see batched_probe.log in the build folder)")
  endif()
endif()
if(DESCENT_HAS_VMAP)
  message(STATUS "Batched landscapes: on")
  target_sources(descent_landscape_modules PRIVATE paths/batched/batching_rules.cpp)
  set_property(SOURCE paths/batched/batched.cpp APPEND PROPERTY COMPILE_DEFINITIONS DESCENT_HAS_VMAP=1)
else()
  message(STATUS "Batched landscapes: OFF, because this LibTorch is without vmap for C++")
endif()
