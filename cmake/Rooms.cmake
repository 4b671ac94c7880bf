# What the CMakeLists.txt of a room uses:
#
#   descent_room(optim SOURCES a.cpp engine/b.cpp       the library descent::optim of this folder, with
#     LINKS descent::base torch                         its headers installed. LINKS: seen in headers.
#     PRIVATE descent::openmp
#     HEADER_ONLY fmt::fmt-header-only)                 PRIVATE: linked. HEADER_ONLY: used in .cpp files.
#                                                       Without SOURCES: an interface library.
#   descent_rules(<target> kernels.cpp...)              flags of the kernels (cmake/Rules.cmake)
#   descent_program(name SOURCES main.cpp LINKS ...)    <build>/bin/name
#   descent_test(name SOURCES a_test.cpp LINKS ...)     a GoogleTest program and its entry in ctest;
#                [TORCH]                                TORCH: share a precompiled <torch/torch.h>
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
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF)
  target_compile_features(${target} PRIVATE cxx_std_20)
  if(DESCENT_DEVELOPER)
    # GCC 12 warns of overlaps in "a" + std::string, where there are none (GCC bug 105651).
    target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wno-restrict)
  endif()
endfunction()

function(descent_room room)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINKS;PRIVATE;HEADER_ONLY")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "descent_room(${room}): unknown arguments ${arg_UNPARSED_ARGUMENTS}")
  endif()
  set(target descent_${room})
  if(arg_SOURCES)
    add_library(${target} ${arg_SOURCES})
    set(scope PUBLIC)
    descent_compile_settings(${target})
    set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE ON)
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
    target_link_libraries(${target} PRIVATE $<BUILD_INTERFACE:${library}>)
  endforeach()

  set(installed ${CMAKE_INSTALL_INCLUDEDIR}/descent)
  install(DIRECTORY ./ DESTINATION ${installed}/${room} FILES_MATCHING REGEX "\\.h$"
          PATTERN viewer EXCLUDE)
  if(EXISTS "${PROJECT_SOURCE_DIR}/include/descent/${room}.h")
    install(FILES "${PROJECT_SOURCE_DIR}/include/descent/${room}.h" DESTINATION ${installed})
  endif()
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${room})
  install(TARGETS ${target} EXPORT descentTargets)
  set_property(GLOBAL APPEND PROPERTY DESCENT_ROOMS ${room})
endfunction()

function(descent_program name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINKS")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "descent_program(${name}): unknown arguments ${arg_UNPARSED_ARGUMENTS}")
  endif()
  add_executable(${name} ${arg_SOURCES})
  descent_compile_settings(${name})
  target_link_libraries(${name} PRIVATE ${arg_LINKS})
  set_target_properties(${name} PROPERTIES
                        RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")
endfunction()

function(descent_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "TORCH" "" "SOURCES;LINKS;LABELS;ENVIRONMENT")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "descent_test(${name}): unknown arguments ${arg_UNPARSED_ARGUMENTS}")
  endif()
  add_executable(${name} ${arg_SOURCES})
  descent_compile_settings(${name})
  target_link_libraries(${name} PRIVATE ${arg_LINKS} GTest::gmock GTest::gtest_main)
  set_target_properties(${name} PROPERTIES
                        RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/tests/bin")
  if(arg_TORCH)
    if(NOT TARGET descent_torch_header)
      file(CONFIGURE OUTPUT "${PROJECT_BINARY_DIR}/torch_header.cpp" CONTENT "")
      add_library(descent_torch_header OBJECT "${PROJECT_BINARY_DIR}/torch_header.cpp")
      descent_compile_settings(descent_torch_header)
      target_link_libraries(descent_torch_header PRIVATE torch GTest::gmock)
      target_precompile_headers(descent_torch_header PRIVATE <torch/torch.h> <gtest/gtest.h>)
    endif()
    target_link_libraries(${name} PRIVATE torch)
    target_precompile_headers(${name} REUSE_FROM descent_torch_header)
  endif()
  # One entry a program, because starting a program that links LibTorch takes longer than most tests.
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES
    LABELS "${arg_LABELS}" ENVIRONMENT "${arg_ENVIRONMENT}" TIMEOUT 900)
endfunction()
