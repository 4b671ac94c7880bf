# descent(status stream expected arguments...): runs the program DESCENT and compares.
function(descent status stream expected)
  execute_process(COMMAND "${DESCENT}" ${ARGN}
                  RESULT_VARIABLE result OUTPUT_VARIABLE out ERROR_VARIABLE error)
  if(NOT result EQUAL status OR NOT "${${stream}}" MATCHES "${expected}" OR error MATCHES "frame #")
    message(FATAL_ERROR "descent ${ARGN}: expected ${status} and \"${expected}\" in ${stream}, got "
                        "${result}\nout: ${out}\nerror: ${error}")
  endif()
endfunction()

# Empties FOLDER and writes the sine network and its data into FOLDER/net.
function(start_with_sine_network)
  file(REMOVE_RECURSE "${FOLDER}")
  file(MAKE_DIRECTORY "${FOLDER}")
  execute_process(COMMAND "${NETWORK_FILE}" --problem sine --steps 1 --out "${FOLDER}/net"
                  RESULT_VARIABLE failed OUTPUT_QUIET)
  if(failed)
    message(FATAL_ERROR "${NETWORK_FILE}: ${failed}")
  endif()
endfunction()

# Nothing may be left of what was refused or stopped, hidden folders included.
function(expect_empty folder)
  file(GLOB left "${folder}/*" "${folder}/.*")
  list(FILTER left EXCLUDE REGEX "/\\.\\.?$")
  if(left)
    message(FATAL_ERROR "left behind: ${left}")
  endif()
endfunction()

# A folder holds exactly these files, sorted by name.
function(expect_files folder)
  file(GLOB written RELATIVE "${folder}" "${folder}/*" "${folder}/.*")
  list(FILTER written EXCLUDE REGEX "^\\.\\.?$")
  if(NOT written STREQUAL ARGN)
    message(FATAL_ERROR "${folder}: ${written}, must be ${ARGN}")
  endif()
endfunction()

# Two folders hold the same bytes in these files.
function(expect_same first second)
  foreach(file IN LISTS ARGN)
    execute_process(COMMAND "${CMAKE_COMMAND}" -E compare_files "${first}/${file}" "${second}/${file}"
                    RESULT_VARIABLE different)
    if(different)
      message(FATAL_ERROR "${first}/${file} and ${second}/${file}: not the same bytes")
    endif()
  endforeach()
endfunction()
