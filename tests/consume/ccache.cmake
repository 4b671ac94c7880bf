# A header in which only a macro changes is compiled anew, though the preprocessor prints the same of it.
include("${CMAKE_CURRENT_LIST_DIR}/outside.cmake")
find_program(ccache ccache)
if(NOT ccache)
  message("skipped: there is no ccache")
  return()
endif()

# build(<value>): a build of a header with #define VALUE <value>, in a new folder that ccache
# takes for the one before.
function(build value)
  set(folder "${work}/build")
  file(REMOVE_RECURSE "${folder}")
  file(WRITE "${folder}/inner.h" "#pragma once\n#define VALUE ${value}\nstruct Inner {};\n")
  file(WRITE "${folder}/outer.h" "#pragma once\n#include \"inner.h\"\n")
  file(WRITE "${folder}/cached.cpp" "#include \"inner.h\"\nint main() { return VALUE - ${value}; }\n")
  set(environment "${CMAKE_COMMAND}" -E env "CCACHE_DIR=${work}/cache" --unset=CCACHE_DISABLE)
  run(${environment} "${CMAKE_COMMAND}" -S "${CMAKE_CURRENT_LIST_DIR}/cached" -B "${folder}" -G "${generator}"
      ${settings} "-Ddescent=${source}")
  run(${environment} "${CMAKE_COMMAND}" --build "${folder}")
  run("${folder}/cached")
endfunction()
build(1)
build(2)
