# FetchContent and add_subdirectory. This compiles descent once more, so only what `train` needs.
include("${CMAKE_CURRENT_LIST_DIR}/outside.cmake")

build_outside(build PROGRAMS train
  SETTINGS -DFETCH=ON "-DFETCHCONTENT_SOURCE_DIR_DESCENT=${source}")
