# Finds LibTorch: the one that Torch_DIR or CMAKE_PREFIX_PATH give, else the one that python3 imports,
# else the one in the user's cache. descent_require_torch() fills the cache if need be: by the official
# archive, else by pip. With DESCENT_INSTALL_TORCH, only the cache counts.
# This file is installed with the package, so that a user's build looks in the same places.

set(DESCENT_TORCH_VERSION 2.13.0)  # what is installed; named nowhere else
set(DESCENT_TORCH_MINIMUM 2.11)

# The official archives for the CPU and their SHA-256. PyTorch publishes none of these sums: they are
# what several projects have recorded. There is no archive for other machines, where pip's wheel is
# built for the CPU.
set(DESCENT_TORCH_ARCHIVE_Linux_x86_64
    "https://download.pytorch.org/libtorch/cpu/libtorch-shared-with-deps-2.13.0%2Bcpu.zip"
    edbf4cbed78433d803e90a65f1752e57783d164bce66c95c0872b2ab8f5c159e)

function(descent_torch_cache out)
  if(NOT "$ENV{XDG_CACHE_HOME}" STREQUAL "")
    set(cache "$ENV{XDG_CACHE_HOME}")
  else()
    set(cache "$ENV{HOME}/.cache")
  endif()
  set(${out} "${cache}/descent/torch-${DESCENT_TORCH_VERSION}" PARENT_SCOPE)
endfunction()

# descent_find_cudart(): the target torch::cudart. The CMake files of a CUDA build insist on the toolkit
# with nvcc unless it exists. Only the libraries are needed here, and those that LibTorch itself loads
# are found beside it.
function(descent_find_cudart)
  if(TARGET torch::cudart)
    return()
  endif()
  # The module of CMake 3.25 fails where a toolkit has no nvToolsExt, as those of CUDA 13, unless the
  # project may be configured by an older CMake.
  set(CMAKE_MINIMUM_REQUIRED_VERSION 3.24)
  find_package(CUDAToolkit QUIET)
  add_library(torch::cudart INTERFACE IMPORTED GLOBAL)
  target_link_libraries(torch::cudart INTERFACE $<TARGET_NAME_IF_EXISTS:CUDA::cudart>)
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
  descent_find_cudart()

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

# descent_unpack_torch(<folder> <result>): the official archive, or that of DESCENT_LIBTORCH_URL (a
# variable of CMake or of the environment), unpacked as <folder>/torch. The result is empty, or says
# why there is none.
function(descent_unpack_torch folder result)
  set(${result} "" PARENT_SCOPE)
  if(NOT DESCENT_LIBTORCH_URL)
    set(DESCENT_LIBTORCH_URL "$ENV{DESCENT_LIBTORCH_URL}")
  endif()
  set(checked "")
  if(DESCENT_LIBTORCH_URL)
    set(url "${DESCENT_LIBTORCH_URL}")
  else()
    set(archive ${DESCENT_TORCH_ARCHIVE_${CMAKE_HOST_SYSTEM_NAME}_${CMAKE_HOST_SYSTEM_PROCESSOR}})
    if(NOT archive)
      set(${result} "there is none for ${CMAKE_HOST_SYSTEM_NAME} on \
${CMAKE_HOST_SYSTEM_PROCESSOR}" PARENT_SCOPE)
      return()
    endif()
    list(GET archive 0 url)
    list(GET archive 1 sum)
    set(checked EXPECTED_HASH SHA256=${sum})
    # One byte first, because file(DOWNLOAD) itself waits for minutes for a host that does not answer.
    file(DOWNLOAD "${url}" TIMEOUT 8 RANGE_START 0 RANGE_END 0 STATUS status)
    list(GET status 0 failed)
    if(failed)
      list(GET status 1 reason)
      set(${result} "${reason}" PARENT_SCOPE)
      return()
    endif()
  endif()
  message(STATUS "Downloading LibTorch ${DESCENT_TORCH_VERSION} from ${url} into ${folder} (once)")
  set(zip "${folder}.partial/archive.zip")
  file(DOWNLOAD "${url}" "${zip}" INACTIVITY_TIMEOUT 30 TLS_VERIFY ON STATUS status)
  list(GET status 0 failed)
  list(GET status 1 reason)
  if(NOT failed AND checked)
    file(SHA256 "${zip}" got)
    if(NOT got STREQUAL sum)
      set(failed TRUE)
      set(reason "its SHA-256 is ${got}, not ${sum}")
    endif()
  endif()
  if(NOT failed)
    execute_process(COMMAND "${CMAKE_COMMAND}" -E tar xf "${zip}" WORKING_DIRECTORY "${folder}.partial"
                    RESULT_VARIABLE failed OUTPUT_QUIET ERROR_QUIET)
    set(about "${folder}.partial/libtorch/share/cmake/Torch/TorchConfigVersion.cmake")
    set(version "")
    if(EXISTS "${about}")
      file(STRINGS "${about}" version REGEX "PACKAGE_VERSION ")
    endif()
    string(REGEX MATCH "[0-9]+\\.[0-9]+\\.[0-9]+" version "${version}")
    if(failed OR NOT version STREQUAL DESCENT_TORCH_VERSION)
      set(failed TRUE)
      set(reason "it is no archive of LibTorch ${DESCENT_TORCH_VERSION}")
    endif()
  endif()
  file(REMOVE "${zip}")
  if(failed)
    file(REMOVE_RECURSE "${folder}.partial")
    if(DESCENT_LIBTORCH_URL)
      message(FATAL_ERROR
        "DESCENT_LIBTORCH_URL=${url} gives no LibTorch: ${reason}.\n"
        "Give the address of an archive of LibTorch ${DESCENT_TORCH_VERSION}, or none to take the "
        "official one.")
    endif()
    set(${result} "${reason}" PARENT_SCOPE)
    return()
  endif()
  file(RENAME "${folder}.partial/libtorch" "${folder}.partial/torch")
endfunction()

# descent_pip_install_torch(<folder>): torch by pip. LibTorch needs none of the Python packages that
# torch depends on, but a CUDA build does not load without NVIDIA's libraries.
function(descent_pip_install_torch folder)
  set(pip "${CMAKE_COMMAND}" -E env PIP_ROOT_USER_ACTION=ignore PIP_DISABLE_PIP_VERSION_CHECK=1
      python3 -m pip install --quiet --only-binary :all: --no-compile --target "${folder}.partial")
  execute_process(COMMAND ${pip} --no-deps torch==${DESCENT_TORCH_VERSION} RESULT_VARIABLE failed)
  if(NOT failed AND EXISTS "${folder}.partial/torch/lib/libtorch_cuda.so")
    file(GLOB about "${folder}.partial/torch-*.dist-info/METADATA")
    file(STRINGS "${about}" lines REGEX "^Requires-Dist: (nvidia-|cuda-toolkit)")
    foreach(line IN LISTS lines)
      string(REGEX REPLACE "^Requires-Dist: ([^; ]+).*" "\\1" package "${line}")
      list(APPEND packages "${package}")
    endforeach()
    message(STATUS "pip installed a CUDA build. Installing the libraries of NVIDIA that it loads")
    execute_process(COMMAND ${pip} ${packages} RESULT_VARIABLE failed)
  endif()
  if(failed)
    file(REMOVE_RECURSE "${folder}.partial")
    message(FATAL_ERROR
      "No LibTorch was found, the official archive cannot be had (${ARGN}), and pip could not install "
      "torch ${DESCENT_TORCH_VERSION} (python3 -m pip: ${failed}).\n"
      "Install python3 with pip and a torch wheel for its version, or give an unpacked LibTorch: "
      "-DTorch_DIR=<LibTorch>/share/cmake/Torch")
  endif()
endfunction()

function(descent_install_torch)
  descent_torch_cache(folder)
  file(MAKE_DIRECTORY "${folder}.partial")
  file(LOCK "${folder}.lock" GUARD FUNCTION)
  if(EXISTS "${folder}/torch/share/cmake/Torch/TorchConfig.cmake")
    return()  # another build installed it while this one waited for the lock
  endif()
  # Installed beside its place and renamed, so that an interrupted installation is never used.
  file(REMOVE_RECURSE "${folder}.partial" "${folder}")
  descent_unpack_torch("${folder}" missing)
  if(missing)
    message(STATUS "The official archive of LibTorch cannot be had: ${missing}")
    message(STATUS "Installing LibTorch ${DESCENT_TORCH_VERSION} by pip into ${folder} (once)")
    descent_pip_install_torch("${folder}" "${missing}")
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
