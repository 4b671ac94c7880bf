# 300 steps, then 300 more after --resume, write the same model and optimizer as 600 steps at once.
# Run by ctest: SINE is the program, FOLDER is made anew.
file(REMOVE_RECURSE "${FOLDER}")

function(sine folder)
  execute_process(COMMAND "${SINE}" --out "${FOLDER}/${folder}" ${ARGN}
                  RESULT_VARIABLE status OUTPUT_VARIABLE text ERROR_VARIABLE text)
  if(status)
    message(FATAL_ERROR "sine_regression ${ARGN}: ${status}\n${text}")
  endif()
endfunction()

foreach(optimizer IN ITEMS adamw lamb sgd)
  set(options)
  if(optimizer STREQUAL sgd)
    set(options --options "lr=0.01,momentum=0.9,nesterov=true")
  endif()
  sine(${optimizer}-once --steps 600 --optimizer ${optimizer} ${options})
  sine(${optimizer}-twice --steps 300 --optimizer ${optimizer} ${options})
  sine(${optimizer}-twice --steps 600 --optimizer ${optimizer} --resume)
  foreach(name IN ITEMS model.pt optimizer.pt)
    file(SHA256 "${FOLDER}/${optimizer}-once/${name}" once)
    file(SHA256 "${FOLDER}/${optimizer}-twice/${name}" twice)
    if(NOT once STREQUAL twice)
      message(FATAL_ERROR "${optimizer}: ${name} differs after --resume")
    endif()
  endforeach()
endforeach()
