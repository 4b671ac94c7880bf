# What `descent` prints and refuses. DESCENT is the program.
include("${CMAKE_CURRENT_LIST_DIR}/descent.cmake")

descent(0 out "^descent [0-9.]+, LibTorch [0-9.]+" --version)
descent(0 out "adamw  AdamW; Loshchilov.*lion  Lion; Chen" optimizers)
descent(0 out "^adamw  AdamW; .*lr += 0.001 +finite and >= 0\n.*state: 8 bytes a float32 parameter"
        optimizers adamw)
descent(0 out "^adamw " optimizers AdamW)
descent(0 out "^\\| optimizer \\| key .*\\| `lion` \\|" optimizers lion --markdown)
descent(2 error "no optimizer is called lyon, did you mean lion" optimizers lyon)
descent(0 out "^rosenbrock  Rosenbrock; .*minimum 0 at \\(1, 1\\)" surfaces rosenbrock)
descent(2 error "no surface is called f9" surfaces f9)
descent(0 out "base options  of every.*state_dtype += float32 +param or float32.*line_search  steepest descent" optimizers)
descent(0 out "^line_search .*method += secant" optimizers line_search)
descent(2 error "^descent: [^\n]*--nonsense[^\n]*\n$" optimizers --nonsense)
descent(2 error "^descent: no command is called rase, did you mean race[^\n]*\n$" rase)
descent(2 error "^descent: no command is given, must be one of optimizers, [^\n]*\n$")
if(EXISTS /dev/full)
  execute_process(COMMAND "${DESCENT}" optimizers OUTPUT_FILE /dev/full
                  RESULT_VARIABLE result ERROR_VARIABLE error)
  if(NOT result EQUAL 2 OR NOT error STREQUAL "descent: standard output cannot be written\n")
    message(FATAL_ERROR "into a full file: ${result}\n${error}")
  endif()
endif()
