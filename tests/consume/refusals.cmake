# LibTorch missing, too old or wrongly named; and its installation: from an archive, which is a file
# here, or by pip, with a python3 that only pretends. Nothing is downloaded.
include("${CMAKE_CURRENT_LIST_DIR}/outside.cmake")
include("${source}/cmake/LibTorch.cmake")  # DESCENT_TORCH_VERSION, DESCENT_TORCH_MINIMUM

set(configure "${CMAKE_COMMAND}" -S "${source}" -G "${generator}" ${settings}
    -DDESCENT_BUILD_TESTS=OFF -DDESCENT_BUILD_EXAMPLES=OFF -DDESCENT_BUILD_BENCH=OFF
    -DDESCENT_BUILD_CLI=OFF -DDESCENT_PICTURES=OFF)

fake_torch("${work}/old" 2.4.1)
refuse("LibTorch 2.4.1"
  WORDS "LibTorch 2.4.1 in ${work}/old/share/cmake/Torch is too old" "at least ${DESCENT_TORCH_MINIMUM}"
        "-DTorch_DIR=" "-DDESCENT_INSTALL_TORCH=ON"
  COMMAND ${configure} -B "${work}/old/build" "-DTorch_DIR=${work}/old/share/cmake/Torch")

refuse("a Torch_DIR without LibTorch"
  WORDS "Torch_DIR=${work}/nowhere holds no TorchConfig.cmake" "<LibTorch>/share/cmake/Torch"
  COMMAND ${configure} -B "${work}/nowhere/build" "-DTorch_DIR=${work}/nowhere")

# python3 that is asked to install: writes what it was asked into `asked`, then either stops half-way
# or leaves the LibTorch of `wheel`.
fake_torch("${work}/wheel/torch" ${DESCENT_TORCH_VERSION})
file(WRITE "${work}/bin/python3" "#!/bin/sh
echo \"$*\" >>'${work}/asked'
while [ $# -gt 1 ] && [ \"$1\" != --target ]; do shift; done
[ \"$1\" = --target ] || exit 1
mkdir -p \"$2/torch\"
[ -e '${work}/works' ] || exit 1
cp -r '${work}/wheel/.' \"$2/\"
")
file(CHMOD "${work}/bin/python3" PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE)
list(FILTER configure EXCLUDE REGEX "^-DTorch_DIR=")
# A PATH with this python3 and without nvcc, and a proxy that nothing listens to, so that the official
# archive cannot be had.
path_without_nvcc(path)
set(pretend "${CMAKE_COMMAND}" -E env --unset=Torch_DIR --unset=no_proxy --unset=NO_PROXY
    --unset=DESCENT_LIBTORCH_URL "PATH=${work}/bin:${path}" https_proxy=http://127.0.0.1:9)
list(APPEND configure -DDESCENT_INSTALL_TORCH=ON)

# expect_nothing_left(<cache>): an installation that fails leaves no folder.
function(expect_nothing_left cache)
  file(GLOB left LIST_DIRECTORIES TRUE "${cache}/descent/torch-*")
  list(FILTER left EXCLUDE REGEX "\\.lock$")
  if(left)
    message(FATAL_ERROR "an installation that failed left ${left}")
  endif()
endfunction()

# expect_pip_installs(<times> <pattern>): as often was pip asked for this.
function(expect_pip_installs times pattern)
  set(asked "")
  if(EXISTS "${work}/asked")
    file(STRINGS "${work}/asked" asked REGEX "-m pip install .* ${pattern}$")
  endif()
  list(LENGTH asked got)
  if(NOT got EQUAL times)
    message(FATAL_ERROR "pip was asked ${got} times for ${pattern}, not ${times} times:\n${asked}")
  endif()
endfunction()

set(cached "XDG_CACHE_HOME=${work}/cache")
refuse("an installation that fails"
  WORDS "The official archive of LibTorch cannot be had" "official archive cannot be had ("
        "pip could not install torch ${DESCENT_TORCH_VERSION}" "-DTorch_DIR="
  COMMAND ${pretend} ${cached} ${configure} -B "${work}/pip")
expect_nothing_left("${work}/cache")

file(WRITE "${work}/works" "")
run(${pretend} ${cached} ${configure} -B "${work}/pip")
run(${pretend} ${cached} ${configure} -B "${work}/pip")
run(${pretend} ${cached} ${configure} -B "${work}/again")
expect_pip_installs(2 "torch==${DESCENT_TORCH_VERSION}")  # once to fail and once to install

# An archive, given by its address: it is asked first, unpacked once and checked.
function(archive name version)
  fake_torch("${work}/${name}/libtorch" ${version})
  execute_process(COMMAND "${CMAKE_COMMAND}" -E tar cf "${work}/${name}.zip" --format=zip libtorch
                  WORKING_DIRECTORY "${work}/${name}" COMMAND_ERROR_IS_FATAL ANY)
endfunction()
file(REMOVE "${work}/asked")
archive(archive ${DESCENT_TORCH_VERSION})
set(cached "XDG_CACHE_HOME=${work}/unpacked")
run(${pretend} ${cached} "DESCENT_LIBTORCH_URL=file://${work}/archive.zip" ${configure}
    -B "${work}/from_archive")
file(REMOVE "${work}/archive.zip")
run(${pretend} ${cached} ${configure} -B "${work}/from_archive_again")
expect_pip_installs(0 ".*")

archive(other 2.99.1)
file(WRITE "${work}/none.zip" "no archive")
foreach(name IN ITEMS other none missing)
  set(words "DESCENT_LIBTORCH_URL=file://${work}/${name}.zip gives no LibTorch")
  if(NOT name STREQUAL missing)
    list(APPEND words "it is no archive of LibTorch ${DESCENT_TORCH_VERSION}")
  endif()
  refuse("an archive that is ${name}" WORDS ${words}
    COMMAND ${pretend} "XDG_CACHE_HOME=${work}/refused" ${configure}
            "-DDESCENT_LIBTORCH_URL=file://${work}/${name}.zip" -B "${work}/refused_${name}")
  expect_nothing_left("${work}/refused")
endforeach()
expect_pip_installs(0 ".*")

# A CUDA build, which stops as Caffe2Config.cmake does where it looks for the toolkit: it configures
# without nvcc, and pip brings the libraries that it loads.
set(package "${work}/wheel/torch/share/cmake/Torch/TorchConfig.cmake")
file(READ "${package}" config)
file(WRITE "${package}" "if(NOT TARGET torch::cudart)
  message(FATAL_ERROR \"Your installed Caffe2 version uses CUDA\")
endif()
${config}")
file(WRITE "${work}/wheel/torch/lib/libtorch_cuda.so" "")
file(WRITE "${work}/wheel/torch-${DESCENT_TORCH_VERSION}.dist-info/METADATA"
  "Requires-Dist: sympy>=1.13.3
Requires-Dist: cuda-toolkit[cudart,cupti]==13.0.3; platform_system == \"Linux\"
Requires-Dist: nvidia-nccl-cu13==2.30.7; platform_system == \"Linux\"
Requires-Dist: triton~=3.8.0; platform_system == \"Linux\"\n")
run(${pretend} "XDG_CACHE_HOME=${work}/cuda" ${configure} -B "${work}/cuda_build")
expect_pip_installs(1 "torch==${DESCENT_TORCH_VERSION}")
expect_pip_installs(1 "cuda-toolkit\\[cudart,cupti\\]==13\\.0\\.3 nvidia-nccl-cu13==2\\.30\\.7")

# Beside an archive of LibTorch the tests' Python gets the CPU build of the same torch.
file(WRITE "${work}/tests.cmake" "set(Torch_DIR \"${work}/archive/libtorch/share/cmake/Torch\")
set(Torch_VERSION ${DESCENT_TORCH_VERSION})
set(PROJECT_BINARY_DIR \"${work}/tests\")
include(\"${source}/tests/Python.cmake\")\n")
file(REMOVE "${work}/asked")
run(${pretend} "${CMAKE_COMMAND}" -P "${work}/tests.cmake")
expect_pip_installs(1 "--index-url https://download.pytorch.org/whl/cpu torch==${DESCENT_TORCH_VERSION}")
expect_pip_installs(1 "filelock networkx numpy sympy typing-extensions")
