# Whether rules get kernels for CUDA, with stand-ins for a LibTorch that has it and for nvcc with its
# toolkit; and, where there is a real one, whether its kernels link and start.
include("${CMAKE_CURRENT_LIST_DIR}/outside.cmake")

# stand_in(<folder> <version>): a toolkit whose nvcc only says its version.
function(stand_in folder version)
  file(WRITE "${folder}/bin/nvcc" "#!/bin/sh
echo 'Cuda compilation tools, release ${version}, V${version}.89'
echo '#$ TOP=${folder}'
")
  file(CHMOD "${folder}/bin/nvcc" PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE)
endfunction()
stand_in("${work}/old" 11.8)
stand_in("${work}/bare" 12.1)
stand_in("${work}/whole" 12.1)
file(WRITE "${work}/whole/include/cuda_runtime.h" "")
file(WRITE "${work}/whole/lib64/libcudart.so" "")
path_without_nvcc(path)

# command_of(<toolkit> <result>): a configuration with this nvcc on the PATH.
macro(command_of toolkit result)
  file(REMOVE_RECURSE "${work}/build")
  set(${result} "${CMAKE_COMMAND}" -E env --unset=CUDACXX --unset=CUDAToolkit_ROOT --unset=CUDA_PATH
      "PATH=${work}/${toolkit}/bin:${path}" "${CMAKE_COMMAND}" -G "${generator}"
      -S "${CMAKE_CURRENT_LIST_DIR}/kernels" -B "${work}/build" "-Ddescent=${source}" ${settings})
endmacro()

# expect_says(<word> <command>...): the configuration succeeds and says it.
function(expect_says word)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE text ERROR_VARIABLE text)
  string(FIND "${text}" "${word}" at)
  if(NOT result EQUAL 0 OR at EQUAL -1)
    message(FATAL_ERROR "the configuration (${result}) does not say '${word}':\n${text}")
  endif()
endfunction()

foreach(case IN ITEMS
    "OFF|whole|this LibTorch was built without CUDA"
    "ON|none|there is no nvcc on the PATH (DESCENT_NVCC=<toolkit>/bin/nvcc names one)"
    "ON|old|${work}/old/bin/nvcc is of CUDA 11.8, must be of 12.1 or newer"
    "ON|bare|the toolkit of ${work}/bare/bin/nvcc has no runtime library")
  string(REPLACE "|" ";" case "${case}")
  list(GET case 0 with_cuda)
  list(GET case 1 toolkit)
  list(GET case 2 why)
  command_of(${toolkit} command)
  expect_says("CUDA: no kernels, because ${why}" ${command} -DWITH_CUDA=${with_cuda})
  refuse("CUDA without what it takes" WORDS "DESCENT_CUDA=ON, but ${why}"
    COMMAND ${command} -DWITH_CUDA=${with_cuda} -DDESCENT_CUDA=ON)
endforeach()

command_of(whole command)
expect_says("CUDA: no kernels, because DESCENT_CUDA is OFF" ${command} -DWITH_CUDA=ON -DDESCENT_CUDA=OFF)

# No flag of the target reaches nvcc but its include folders, of a list only the last has code for
# later GPUs, and an object library hands its kernels on.
command_of(whole command)
expect_says("CUDA: kernels for 80-real;90, by ${work}/whole/bin/nvcc" ${command} -DWITH_CUDA=ON)
expect_says("CUDA: no kernels for the rules in main.cpp, because it holds more than rules"
            ${command} -DWITH_CUDA=ON)
if(generator STREQUAL "Ninja")
  file(STRINGS "${work}/build/build.ninja" lines REGEX "^ *COMMAND = .*\\.cu ")
  # The folder that holds the project may have any name.
  string(REPLACE "${source}" "<source>" lines "${lines}")
  string(REGEX MATCHALL "-code=sm_[0-9]+|code=[a-z]+_[0-9]+" codes "${lines}")
  if(NOT codes STREQUAL "code=sm_80;code=sm_90;code=compute_90" OR NOT lines MATCHES "-fmad=false"
     OR NOT lines MATCHES "-I<source>/include" OR NOT lines MATCHES "/rules_cuda/rule\\.cu -o "
     OR lines MATCHES "-fopenmp|-ffp-contract|-Wpedantic|OF_LIBTORCH|other|main")
    message(FATAL_ERROR "the kernels are compiled by: ${lines}")
  endif()
  file(STRINGS "${work}/build/build.ninja" links REGEX "^build use: .*rules_cuda/rule\\.o")
  if(NOT links)
    message(FATAL_ERROR "the program is not linked with the kernels")
  endif()
  file(STRINGS "${work}/build/build.ninja" defines REGEX "DEFINES = .*DESCENT_HAS_CUDA=1")
  if(NOT defines)
    message(FATAL_ERROR "the rule is not told of its kernels")
  endif()
endif()

foreach(setting IN ITEMS DESCENT_CUDA=MAYBE DESCENT_CUDA_ARCHITECTURES=60 DESCENT_CUDA_ARCHITECTURES=sm_90
        DESCENT_CUDA_ARCHITECTURES=)
  string(REGEX MATCH "^[^=]+" name "${setting}")
  command_of(whole command)
  refuse("${setting}" WORDS "${name}" "must be" COMMAND ${command} -DWITH_CUDA=ON "-D${setting}")
endforeach()

# Without a GPU the program says so.
find_program(nvcc nvcc NO_CMAKE_SYSTEM_PATH)
if(NOT nvcc)
  message(STATUS "No kernel is compiled: there is no nvcc")
  return()
endif()
execute_process(COMMAND "${CMAKE_COMMAND}" -G "${generator}" -S "${CMAKE_CURRENT_LIST_DIR}/kernels"
  -B "${work}/real" "-Ddescent=${source}" ${settings} -DWITH_CUDA=ON
  OUTPUT_VARIABLE text ERROR_VARIABLE text COMMAND_ERROR_IS_FATAL ANY)
if(NOT text MATCHES "CUDA: kernels for 80-real;90")
  message(STATUS "No kernel is compiled:\n${text}")
  return()
endif()
run("${CMAKE_COMMAND}" --build "${work}/real" --target start)
run("${CMAKE_COMMAND}" -E env CUDA_VISIBLE_DEVICES= "${work}/real/start")
