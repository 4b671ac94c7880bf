# What the rooms link besides LibTorch: each is taken from the system, else fetched and built.
include(FetchContent)

# Only what is really fetched reads these.
set(CMAKE_POLICY_DEFAULT_CMP0077 NEW)
set(FMT_INSTALL OFF)
set(INSTALL_GTEST OFF)
set(JSON_Install OFF)

FetchContent_Declare(nlohmann_json
  GIT_REPOSITORY https://github.com/nlohmann/json GIT_TAG v3.11.2 GIT_SHALLOW TRUE
  FIND_PACKAGE_ARGS 3.10)
FetchContent_MakeAvailable(nlohmann_json)

descent_openmp()
if(CMAKE_CXX_FLAGS MATCHES "-fsanitize=thread")
  # The sanitizer does not see what OpenMP's barriers and regions order, and would call it a race;
  # this tool of Clang's OpenMP, which asks for it by that name, tells it.
  get_filename_component(folder "${OpenMP_omp_LIBRARY}" DIRECTORY)
  find_library(DESCENT_ARCHER archer_static HINTS "${folder}" REQUIRED)
  target_link_libraries(descent::openmp INTERFACE -Wl,-u,ompt_start_tool "${DESCENT_ARCHER}")
endif()

if(DESCENT_BUILD_CLI OR DESCENT_BUILD_EXAMPLES OR DESCENT_BUILD_BENCH OR DESCENT_BUILD_TESTS)
  FetchContent_Declare(CLI11
    GIT_REPOSITORY https://github.com/CLIUtils/CLI11 GIT_TAG v2.1.2 GIT_SHALLOW TRUE
    FIND_PACKAGE_ARGS 2.1)
  FetchContent_MakeAvailable(CLI11)
endif()

if(DESCENT_BUILD_TESTS)
  FetchContent_Declare(fmt
    GIT_REPOSITORY https://github.com/fmtlib/fmt GIT_TAG 9.1.0 GIT_SHALLOW TRUE
    FIND_PACKAGE_ARGS 9)
  FetchContent_Declare(GTest
    GIT_REPOSITORY https://github.com/google/googletest GIT_TAG release-1.12.1 GIT_SHALLOW TRUE
    FIND_PACKAGE_ARGS)
  FetchContent_MakeAvailable(fmt GTest)
endif()

# Pictures: targets PkgConfig::cairo, PkgConfig::cgif and PkgConfig::png.
set(DESCENT_HAS_PICTURES FALSE)
if(DESCENT_PICTURES)
  find_package(PkgConfig QUIET)
  if(PkgConfig_FOUND)
    pkg_check_modules(cairo QUIET IMPORTED_TARGET GLOBAL cairo>=1.16)
    pkg_check_modules(cgif QUIET IMPORTED_TARGET GLOBAL cgif)
    pkg_check_modules(png QUIET IMPORTED_TARGET GLOBAL libpng>=1.6)
  endif()
  if(TARGET PkgConfig::cairo AND TARGET PkgConfig::cgif AND TARGET PkgConfig::png)
    set(DESCENT_HAS_PICTURES TRUE)
    message(STATUS "Pictures: on (cairo ${cairo_VERSION}, cgif ${cgif_VERSION}, libpng ${png_VERSION})")
  else()
    message(STATUS "Pictures: OFF, because pkg-config does not find all of cairo, cgif and "
                   "libpng (Debian: libcairo2-dev, libcgif-dev, libpng-dev, pkg-config)")
  endif()
else()
  message(STATUS "Pictures: OFF, because DESCENT_PICTURES=OFF")
endif()
