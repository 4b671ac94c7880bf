# FetchContent and add_subdirectory. What `train` needs of descent is built once more: by the same
# commands as in descent's own build, of which an object is taken where the commands are equal.
include("${CMAKE_CURRENT_LIST_DIR}/outside.cmake")

if(python)
  file(WRITE "${work}/launcher.cmake" "set(CMAKE_CXX_COMPILER_LAUNCHER [[${python}]]
    [[${CMAKE_CURRENT_LIST_DIR}/reuse.py]] [[${binary}]] [[${work}/build/_deps/descent-build]]
    CACHE STRING \"\")\n")
  list(APPEND settings -C "${work}/launcher.cmake")
endif()
build_outside(build PROGRAMS train
  SETTINGS -DFETCH=ON "-DFETCHCONTENT_SOURCE_DIR_DESCENT=${source}")
