# Finds LibTorch: the one that Torch_DIR or CMAKE_PREFIX_PATH give, else the one that python3 imports,
# else the one in the user's cache, which descent_require_torch() fills by pip if need be. With
# DESCENT_INSTALL_TORCH, only the last counts.
# This file is installed with the package, so that a user's build looks in the same places.

set(DESCENT_TORCH_VERSION 2.13.0)  # what pip installs; named nowhere else
set(DESCENT_TORCH_MINIMUM 2.11)

function(descent_torch_cache out)
  if(NOT "$ENV{XDG_CACHE_HOME}" STREQUAL "")
    set(cache "$ENV{XDG_CACHE_HOME}")
  else()
    set(cache "$ENV{HOME}/.cache")
  endif()
  set(${out} "${cache}/descent/torch-${DESCENT_TORCH_VERSION}" PARENT_SCOPE)
endfunction()

# descent_search_torch(): on success the target torch, Torch_FOUND, Torch_VERSION and, in the cache,
# Torch_DIR.
function(descent_search_torch)
  if(Torch_DIR AND NOT EXISTS "${Torch_DIR}/TorchConfig.cmake")
    message(FATAL_ERROR
      "Torch_DIR=${Torch_DIR} holds no TorchConfig.cmake.\n"
      "Give the folder <LibTorch>/share/cmake/Torch, or leave Torch_DIR out (-UTorch_DIR) to let "
      "descent look for LibTorch.")
  endif()
  # In a project that adds descent by add_subdirectory, its targets need torch as well.
  set(CMAKE_FIND_PACKAGE_TARGETS_GLOBAL TRUE)
  # TorchConfig warns about a missing libkineto, which only a static LibTorch needs.
  set(kineto_LIBRARY torch)

  if(NOT DESCENT_INSTALL_TORCH)
    find_package(Torch CONFIG QUIET)
  endif()
  if(NOT Torch_FOUND AND NOT DESCENT_INSTALL_TORCH)
    execute_process(
      COMMAND python3 -c "import torch; print(torch.utils.cmake_prefix_path)"
      RESULT_VARIABLE failed OUTPUT_VARIABLE folder ERROR_QUIET OUTPUT_STRIP_TRAILING_WHITESPACE)
    if(NOT failed AND EXISTS "${folder}/Torch/TorchConfig.cmake")
      set(found "${folder}/Torch")
    endif()
  endif()
  if(NOT Torch_FOUND AND NOT found)
    descent_torch_cache(cache)
    if(EXISTS "${cache}/torch/share/cmake/Torch/TorchConfig.cmake")
      set(found "${cache}/torch/share/cmake/Torch")
    endif()
  endif()
  if(found)
    set(Torch_DIR "${found}" CACHE PATH "The folder that holds TorchConfig.cmake." FORCE)
    set(DESCENT_FOUND_TORCH_DIR "${found}" CACHE INTERNAL "Where descent itself found LibTorch")
    find_package(Torch CONFIG QUIET)
  endif()
  set(Torch_FOUND "${Torch_FOUND}" PARENT_SCOPE)
  set(Torch_VERSION "${Torch_VERSION}" PARENT_SCOPE)
endfunction()

function(descent_install_torch)
  descent_torch_cache(folder)
  message(STATUS "Installing LibTorch ${DESCENT_TORCH_VERSION} by pip into ${folder} (once)")
  file(MAKE_DIRECTORY "${folder}.partial")
  file(LOCK "${folder}.lock" GUARD FUNCTION)
  if(EXISTS "${folder}/torch/share/cmake/Torch/TorchConfig.cmake")
    return()  # another build installed it while this one waited for the lock
  endif()
  # Installed beside its place and renamed, so that an interrupted installation is never used.
  # LibTorch needs none of the Python packages that torch depends on.
  file(REMOVE_RECURSE "${folder}.partial" "${folder}")
  execute_process(
    COMMAND "${CMAKE_COMMAND}" -E env PIP_ROOT_USER_ACTION=ignore PIP_DISABLE_PIP_VERSION_CHECK=1
            python3 -m pip install --quiet --no-deps --only-binary :all: --no-compile
            --target "${folder}.partial" torch==${DESCENT_TORCH_VERSION}
    RESULT_VARIABLE failed)
  if(failed)
    file(REMOVE_RECURSE "${folder}.partial")
    message(FATAL_ERROR
      "No LibTorch was found, and pip could not install torch ${DESCENT_TORCH_VERSION} "
      "(python3 -m pip: ${failed}).\n"
      "Install python3 with pip and a torch wheel for its version, or give an unpacked LibTorch: "
      "-DTorch_DIR=<LibTorch>/share/cmake/Torch")
  endif()
  find_program(DESCENT_NVCC nvcc)
  mark_as_advanced(DESCENT_NVCC)
  if(EXISTS "${folder}.partial/torch/lib/libtorch_cuda.so" AND NOT DESCENT_NVCC)
    file(REMOVE_RECURSE "${folder}.partial")
    message(FATAL_ERROR
      "pip installed a CUDA build of torch ${DESCENT_TORCH_VERSION}, which cannot be used without "
      "the CUDA toolkit, and nvcc was not found.\n"
      "Install the CUDA toolkit, or let pip take the CPU wheel: set the environment variable "
      "PIP_INDEX_URL to the index of CPU wheels that pytorch.org names under 'Get started'.")
  endif()
  file(RENAME "${folder}.partial" "${folder}")
endfunction()

# descent_require_torch(): descent_search_torch() that installs LibTorch if there is none, and
# refuses one that is too old.
function(descent_require_torch)
  descent_search_torch()
  if(NOT Torch_FOUND)
    descent_install_torch()
    descent_search_torch()
    if(NOT Torch_FOUND)
      descent_torch_cache(folder)
      message(FATAL_ERROR
        "The LibTorch in ${folder} cannot be used. Delete that folder, and configure again.")
    endif()
  endif()
  if(Torch_VERSION VERSION_LESS DESCENT_TORCH_MINIMUM)
    set(folder "${Torch_DIR}")
    unset(Torch_DIR CACHE)
    message(FATAL_ERROR
      "LibTorch ${Torch_VERSION} in ${folder} is too old: descent needs at least "
      "${DESCENT_TORCH_MINIMUM}.\n"
      "Give a newer one with -DTorch_DIR=<LibTorch>/share/cmake/Torch, or upgrade the torch that "
      "python3 imports, or let descent install LibTorch ${DESCENT_TORCH_VERSION} into your cache "
      "folder with -DDESCENT_INSTALL_TORCH=ON.")
  endif()
  message(STATUS "LibTorch ${Torch_VERSION}: ${Torch_DIR}")
  set(Torch_VERSION "${Torch_VERSION}" PARENT_SCOPE)
endfunction()
