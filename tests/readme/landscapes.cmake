# The Python of docs/landscapes.md runs, and the program then draws what the page says of the files
# that it wrote. SCRIPT and COMMANDS hold the page's blocks, DESCENT is the program, FOLDER is made anew.
file(REMOVE_RECURSE "${FOLDER}")
file(MAKE_DIRECTORY "${FOLDER}")
file(READ "${COMMANDS}" commands)
string(REGEX REPLACE "descent=[^\n]*" "descent=\"${DESCENT}\"" commands "${commands}")
file(WRITE "${FOLDER}/commands" "${commands}")
foreach(command IN ITEMS "${PYTHON};${SCRIPT}" "sh;-e;commands")
  execute_process(COMMAND "${CMAKE_COMMAND}" -E env "PYTHONPATH=${PYTHONPATH}" ${command}
                  WORKING_DIRECTORY "${FOLDER}"
                  RESULT_VARIABLE status OUTPUT_VARIABLE text ERROR_VARIABLE text)
  if(status)
    message(FATAL_ERROR "${command}: ${status}\n${text}")
  endif()
endforeach()
foreach(name IN ITEMS landscape/landscape.html landscape/landscape.png landscape/landscape_accuracy.png
                      landscape/curvature.json training/landscape.html training/trajectory.csv)
  if(NOT EXISTS "${FOLDER}/${name}")
    message(FATAL_ERROR "docs/landscapes.md speaks of ${name}, which is not there")
  endif()
endforeach()
