# What the scripts share. Each starts with an empty folder `work`.
cmake_minimum_required(VERSION 3.25)
file(REMOVE_RECURSE "${work}")
file(MAKE_DIRECTORY "${work}")

# run(<command>...): stops and shows the output if the command fails.
function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE text ERROR_VARIABLE text)
  if(NOT result EQUAL 0)
    list(JOIN ARGN " " command)
    message("${text}")
    message(FATAL_ERROR "failed (${result}): ${command}")
  endif()
endfunction()

# build_outside(<folder> PROGRAMS <name>... SETTINGS <-D...>...): configures project/ in a folder of
# `work`, builds these programs of it and runs them.
function(build_outside folder)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "PROGRAMS;SETTINGS")
  run("${CMAKE_COMMAND}" -S "${CMAKE_CURRENT_LIST_DIR}/project" -B "${work}/${folder}"
      -G "${generator}" -DCMAKE_BUILD_TYPE=Release -DCMAKE_EXPORT_COMPILE_COMMANDS=ON
      ${settings} ${arg_SETTINGS})
  check_flags("${work}/${folder}/compile_commands.json")
  run("${CMAKE_COMMAND}" --build "${work}/${folder}" --target ${arg_PROGRAMS})
  foreach(program IN LISTS arg_PROGRAMS)
    run("${work}/${folder}/${program}")
  endforeach()
endfunction()

# The user's own sources get none of descent's flags, except those that descent_rules() names.
function(check_flags database)
  file(READ "${database}" json)
  string(JSON count LENGTH "${json}")
  math(EXPR last "${count} - 1")
  set(seen "")
  foreach(i RANGE ${last})
    string(JSON file GET "${json}" ${i} file)
    string(JSON command GET "${json}" ${i} command)
    get_filename_component(name "${file}" NAME)
    if(file MATCHES "/consume/project/")
      list(APPEND seen ${name})
      set(flags -ffp-contract -fno-math-errno -fno-trapping-math -fopenmp DESCENT_KERNEL_FLAGS)
      foreach(flag IN LISTS flags)
        string(FIND "${command}" "${flag}" at)
        if(name STREQUAL compile_rules.cpp AND at EQUAL -1)
          message(FATAL_ERROR "${name} is compiled without ${flag}:\n${command}")
        elseif(name MATCHES "^(train|look)" AND NOT at EQUAL -1)
          message(FATAL_ERROR "${name} is compiled with ${flag}:\n${command}")
        endif()
      endforeach()
      if(command MATCHES "-Werror|-Wall|-Wextra|-Wpedantic|-Wshadow")
        message(FATAL_ERROR "${name} is compiled with ${CMAKE_MATCH_0}:\n${command}")
      endif()
    elseif(command MATCHES "-Werror|-Wall")
      message(FATAL_ERROR "a user compiles ${file} with ${CMAKE_MATCH_0}:\n${command}")
    endif()
  endforeach()
  list(SORT seen)
  if(NOT seen STREQUAL "compile_rules.cpp;look.cpp;train.cpp")
    message(FATAL_ERROR "${database} names ${seen}, not all sources of the project")
  endif()
endfunction()

# refuse(<what> WORDS <text>... COMMAND <command>...): the command has to fail and to say the texts.
function(refuse what)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "WORDS;COMMAND")
  execute_process(COMMAND ${arg_COMMAND}
    RESULT_VARIABLE result OUTPUT_VARIABLE text ERROR_VARIABLE text)
  if(result EQUAL 0)
    message(FATAL_ERROR "${what} was not refused:\n${text}")
  endif()
  string(REGEX REPLACE "[ \n]+" " " text "${text}")  # CMake wraps its messages
  foreach(word IN LISTS arg_WORDS)
    string(FIND "${text}" "${word}" at)
    if(at EQUAL -1)
      message(FATAL_ERROR "${what}: the error does not say '${word}':\n${text}")
    endif()
  endforeach()
endfunction()

# fake_torch(<folder> <version>): a LibTorch without a library, enough to configure with.
function(fake_torch folder version)
  set(package "${folder}/share/cmake/Torch")
  file(WRITE "${package}/TorchConfig.cmake"
    "if(NOT TARGET torch)\n  add_library(torch INTERFACE IMPORTED)\nendif()\n")
  file(WRITE "${package}/TorchConfigVersion.cmake"
    "set(PACKAGE_VERSION ${version})\nset(PACKAGE_VERSION_COMPATIBLE TRUE)\n")
endfunction()

# path_without_nvcc(<result>): the folders of PATH in which there is none.
function(path_without_nvcc result)
  string(REPLACE ":" ";" folders "$ENV{PATH}")
  foreach(folder IN LISTS folders)
    if(NOT EXISTS "${folder}/nvcc")
      list(APPEND kept "${folder}")
    endif()
  endforeach()
  list(JOIN kept ":" kept)
  set(${result} "${kept}" PARENT_SCOPE)
endfunction()
