# descent_probe_c10d(): DESCENT_HAS_C10D says whether LibTorch has c10d with Gloo, and headers that fit
# our declarations of gloo. Each LibTorch is asked by a small program, once.
function(descent_probe_c10d)
  set(asked "Torch ${Torch_VERSION} in ${Torch_DIR}, ${CMAKE_CXX_COMPILER}")
  if(DESCENT_C10D_PROBE STREQUAL asked)
    return()
  endif()
  message(CHECK_START "Asking LibTorch for c10d")
  unset(DESCENT_HAS_C10D CACHE)
  # Files instead of targets, as in landscape/paths/batched/Batched.cmake.
  if(TARGET torch_cpu AND TARGET c10)
    get_target_property(torch_cpu torch_cpu LOCATION)
    get_target_property(c10 c10 LOCATION)
    get_target_property(headers torch INTERFACE_INCLUDE_DIRECTORIES)
    try_compile(DESCENT_HAS_C10D "${PROJECT_BINARY_DIR}/c10d_probe"
      SOURCES "${CMAKE_CURRENT_SOURCE_DIR}/probe.cpp"
      CMAKE_FLAGS "-DINCLUDE_DIRECTORIES=${CMAKE_CURRENT_SOURCE_DIR}/declared;${headers}"
      COMPILE_DEFINITIONS -DUSE_DISTRIBUTED -DUSE_C10D_GLOO
      LINK_LIBRARIES ${torch_cpu} ${c10}
      CXX_STANDARD 20 CXX_STANDARD_REQUIRED ON CXX_EXTENSIONS OFF
      OUTPUT_VARIABLE output)
  else()
    set(output "TorchConfig.cmake in ${Torch_DIR} defines no targets torch_cpu and c10.\n")
    set(DESCENT_HAS_C10D FALSE CACHE INTERNAL "Whether LibTorch has c10d with Gloo")
  endif()
  set(DESCENT_C10D_PROBE "${asked}" CACHE INTERNAL "What DESCENT_HAS_C10D is about")
  if(DESCENT_HAS_C10D)
    message(CHECK_PASS "found")
  else()
    file(WRITE "${PROJECT_BINARY_DIR}/c10d_probe.log" "${output}")
    message(CHECK_FAIL "not found (see c10d_probe.log in the build folder)")
  endif()
endfunction()
