# Wrong input gives one line on stderr, without a stack trace, and exit code 1 (2 for the command
# line itself). Run by ctest: SINE is the program, FOLDER is made anew.
file(REMOVE_RECURSE "${FOLDER}")

function(refuses status expected)
  execute_process(COMMAND "${SINE}" --steps 3 ${ARGN}
                  RESULT_VARIABLE result OUTPUT_VARIABLE out ERROR_VARIABLE error)
  string(REGEX MATCHALL "\n" lines "${error}")
  list(LENGTH lines lines)
  if(NOT result EQUAL status OR NOT error MATCHES "${expected}" OR error MATCHES "frame #"
     OR (status EQUAL 1 AND NOT lines EQUAL 1))
    message(FATAL_ERROR "sine_regression ${ARGN}: expected ${status} and \"${expected}\", got "
                        "${result} and\n${error}")
  endif()
endfunction()

refuses(1 "no optimizer is called adamv, did you mean adam" --optimizer adamv)
refuses(1 "AdamW: has no option learning_rate" --options learning_rate=1)
refuses(1 "AdamW: lr = -1, must be finite and >= 0" --options lr=-1)
refuses(1 "must be name=value" --options lr)
refuses(1 "stove" --device stove)
refuses(2 "--steps" --steps 0)
refuses(2 "--nonsense" --nonsense)
refuses(2 "--out" --resume)
refuses(1 "missing/model.pt" --resume --out "${FOLDER}/missing")

execute_process(COMMAND "${SINE}" --steps 3 --out "${FOLDER}/run"
                RESULT_VARIABLE status OUTPUT_QUIET)
if(status)
  message(FATAL_ERROR "sine_regression --out: ${status}")
endif()
refuses(1 "checkpoint of adamw, must be of lion" --resume --optimizer lion --out "${FOLDER}/run")
foreach(name IN ITEMS model optimizer)
  file(COPY "${FOLDER}/run/" DESTINATION "${FOLDER}/damaged-${name}")
  file(WRITE "${FOLDER}/damaged-${name}/${name}.pt" "PK, but not a zip archive")
  refuses(1 "damaged-${name}/${name}.pt: is no complete" --resume --out "${FOLDER}/damaged-${name}")
endforeach()
file(WRITE "${FOLDER}/file" "not a folder")
refuses(1 "file" --out "${FOLDER}/file")
