#pragma once
// What an update rule is made of. A rule is a struct that inherits nothing:
//
//   struct Lion {
//     static constexpr About about{"Lion", "lion", "Chen et al. 2023, arXiv:2302.06675"};
//     struct Options { ... DESCENT_OPTIONS(...) };          // lr, weight_decay, ... with their
//     defaults template <class T> struct State { T exp_avg; DESCENT_BUFFERS(exp_avg) };   // zero
//     at first template <class T> struct Step { T lr, b1, w1; };     // all members T: what one
//     step needs static Step<double> begin(const Options&, const Moment&);   // once per step, in
//     double template <class T, class S> DESCENT_FN static void update(T& p, const T& g, State<T>&
//     s, const Step<S>& k);   // the formula
//   };
//
// T is float, double or Array (a whole tensor), S the matching scalar. What is common to all rules
// happens before `update`: g <- -g if the options hold `maximize`, and the weight decay if they
// hold `decay_mode` (coupled: g <- g + weight_decay p; decoupled: p <- p (1 - lr weight_decay)).
//
// Where options change the buffers or the formula's branches, the rule has a `Form` (a struct of
// bools), the list `forms` of those that exist, `form(options)`, `buffers(form)` (which of the
// state's members are used), and takes it as first template argument: update<F>(...). Each form is
// compiled by itself, so no branch is left in the loop.
//
// A rule with norms has, instead of `update`,
//   Pair<T> measure(const T& p, const T& g, State<T>& s, const Step<S>& k);   // may advance the
//   state double trust(const Options&, const Norms&, int64_t dim);   // norms of what measure
//   returned void apply(T& p, const T& g, State<T>& s, const Step<S>& k, const S& trust);
//
// This header knows nothing of LibTorch and compiles under nvcc.
#include <descent/optim/engine/math.h>

namespace descent {

namespace rules {
using namespace math;
}

DESCENT_ENUM(DecayMode, Coupled, Decoupled)
DESCENT_ENUM(EpsMode, Outside, Inside, Hat)

/// What a rule is called and where it comes from.
struct About {
  const char* name;   ///< the class: "AdamW"
  const char* key;    ///< the registry's name: "adamw"
  const char* paper;  ///< authors, year, where
};

/// When a step happens, for one parameter.
struct Moment {
  int64_t step;  ///< this parameter's steps, this one included: 1, 2, ...
  bool fresh;    ///< whether a buffer that this step uses was created in this step
  bool operator==(const Moment&) const = default;
};

template <class T>
struct Pair {
  T first, second;
};

/// Euclidean norms, over a whole parameter, of the two values that a rule's `measure` returns.
struct Norms {
  double first, second;
};

struct RuleTable;
/// Everything the engine knows of a rule; defined where the rule is compiled (compile.h).
template <class Rule>
const RuleTable& rule_table();

/// The optimizer that a user holds; <descent/optim.h> or <descent/optim/engine/optimizer.h> defines
/// it.
template <class Rule>
class Optimizer;

}  // namespace descent

// Stands at the end of a rule's header, at global scope. Means something only to the file that
// compiles the rule (compile.h) and to the registry.
#ifndef DESCENT_RULE
#define DESCENT_RULE(Rule)
#endif
