# descent_ask_torch(DESCENT_HAS_VMAP vmap PROBE probe.cpp [INCLUDES ...] [DEFINITIONS ...])
# sets the variable to whether a small program, the probe, compiles and links with LibTorch: for what is
# no public interface of it, or not in all of its packages. Each LibTorch is asked once.
function(descent_ask_torch variable what)
  cmake_parse_arguments(PARSE_ARGV 2 arg "" "PROBE" "INCLUDES;DEFINITIONS")
  set(asked "Torch ${Torch_VERSION} in ${Torch_DIR}, ${CMAKE_CXX_COMPILER}")
  if(${variable}_ASKED STREQUAL asked)
    return()
  endif()
  message(CHECK_START "Asking LibTorch for ${what}")
  unset(${variable} CACHE)
  # Files instead of targets, which need not be whole in the project of the probe: torch refers to
  # packages that only this one has found.
  if(TARGET torch_cpu AND TARGET c10)
    get_target_property(torch_cpu torch_cpu LOCATION)
    get_target_property(c10 c10 LOCATION)
    get_target_property(headers torch INTERFACE_INCLUDE_DIRECTORIES)
    try_compile(${variable} "${PROJECT_BINARY_DIR}/${what}_probe"
      SOURCES "${arg_PROBE}"
      CMAKE_FLAGS "-DINCLUDE_DIRECTORIES=${arg_INCLUDES};${headers}"
      COMPILE_DEFINITIONS ${arg_DEFINITIONS}
      LINK_LIBRARIES ${torch_cpu} ${c10}
      CXX_STANDARD 20 CXX_STANDARD_REQUIRED ON CXX_EXTENSIONS OFF
      OUTPUT_VARIABLE output)
  else()
    set(output "TorchConfig.cmake in ${Torch_DIR} defines no targets torch_cpu and c10.\n")
    set(${variable} FALSE CACHE INTERNAL "Whether LibTorch has ${what}")
  endif()
  set(${variable}_ASKED "${asked}" CACHE INTERNAL "What ${variable} is about")
  if(${variable})
    message(CHECK_PASS "found")
  else()
    file(WRITE "${PROJECT_BINARY_DIR}/${what}_probe.log" "${output}")
    message(CHECK_FAIL "not found (see ${what}_probe.log in the build folder)")
  endif()
endfunction()
