# Builds of this project go through ccache where there is one.
find_program(DESCENT_CCACHE ccache)
mark_as_advanced(DESCENT_CCACHE)
if(PROJECT_IS_TOP_LEVEL AND DESCENT_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # ccache takes files that use a precompiled header with this sloppiness only. It then overlooks macros
  # in what the preprocessor prints, so it must compare the files that were read instead (DEPEND): a
  # precompiled header of older macros or comments would define everything a second time. The namespace
  # keeps such headers out that a build without it left in the cache.
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CMAKE_COMMAND}" -E env CCACHE_DEPEND=1 CCACHE_NAMESPACE=descent
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      "${DESCENT_CCACHE}")
endif()
