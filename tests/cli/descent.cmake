# descent(status stream expected arguments...): runs the program DESCENT and compares.
function(descent status stream expected)
  execute_process(COMMAND "${DESCENT}" ${ARGN}
                  RESULT_VARIABLE result OUTPUT_VARIABLE out ERROR_VARIABLE error)
  if(NOT result EQUAL status OR NOT "${${stream}}" MATCHES "${expected}" OR error MATCHES "frame #")
    message(FATAL_ERROR "descent ${ARGN}: expected ${status} and \"${expected}\" in ${stream}, got "
                        "${result}\nout: ${out}\nerror: ${error}")
  endif()
endfunction()
