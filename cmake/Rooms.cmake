# What the CMakeLists.txt of a room uses:
#
#   descent_room(optim SOURCES a.cpp engine/b.cpp       the library descent::optim of this folder.
#     COLD c.cpp                                        COLD: sources without long loops, which are
#     PLAIN d.cpp                                       compiled faster. PLAIN: those that see nothing
#     MODULES e.cpp                                     of LibTorch. MODULES: cold ones that see
#                                                       torch::nn::Module or archives. Without SOURCES:
#                                                       an interface library.
#     HEADERS a.h                                       HEADERS: installed, beside those that
#                                                       <descent/optim.h> lists. SHARED: for other rooms
#     SHARED b.h                                        and the programs of this tree. All others are
#                                                       the room's own (tests/consume/headers.py).
#     LINKS descent::base torch                         LINKS: seen in headers. PRIVATE: linked.
#     PRIVATE descent::openmp                           HEADER_ONLY: used in .cpp files.
#     HEADER_ONLY fmt::fmt-header-only)
#   descent_rules(<target> kernels.cpp...)              flags of the kernels (cmake/Rules.cmake)
#   descent_program(name SOURCES main.cpp LINKS ...     <build>/bin/name
#                   [TORCH tensors|modules])            TORCH: what of LibTorch to read precompiled
#   descent_test(name SOURCES a_test.cpp LINKS ...)     a GoogleTest program and its entry in ctest;
#                [TORCH]                                TORCH: read all of LibTorch precompiled
#                [LABELS ...] [ENVIRONMENT A=b ...]
include(GNUInstallDirs)

# Every #include <descent/...> is a path in the folder include/, whose links lead to the rooms. Where
# the checkout holds plain files in place of links (Windows without the right to make them), the
# build folder gets a copy instead, made anew at each configuration.
set(descent_include "${PROJECT_SOURCE_DIR}/include")
if(NOT EXISTS "${descent_include}/descent/base/CMakeLists.txt")
  set(descent_include "${PROJECT_BINARY_DIR}/include")
  file(GLOB entries RELATIVE "${PROJECT_SOURCE_DIR}/include/descent"
       "${PROJECT_SOURCE_DIR}/include/descent/*")
  foreach(entry IN LISTS entries)
    if(IS_DIRECTORY "${PROJECT_SOURCE_DIR}/${entry}")
      file(COPY "${PROJECT_SOURCE_DIR}/${entry}" DESTINATION "${descent_include}/descent"
           FILES_MATCHING PATTERN "*.h" PATTERN viewer EXCLUDE)
    else()
      file(COPY "${PROJECT_SOURCE_DIR}/include/descent/${entry}"
           DESTINATION "${descent_include}/descent")
    endif()
  endforeach()
endif()

function(descent_compile_settings target)
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF POSITION_INDEPENDENT_CODE ON)
  target_compile_features(${target} PRIVATE cxx_std_20)
  if(DESCENT_DEVELOPER)
    # GCC 12 warns of overlaps in "a" + std::string, where there are none (GCC bug 105651).
    target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow
                           $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)
  endif()
endfunction()

# Lets the sources of a target read LibTorch precompiled. There are three files, because a compiler
# instantiates the templates of a precompiled header anew in each source:
#   tensors   optimizers, tensors and a few of their functions: the sources of rooms
#   modules   modules, archives and all functions: what a room lists under MODULES, and programs
#   tests     what most tests use of LibTorch, and GoogleTest, without optimization
# An empty source takes 2 s with the first, 4 s with the second and 12 s with torch.h and -O3. A
# source with other options than -O has to set SKIP_PRECOMPILE_HEADERS.
set(descent_tensors_header <torch/optim/optimizer.h> <ATen/TensorOperators.h> <ATen/ops/zeros.h>)
set(descent_modules_header <torch/optim/optimizer.h> <torch/nn/cloneable.h>
    <torch/serialize/archive.h>)
set(descent_tests_header <torch/types.h> <torch/utils.h> <torch/optim.h>
    <torch/nn/modules/activation.h> <torch/nn/modules/container/sequential.h> <gmock/gmock.h>)
function(descent_precompile target which)
  set(header descent_${which}_pch)
  if(NOT TARGET ${header})
    file(CONFIGURE OUTPUT "${PROJECT_BINARY_DIR}/${header}.cpp" CONTENT "")
    add_library(${header} OBJECT "${PROJECT_BINARY_DIR}/${header}.cpp")
    descent_compile_settings(${header})
    target_link_libraries(${header} PRIVATE torch descent::openmp)
    if(which STREQUAL tests)
      descent_test_settings(${header})
    endif()
    if(which STREQUAL tensors)
      target_compile_definitions(${header} PRIVATE AT_PER_OPERATOR_HEADERS)
    endif()
    target_precompile_headers(${header} PRIVATE ${descent_${which}_header})
  endif()
  if(which STREQUAL tensors)
    # Else TensorOperators.h reads the functions of all of LibTorch.
    target_compile_definitions(${target} PRIVATE AT_PER_OPERATOR_HEADERS)
  endif()
  target_link_libraries(${target} PRIVATE descent::openmp)
  target_precompile_headers(${target} REUSE_FROM ${header})
  # A compiler takes the file only with the options that it was made with, and CMake gives programs
  # -fPIE where it gives libraries -fPIC.
  get_target_property(type ${target} TYPE)
  if(type STREQUAL EXECUTABLE AND CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang")
    set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
    target_compile_options(${target} PRIVATE -fPIC)
  endif()
  if(DESCENT_DEVELOPER AND CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    target_compile_options(${target} PRIVATE -Werror=invalid-pch)
  endif()
endfunction()

# Optimizes little, which takes two thirds of the time: for code that reads arguments, writes texts
# and calls others.
set(descent_cold "$<$<CXX_COMPILER_ID:GNU,Clang>:$<$<NOT:$<CONFIG:Debug>>:-O1>>")

# A compiler pays for each source that reads LibTorch precompiled, before it comes to the source's own
# lines, with the templates of LibTorch. So a few sources are compiled as one.
function(descent_join target)
  set_target_properties(${target} PROPERTIES UNITY_BUILD ${DESCENT_UNITY} UNITY_BUILD_BATCH_SIZE 5)
endfunction()

# Tests are compiled without optimization, which takes half the time.
function(descent_test_settings target)
  target_link_libraries(${target} PRIVATE GTest::gmock)
  if(CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang")
    target_compile_options(${target} PRIVATE -O0)
  endif()
endfunction()

function(descent_room room)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" ""
    "SOURCES;COLD;PLAIN;MODULES;HEADERS;SHARED;LINKS;PRIVATE;HEADER_ONLY")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "descent_room(${room}): unknown arguments ${arg_UNPARSED_ARGUMENTS}")
  endif()
  set(target descent_${room})
  set(parts)
  if(arg_SOURCES OR arg_COLD OR arg_PLAIN)
    add_library(${target} ${arg_SOURCES})
    set_target_properties(${target} PROPERTIES LINKER_LANGUAGE CXX)
    set(scope PUBLIC)
    descent_compile_settings(${target})
    if(torch IN_LIST arg_LINKS)
      descent_precompile(${target} tensors)
      descent_join(${target})
    endif()
    foreach(kind IN ITEMS COLD PLAIN MODULES)
      if(NOT arg_${kind})
        continue()
      endif()
      string(TOLOWER ${target}_${kind} part)
      list(APPEND parts ${part})
      add_library(${part} OBJECT ${arg_${kind}})
      descent_compile_settings(${part})
      target_include_directories(${part} PRIVATE "${descent_include}")
      target_link_libraries(${part} PRIVATE ${arg_LINKS} ${arg_PRIVATE})
      if(NOT kind STREQUAL PLAIN)
        target_compile_options(${part} PRIVATE "${descent_cold}")
      endif()
      if(NOT kind STREQUAL PLAIN AND torch IN_LIST arg_LINKS)
        string(REPLACE COLD tensors header ${kind})
        string(REPLACE MODULES modules header ${header})
        descent_precompile(${part} ${header})
        descent_join(${part})
      endif()
      target_sources(${target} PRIVATE $<TARGET_OBJECTS:${part}>)
    endforeach()
  else()
    add_library(${target} INTERFACE)
    set(scope INTERFACE)
  endif()
  add_library(descent::${room} ALIAS ${target})
  target_compile_features(${target} ${scope} cxx_std_20)
  target_include_directories(${target} ${scope}
    $<BUILD_INTERFACE:${descent_include}>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  if(arg_LINKS)
    target_link_libraries(${target} ${scope} ${arg_LINKS})
  endif()
  if(arg_PRIVATE)
    target_link_libraries(${target} PRIVATE ${arg_PRIVATE})
  endif()
  foreach(library IN LISTS arg_HEADER_ONLY)
    foreach(part IN LISTS target parts)
      target_link_libraries(${part} PRIVATE $<BUILD_INTERFACE:${library}>)
    endforeach()
  endforeach()

  set(installed ${CMAKE_INSTALL_INCLUDEDIR}/descent)
  set(umbrella "${descent_include}/descent/${room}.h")
  if(EXISTS "${umbrella}")
    install(FILES "${umbrella}" DESTINATION ${installed})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${umbrella}")
    file(STRINGS "${umbrella}" lines REGEX "^#include <descent/${room}/")
    foreach(line IN LISTS lines)
      string(REGEX REPLACE "^#include <descent/${room}/([^>]*)>.*" "\\1" header "${line}")
      list(APPEND arg_HEADERS ${header})
    endforeach()
  endif()
  foreach(header IN LISTS arg_HEADERS)
    get_filename_component(folder ${header} DIRECTORY)
    install(FILES ${header} DESTINATION ${installed}/${room}/${folder})
  endforeach()
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${room})
  install(TARGETS ${target} EXPORT descentTargets)
  set_property(GLOBAL APPEND PROPERTY DESCENT_ROOMS ${room})
endfunction()

function(descent_program name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "TORCH" "SOURCES;LINKS")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "descent_program(${name}): unknown arguments ${arg_UNPARSED_ARGUMENTS}")
  endif()
  add_executable(${name} ${arg_SOURCES})
  descent_compile_settings(${name})
  target_link_libraries(${name} PRIVATE ${arg_LINKS})
  set_target_properties(${name} PROPERTIES
                        RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")
  if(arg_TORCH)
    descent_precompile(${name} ${arg_TORCH})
  endif()
endfunction()

function(descent_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "TORCH" "" "SOURCES;LINKS;LABELS;ENVIRONMENT")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "descent_test(${name}): unknown arguments ${arg_UNPARSED_ARGUMENTS}")
  endif()
  add_executable(${name} ${arg_SOURCES})
  descent_compile_settings(${name})
  target_link_libraries(${name} PRIVATE ${arg_LINKS} GTest::gtest_main)
  set_target_properties(${name} PROPERTIES
                        RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/tests/bin")
  descent_test_settings(${name})
  if(arg_TORCH)
    descent_precompile(${name} tests)
    # The tests of a source stand in a namespace of its name.
    descent_join(${name})
  endif()
  # One entry a program, because starting a program that links LibTorch takes longer than most tests.
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES
    LABELS "${arg_LABELS}" ENVIRONMENT "${arg_ENVIRONMENT}" TIMEOUT 900)
endfunction()
