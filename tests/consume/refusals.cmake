# LibTorch missing, too old or wrongly named; and the installation by pip, with a python3 that only
# pretends, so that nothing is downloaded.
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
# or leaves a LibTorch.
fake_torch("${work}/wheel/torch" ${DESCENT_TORCH_VERSION})
file(WRITE "${work}/bin/python3" "#!/bin/sh
echo \"$*\" >>'${work}/asked'
while [ $# -gt 1 ] && [ \"$1\" != --target ]; do shift; done
[ \"$1\" = --target ] || exit 1
mkdir -p \"$2/torch\"
[ -e '${work}/works' ] || exit 1
cp -r '${work}/wheel/torch' \"$2/\"
")
file(CHMOD "${work}/bin/python3" PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE)
set(pretend "${CMAKE_COMMAND}" -E env --unset=Torch_DIR "PATH=${work}/bin:$ENV{PATH}"
    "XDG_CACHE_HOME=${work}/cache")
list(FILTER configure EXCLUDE REGEX "^-DTorch_DIR=")

refuse("an installation that fails"
  WORDS "pip could not install torch ${DESCENT_TORCH_VERSION}" "-DTorch_DIR="
  COMMAND ${pretend} ${configure} -B "${work}/pip" -DDESCENT_INSTALL_TORCH=ON)
file(GLOB left LIST_DIRECTORIES TRUE "${work}/cache/descent/torch-*")
list(FILTER left EXCLUDE REGEX "\\.lock$")
if(left)
  message(FATAL_ERROR "an installation that failed left ${left}")
endif()

file(WRITE "${work}/works" "")
run(${pretend} ${configure} -B "${work}/pip" -DDESCENT_INSTALL_TORCH=ON)
run(${pretend} ${configure} -B "${work}/pip" -DDESCENT_INSTALL_TORCH=ON)
run(${pretend} ${configure} -B "${work}/again" -DDESCENT_INSTALL_TORCH=ON)
file(STRINGS "${work}/asked" asked REGEX "-m pip install .* torch==${DESCENT_TORCH_VERSION}$")
list(LENGTH asked times)
if(NOT times EQUAL 2)
  message(FATAL_ERROR "pip was asked ${times} times, not once to fail and once to install:\n${asked}")
endif()
