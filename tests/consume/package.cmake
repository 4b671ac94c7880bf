# find_package: from an installed copy that was moved, as packages are.
include("${CMAKE_CURRENT_LIST_DIR}/outside.cmake")

run("${CMAKE_COMMAND}" --install "${binary}" --prefix "${work}/installed" --config "${config}")
file(RENAME "${work}/installed" "${work}/moved")
set(prefix "${work}/moved")

file(GLOB_RECURSE files RELATIVE "${prefix}" "${prefix}/*")
foreach(file IN LISTS files)
  if(file MATCHES "\\.(cpp|txt|md|py)$|/(tests|bench|examples)/")
    message(FATAL_ERROR "${file} is installed, but is none of a user's business")
  endif()
endforeach()

file(GLOB_RECURSE files "${prefix}/*.cmake")
if(NOT files)
  message(FATAL_ERROR "no CMake package was installed in ${prefix}")
endif()
get_filename_component(libtorch "${torch}/../../.." ABSOLUTE)
foreach(file IN LISTS files)
  file(READ "${file}" text)
  foreach(path IN ITEMS "${source}" "${binary}" "${work}" "${libtorch}")
    string(FIND "${text}" "${path}" at)
    if(NOT at EQUAL -1)
      message(FATAL_ERROR "${file} holds the path ${path} of the machine that built it")
    endif()
  endforeach()
  if(text MATCHES "[\"; ](/(usr|opt|home|root|tmp)/[^\"; ]*)")
    message(FATAL_ERROR "${file} holds the absolute path ${CMAKE_MATCH_1}")
  endif()
endforeach()

build_outside(build PROGRAMS train look SETTINGS "-DCMAKE_PREFIX_PATH=${prefix}")

fake_torch("${work}/other" 2.99.1)
refuse("another minor version of LibTorch"
  WORDS "but LibTorch 2.99.1 was found in ${work}/other/share/cmake/Torch"
        "was built with LibTorch ${torch_version}" "-DTorch_DIR="
  COMMAND "${CMAKE_COMMAND}" -S "${CMAKE_CURRENT_LIST_DIR}/project" -B "${work}/other/build"
          -G "${generator}" ${settings} "-DCMAKE_PREFIX_PATH=${prefix}"
          "-DTorch_DIR=${work}/other/share/cmake/Torch")
