# The Python at the other end of tests: python3 with the torch that LibTorch is a part of and what
# that imports. What is missing of the latter is installed by pip into the build folder, once.
#   DESCENT_PYTHON        python3, if there is one
#   DESCENT_PYTHONPATH    for its environment
#   DESCENT_PYTHON_TORCH  whether it can import torch
find_program(DESCENT_PYTHON python3)
mark_as_advanced(DESCENT_PYTHON)
get_filename_component(site "${Torch_DIR}/../../../.." ABSOLUTE)
set(imports "${PROJECT_BINARY_DIR}/python")
set(DESCENT_PYTHONPATH "${site}:${imports}")
set(DESCENT_PYTHON_TORCH FALSE)
if(DESCENT_PYTHON AND EXISTS "${site}/torch/__init__.py")
  set(import_torch "${CMAKE_COMMAND}" -E env "PYTHONPATH=${DESCENT_PYTHONPATH}" "${DESCENT_PYTHON}"
      -c "import filelock, networkx, numpy, torch")
  execute_process(COMMAND ${import_torch} RESULT_VARIABLE failed OUTPUT_QUIET ERROR_QUIET)
  if(failed AND NOT EXISTS "${imports}/networkx")
    message(STATUS "Installing what Python's torch imports into ${imports} (once, for tests)")
    execute_process(
      COMMAND "${CMAKE_COMMAND}" -E env PIP_ROOT_USER_ACTION=ignore PIP_DISABLE_PIP_VERSION_CHECK=1
              "${DESCENT_PYTHON}" -m pip install --quiet --only-binary :all: --no-compile
              --target "${imports}" filelock networkx numpy sympy typing-extensions
      OUTPUT_QUIET ERROR_QUIET)
    execute_process(COMMAND ${import_torch} RESULT_VARIABLE failed OUTPUT_QUIET ERROR_QUIET)
  endif()
  if(NOT failed)
    set(DESCENT_PYTHON_TORCH TRUE)
  endif()
endif()
if(DESCENT_PYTHON_TORCH)
  message(STATUS "Tests with Python torch: on (${site}/torch)")
else()
  message(STATUS "Tests with Python torch: OFF, because python3 cannot import torch from ${site}")
endif()
