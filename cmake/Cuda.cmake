# Kernels for CUDA. This file is installed with the package. nvcc is called by commands of our own: where
# CMake's language CUDA is enabled, every program that links a library with kernels is linked by nvcc,
# which knows no -fopenmp.

# descent_enable_cuda(): sets, for all folders, DESCENT_HAS_CUDA, whether rules get kernels, and
# DESCENT_NVCC.
#   DESCENT_CUDA=AUTO  where LibTorch has CUDA and there is an nvcc of 12.1 or newer with its toolkit
#                ON    they do, or the configuration stops and says what is missing
#                OFF   they do not
function(descent_enable_cuda)
  set(DESCENT_CUDA AUTO CACHE STRING
      "Kernels for CUDA: ON, OFF, or AUTO, where LibTorch has CUDA and nvcc is found")
  set_property(CACHE DESCENT_CUDA PROPERTY STRINGS AUTO ON OFF)
  set(DESCENT_CUDA_ARCHITECTURES "80-real;90" CACHE STRING
      "As CMAKE_CUDA_ARCHITECTURES: 80 is A100 to RTX 40, 90 H100 and H200; later ones translate the last")
  if(NOT DESCENT_CUDA MATCHES "^(AUTO|ON|OFF)$")
    message(FATAL_ERROR "DESCENT_CUDA=${DESCENT_CUDA}, must be AUTO, ON or OFF.")
  endif()
  descent_cuda_lacks(lacks)
  if(NOT lacks)
    descent_cuda_codes(codes)
    set(has TRUE)
    message(STATUS "CUDA: kernels for ${DESCENT_CUDA_ARCHITECTURES}, by ${DESCENT_NVCC}")
  elseif(DESCENT_CUDA STREQUAL "ON")
    message(FATAL_ERROR "DESCENT_CUDA=ON, but ${lacks}.")
  else()
    set(has FALSE)
    message(STATUS "CUDA: no kernels, because ${lacks}")
  endif()
  set(DESCENT_HAS_CUDA ${has} CACHE INTERNAL "Whether rules get kernels for CUDA")
endfunction()

# descent_cuda_lacks(<result>): why there can be no kernels, or "", and then DESCENT_NVCC is there.
function(descent_cuda_lacks result)
  set(${result} "" PARENT_SCOPE)
  if(DESCENT_CUDA STREQUAL "OFF")
    set(${result} "DESCENT_CUDA is OFF" PARENT_SCOPE)
    return()
  endif()
  if(NOT TARGET torch_cuda)
    set(${result} "this LibTorch was built without CUDA" PARENT_SCOPE)
    return()
  endif()
  find_program(DESCENT_NVCC nvcc NO_CMAKE_SYSTEM_PATH DOC "The compiler of the kernels for CUDA")
  mark_as_advanced(DESCENT_NVCC)
  if(NOT DESCENT_NVCC)
    set(${result} "there is no nvcc on the PATH (DESCENT_NVCC=<toolkit>/bin/nvcc names one)" PARENT_SCOPE)
    return()
  endif()
  execute_process(COMMAND "${DESCENT_NVCC}" --version OUTPUT_VARIABLE text ERROR_VARIABLE text)
  if(NOT text MATCHES "release ([0-9]+\\.[0-9]+)")
    set(${result} "${DESCENT_NVCC} does not say its version" PARENT_SCOPE)
  elseif(CMAKE_MATCH_1 VERSION_LESS 12.1)
    # Before, a kernel's argument could not hold a list of parameters.
    set(${result} "${DESCENT_NVCC} is of CUDA ${CMAKE_MATCH_1}, must be of 12.1 or newer" PARENT_SCOPE)
  elseif(NOT TARGET CUDA::cudart)  # LibTorch.cmake has looked for it
    set(${result} "the toolkit of ${DESCENT_NVCC} has no runtime library (CUDAToolkit_ROOT=<toolkit> \
names one that does)" PARENT_SCOPE)
  endif()
endfunction()

# descent_cuda_codes(<result>): DESCENT_CUDA_ARCHITECTURES as options of nvcc.
function(descent_cuda_codes result)
  set(codes "")
  foreach(architecture IN LISTS DESCENT_CUDA_ARCHITECTURES)
    if(NOT architecture MATCHES "^([0-9]+[af]?)(-real|-virtual)?$")
      message(FATAL_ERROR "DESCENT_CUDA_ARCHITECTURES has ${architecture}, must be a list like 80-real;90.")
    endif()
    set(number ${CMAKE_MATCH_1})
    if(number VERSION_LESS 70)
      message(FATAL_ERROR "DESCENT_CUDA_ARCHITECTURES has ${architecture}, must be 70 or above: before, a \
kernel's argument cannot hold a list of parameters.")
    endif()
    if(NOT CMAKE_MATCH_2 STREQUAL "-virtual")
      list(APPEND codes "-gencode=arch=compute_${number},code=sm_${number}")
    endif()
    if(NOT CMAKE_MATCH_2 STREQUAL "-real")
      list(APPEND codes "-gencode=arch=compute_${number},code=compute_${number}")
    endif()
  endforeach()
  if(NOT codes)
    message(FATAL_ERROR "DESCENT_CUDA_ARCHITECTURES is empty, must be a list like 80-real;90.")
  endif()
  set(${result} "${codes}" PARENT_SCOPE)
endfunction()

# descent_cuda_twins(<target> [<source>...]): compiles these sources of a target, or all of them, once
# more by nvcc where they instantiate rules, and adds the kernels to the target. nvcc sees no LibTorch:
# a source that opens it, or holds main(), gets no kernels, and without <source> the whole target none.
function(descent_cuda_twins target)
  set(rules "")
  set(sources ${ARGN})
  if(NOT sources)
    get_target_property(sources ${target} SOURCES)
  endif()
  foreach(source IN LISTS sources)
    get_filename_component(path "${source}" ABSOLUTE)
    if(NOT path MATCHES "\\.(cpp|cc|cxx)$" OR NOT EXISTS "${path}")
      continue()
    endif()
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${path}")
    file(READ "${path}" text)
    if(NOT text MATCHES "DESCENT_COMPILE\\(")
      continue()
    endif()
    if(text MATCHES "int main\\(|#include <(torch/|ATen/|c10/|descent/optim\\.h|gtest/)")
      message(STATUS "CUDA: no kernels for the rules in ${source}, because it holds more than rules")
      if(NOT ARGN)
        return()
      endif()
    else()
      list(APPEND rules "${path}")
    endif()
  endforeach()
  if(NOT rules)
    return()
  endif()
  if(ARGN)
    set_property(SOURCE ${rules} TARGET_DIRECTORY ${target} APPEND PROPERTY
                 COMPILE_DEFINITIONS DESCENT_HAS_CUDA=1)
  else()  # not of each source, or a precompiled header would not fit
    target_compile_definitions(${target} PRIVATE DESCENT_HAS_CUDA=1)
  endif()

  # -fmad=false for the bits, see descent_rules(). Every kernel carries 32 KB of zeros, which compress
  # well.
  descent_cuda_codes(codes)
  set(options -std=c++20 -O3 -fmad=false --expt-relaxed-constexpr -Xfatbin=-compress-all ${codes}
      -DDESCENT_CUDA_TWIN=1 -DDESCENT_KERNEL_FLAGS=1 -Xcompiler=-fPIC -ccbin "${CMAKE_CXX_COMPILER}")
  if(CMAKE_COMPILE_WARNING_AS_ERROR)
    list(APPEND options -Werror=all-warnings)
  endif()
  get_target_property(type ${target} TYPE)
  set(scope PRIVATE)
  if(type STREQUAL "OBJECT_LIBRARY")
    set(scope INTERFACE)  # CMake keeps what it has not compiled out of $<TARGET_OBJECTS:...>
  endif()
  set(folders "$<TARGET_PROPERTY:${target},INCLUDE_DIRECTORIES>")
  foreach(path IN LISTS rules)
    get_filename_component(name "${path}" NAME_WE)
    set(twin "${CMAKE_CURRENT_BINARY_DIR}/${target}_cuda/${name}")
    file(CONFIGURE OUTPUT "${twin}.cu" CONTENT "#include \"${path}\"\n" @ONLY)
    add_custom_command(OUTPUT "${twin}.o"
      COMMAND ${CMAKE_CXX_COMPILER_LAUNCHER} "${DESCENT_NVCC}" ${options}
              "$<$<BOOL:${folders}>:-I$<JOIN:${folders},;-I>>"
              -MD -MF "${twin}.d" -c "${twin}.cu" -o "${twin}.o"
      DEPENDS "${twin}.cu" "${path}" DEPFILE "${twin}.d"
      COMMENT "Building the kernels for CUDA of ${name}" VERBATIM COMMAND_EXPAND_LISTS)
    set_source_files_properties("${twin}.o" PROPERTIES EXTERNAL_OBJECT ON GENERATED ON)
    target_sources(${target} ${scope} "${twin}.o")
  endforeach()
  set_property(TARGET ${target} APPEND PROPERTY LINK_LIBRARIES $<LINK_ONLY:torch::cudart>)
endfunction()
