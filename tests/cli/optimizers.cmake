# What `descent` prints and refuses. DESCENT is the program.
function(descent status stream expected)
  execute_process(COMMAND "${DESCENT}" ${ARGN}
                  RESULT_VARIABLE result OUTPUT_VARIABLE out ERROR_VARIABLE error)
  if(NOT result EQUAL status OR NOT "${${stream}}" MATCHES "${expected}" OR error MATCHES "frame #")
    message(FATAL_ERROR "descent ${ARGN}: expected ${status} and \"${expected}\" in ${stream}, got "
                        "${result}\nout: ${out}\nerror: ${error}")
  endif()
endfunction()

descent(0 out "^descent [0-9.]+, LibTorch [0-9.]+" --version)
descent(0 out "adamw  AdamW; Loshchilov.*lion  Lion; Chen" optimizers)
descent(0 out "^adamw  AdamW; .*lr += 0.001 +finite and >= 0\n.*state: 8 bytes a float32 parameter"
        optimizers adamw)
descent(0 out "^adamw " optimizers AdamW)
descent(0 out "^\\| optimizer \\| key .*\\| `lion` \\|" optimizers lion --markdown)
descent(1 error "no optimizer is called lyon, did you mean lion" optimizers lyon)
descent(2 error "" optimizers --nonsense)
descent(2 error "" nonsense)
descent(2 error "")
