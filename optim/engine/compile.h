#pragma once
// Turns a rule's text into loops. Included only by the one file that compiles a rule, ahead of the
// rule and after <descent/optim.h>, if that file needs it (every DESCENT_RULE that follows is
// compiled here):
//
//   #include <descent/optim/engine/compile.h>
//   #include "my_rule.h"                        // ends with DESCENT_RULE(MyRule)
//
// The loops are plain C++ over float and double that the compiler vectorises, once for each
// instruction set. They need their own flags: without -O3 -fno-math-errno -fno-trapping-math they
// are 7 times slower, and without -ffp-contract=off the instruction sets differ in the last bit.
// CMake's descent_rules(target file.cpp) sets them.
#include <descent/optim/engine/table_of.h>

namespace descent::engine {

template <class Rule>
const RuleTable& rule_table() {
  static const RuleTable table = [] {
    if constexpr (TensorAlgorithm<Rule>)
      return make_tensor_table<Rule>();
    else
      return make_table<Rule>();
  }();
  return table;
}

}  // namespace descent::engine

#define DESCENT_JOIN_(a, b) a##b
#define DESCENT_JOIN(a, b) DESCENT_JOIN_(a, b)
#undef DESCENT_RULE
#define DESCENT_RULE(Rule)                                                            \
  template const ::descent::engine::RuleTable& ::descent::engine::rule_table<Rule>(); \
  [[maybe_unused]] static const bool DESCENT_JOIN(descent_registered_, __COUNTER__) = \
      ::descent::engine::register_rule(::descent::engine::rule_table<Rule>());
