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

# compute_together(command tiles whole long files...): programs `descent <command> <long>` compute one grid
# together and write the bytes of FOLDER/<whole>. When there are so many tiles, the second is killed, and the
# third hangs until the others have done its part and written the same results; the last comes late.
function(compute_together command tiles whole long)
  string(REPLACE ";" "' '" words "${long}")
  execute_process(COMMAND "${bash}" -c "
      start() { '${DESCENT}' ${command} '${words}' --share '${FOLDER}/job' --force --out '${FOLDER}/shared-'$1 & }
      start 1; first=$!; start 2; second=$!; start 1; third=$!
      until test $(ls '${FOLDER}/job/tiles' 2>/dev/null | wc -l) -gt ${tiles}; do
        kill -0 $first || exit 99; sleep 0.01; done
      kill -STOP $third; kill -KILL $second
      start 4; late=$!
      wait $first && wait $late && kill -CONT $third && wait $third"
    RESULT_VARIABLE result OUTPUT_VARIABLE out ERROR_VARIABLE error)
  if(NOT result EQUAL 0 OR NOT out MATCHES "stays in [^\n]*/job/tiles; remove it" OR EXISTS "${FOLDER}/shared-2")
    message(FATAL_ERROR "--share: ${result}\n${out}${error}")
  endif()
  expect_files("${FOLDER}/shared-1" ${ARGN})
  expect_same("${FOLDER}/${whole}" "${FOLDER}/shared-1" ${ARGN})
  expect_same("${FOLDER}/${whole}" "${FOLDER}/shared-4" ${ARGN})
  # Whoever comes when all is done computes nothing, and goes by what is kept.
  descent(0 out "open" ${command} ${long} --share "${FOLDER}/job" --out "${FOLDER}/shared-5")
  expect_same("${FOLDER}/${whole}" "${FOLDER}/shared-5" ${ARGN})
  descent(2 error "--resume excludes --share" ${command} ${long} --share "${FOLDER}/job" --resume --out "${FOLDER}/shared-6")
  # Apart, because a list of arguments loses an empty one.
  execute_process(COMMAND "${DESCENT}" ${command} ${long} --share "" --out "${FOLDER}/shared-6"
    RESULT_VARIABLE result ERROR_VARIABLE error)
  if(NOT result EQUAL 2 OR NOT error MATCHES "--share is empty, must be a folder")
    message(FATAL_ERROR "--share of nothing: ${result}\n${error}")
  endif()
  file(WRITE "${FOLDER}/no_folder" "")
  descent(2 error "no_folder/job/store: its folder cannot be made" ${command} ${long}
          --share "${FOLDER}/no_folder/job" --out "${FOLDER}/shared-6")
  if(EXISTS "${FOLDER}/shared-6")
    message(FATAL_ERROR "what was refused has left ${FOLDER}/shared-6")
  endif()
endfunction()
