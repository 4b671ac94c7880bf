# OpenMP, and the flags for the loops of rules. This file is installed with the package.
include("${CMAKE_CURRENT_LIST_DIR}/Cuda.cmake")

# descent_openmp(): the target descent::openmp.
function(descent_openmp)
  find_package(OpenMP REQUIRED COMPONENTS CXX)
  if(TARGET descent::openmp)
    return()
  endif()
  add_library(descent::openmp INTERFACE IMPORTED GLOBAL)
  if(OpenMP_CXX_FLAGS MATCHES "^-fopenmp[^ ]*$")
    # Linked by the flag, not by the path of the compiler's libgomp: at run time LibTorch's copy has
    # to be the one that is loaded, and about the path CMake warns that this copy hides it.
    target_compile_options(descent::openmp INTERFACE ${OpenMP_CXX_FLAGS})
    target_link_libraries(descent::openmp INTERFACE ${OpenMP_CXX_FLAGS})
  else()
    target_link_libraries(descent::openmp INTERFACE OpenMP::OpenMP_CXX)
  endif()
endfunction()

# descent_rules(<target> [<source>...]): compiles these sources of a target, or all of them, which
# instantiate rules of optimizers (descent's or your own), with the flags that make their loops fast
# and every pass give the same bits. Other sources of the target and all that link it keep their own
# flags. Where descent has kernels for CUDA and nvcc is found, these rules get theirs (cmake/Cuda.cmake).
function(descent_rules target)
  descent_openmp()
  separate_arguments(openmp UNIX_COMMAND "${OpenMP_CXX_FLAGS}")
  # Without -fno-math-errno and -fno-trapping-math GCC leaves loops with sqrt or a choice scalar;
  # -ffp-contract=off keeps a*b+c two roundings, also where the processor has a fused instruction.
  set(flags -O3 -fno-math-errno -fno-trapping-math -ffp-contract=off ${openmp})
  set(definition DESCENT_KERNEL_FLAGS=1)
  if(ARGN)
    set_property(SOURCE ${ARGN} TARGET_DIRECTORY ${target} APPEND PROPERTY COMPILE_OPTIONS ${flags})
    set_property(SOURCE ${ARGN} TARGET_DIRECTORY ${target} APPEND PROPERTY COMPILE_DEFINITIONS
                 ${definition})
    set_property(SOURCE ${ARGN} TARGET_DIRECTORY ${target} PROPERTY SKIP_PRECOMPILE_HEADERS ON)
  else()
    target_compile_options(${target} PRIVATE ${flags})
    target_compile_definitions(${target} PRIVATE ${definition})
  endif()
  # As a property, because target_link_libraries cannot know which of its forms the target uses.
  set_property(TARGET ${target} APPEND PROPERTY LINK_LIBRARIES $<LINK_ONLY:descent::openmp>)
  if(DESCENT_HAS_CUDA)
    descent_cuda_twins(${target} ${ARGN})
  endif()
endfunction()
