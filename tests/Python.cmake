# The Python at the other end of tests: python3 with a torch, and what that imports. Where LibTorch is
# a part of Python's torch, it is this one; beside an archive of LibTorch it is one that python3 has,
# or the CPU build of the same version. What is missing is installed by pip into the build folder, once.
#   DESCENT_PYTHON        python3, if there is one
#   DESCENT_PYTHONPATH    for its environment
#   DESCENT_PYTHON_TORCH  whether it can import torch
find_program(DESCENT_PYTHON python3)
mark_as_advanced(DESCENT_PYTHON)
get_filename_component(site "${Torch_DIR}/../../../.." ABSOLUTE)
set(imports "${PROJECT_BINARY_DIR}/python")
set(DESCENT_PYTHONPATH "${imports}")
set(packages filelock networkx numpy sympy typing-extensions)
if(EXISTS "${site}/torch/__init__.py")
  set(DESCENT_PYTHONPATH "${site}:${imports}")
else()
  list(APPEND packages torch==${Torch_VERSION})
endif()

# Where python3 cannot import torch, these packages are installed. The CPU build of torch has an index
# of its own, which is asked first: elsewhere the same name may be a CUDA build of gigabytes.
function(descent_require_python_torch result)
  set(import_torch "${CMAKE_COMMAND}" -E env "PYTHONPATH=${DESCENT_PYTHONPATH}" "${DESCENT_PYTHON}"
      -c "import filelock, networkx, numpy, torch.jit")
  execute_process(COMMAND ${import_torch} RESULT_VARIABLE failed OUTPUT_QUIET ERROR_QUIET)
  if(failed AND NOT EXISTS "${imports}/networkx")
    message(STATUS "Installing what Python's torch imports into ${imports} (once, for tests)")
    set(pip "${CMAKE_COMMAND}" -E env PIP_ROOT_USER_ACTION=ignore PIP_DISABLE_PIP_VERSION_CHECK=1
        "${DESCENT_PYTHON}" -m pip install --quiet --only-binary :all: --no-compile
        --target "${imports}")
    if(packages MATCHES "torch==")
      list(POP_BACK packages torch)
      execute_process(
        COMMAND ${pip} --no-deps --timeout 8 --retries 0
                --index-url https://download.pytorch.org/whl/cpu ${torch}
        OUTPUT_QUIET ERROR_QUIET)
    endif()
    execute_process(COMMAND ${pip} ${packages} OUTPUT_QUIET ERROR_QUIET)
    execute_process(COMMAND ${import_torch} RESULT_VARIABLE failed OUTPUT_QUIET ERROR_QUIET)
  endif()
  if(failed)
    set(${result} FALSE PARENT_SCOPE)
  else()
    set(${result} TRUE PARENT_SCOPE)
  endif()
endfunction()

set(DESCENT_PYTHON_TORCH FALSE)
if(DESCENT_PYTHON)
  descent_require_python_torch(DESCENT_PYTHON_TORCH)
endif()
if(DESCENT_PYTHON_TORCH)
  message(STATUS "Tests with Python torch: on")
else()
  message(STATUS "Tests with Python torch: OFF, because python3 cannot import torch: "
                 "neither from ${site}, nor by itself, nor from ${imports}")
endif()
