# The batched path of the landscape, where LibTorch has the parts of functorch that it uses.
option(DESCENT_BATCHED "Evaluate many networks at once by LibTorch's vmap" ON)
if(NOT DESCENT_BATCHED)
  message(STATUS "Batched landscapes: OFF, because DESCENT_BATCHED=OFF")
  return()
endif()

# The headers of functorch include nlohmann's, which LibTorch does not bring (pytorch#181565), and which
# may be built here.
get_target_property(json nlohmann_json::nlohmann_json INTERFACE_INCLUDE_DIRECTORIES)
string(REGEX REPLACE "\\$<BUILD_INTERFACE:([^>]*)>" "\\1" json "${json}")
string(GENEX_STRIP "${json}" json)
descent_ask_torch(DESCENT_HAS_VMAP vmap PROBE "${CMAKE_CURRENT_LIST_DIR}/probe.cpp" INCLUDES ${json})
if(DESCENT_HAS_VMAP)
  message(STATUS "Batched landscapes: on")
  target_sources(descent_landscape_modules PRIVATE paths/batched/batching_rules.cpp)
  set_property(SOURCE paths/batched/batched.cpp APPEND PROPERTY COMPILE_DEFINITIONS DESCENT_HAS_VMAP=1)
else()
  message(STATUS "Batched landscapes: OFF, because this LibTorch is without vmap for C++")
endif()
