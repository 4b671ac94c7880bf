#pragma once
// Compiles a rule. One .cpp file has these lines for it, wherever else headers are included:
//   #include <descent/optim/engine/compile.h>
//   #include "my_rule.h"
//   DESCENT_COMPILE(MyRule)
// The compiler vectorises the loops, once for each instruction set, by flags that CMake's
// descent_rules(target file.cpp) sets: without -O3 -fno-math-errno -fno-trapping-math they are 7
// times slower, and without -ffp-contract=off the instruction sets differ in the last bit. With
// DESCENT_CUDA_TWIN the file becomes the rule's kernels for CUDA, and nothing else.
#if defined(DESCENT_CUDA_TWIN)
#include <descent/optim/engine/cuda/launches.h>
#else
#include <descent/optim/engine/table_of.h>

namespace descent::engine {

template <class Rule>
const RuleTable& rule_table() {
  static const RuleTable table = table_of<Rule>();
  return table;
}

}  // namespace descent::engine

/// DESCENT_COMPILE stands at global scope. The rule's loops are compiled there, and the registry
/// learns its name.
#define DESCENT_JOIN_(a, b) a##b
#define DESCENT_JOIN(a, b) DESCENT_JOIN_(a, b)
#if defined(DESCENT_HAS_CUDA)
#include <descent/optim/engine/cuda/launch.h>
#define DESCENT_COMPILE_KERNELS(Rule)                                                   \
  [[maybe_unused]] static const bool DESCENT_JOIN(descent_registered_, __COUNTER__) =   \
      ::descent::engine::cuda::register_launches(::descent::engine::rule_table<Rule>(), \
                                                 ::descent::engine::cuda::launches_of<Rule>());
#else
#define DESCENT_COMPILE_KERNELS(Rule)
#endif
#define DESCENT_COMPILE(Rule)                                                         \
  template const ::descent::engine::RuleTable& ::descent::engine::rule_table<Rule>(); \
  [[maybe_unused]] static const bool DESCENT_JOIN(descent_registered_, __COUNTER__) = \
      ::descent::engine::register_rule(::descent::engine::rule_table<Rule>());        \
  DESCENT_COMPILE_KERNELS(Rule)
#endif
