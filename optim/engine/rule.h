#pragma once
// What an update rule is made of. A rule is a struct that inherits nothing:
//
//   struct Lion {
//     static constexpr About about{"Lion", "lion", "Chen et al. 2023, arXiv:2302.06675"};
//     struct Options { ... DESCENT_OPTIONS(...) };     // lr, weight_decay, ... with their defaults
//     template <class T>
//     struct State { T exp_avg; DESCENT_BUFFERS(exp_avg) };                  // its buffers
//     template <class T>
//     struct Coefficients { T lr, b1, w1; };           // what one step needs, all members T
//     static Coefficients<double> begin(const Options&, const StepInfo&);    // once a step
//     template <class T, class S>                                            // the formula
//     DESCENT_FN static void update(T& p, const T& g, State<T>& s, const Coefficients<S>& k);
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
// A rule with norms reads every tensor twice. Instead of `update` it has
//   Pair<T> measure(const T& p, const T& g, State<T>& s, const Coefficients<S>& k);
//   double trust(const Options&, const Sums&, const StepInfo&);  // of what measure returned
//   void apply(T& p, const T& g, State<T>& s, const Coefficients<S>& k, const S& trust);
// of which one takes its state as const: only the other changes it. A rule of which only some forms
// need norms defines update and measure, trust, apply, and says which by `reads_twice(form)`.
//
// Further members, each optional:
//   State<T> initial<T>(options, p)      the buffers ahead of the first step; without it zeros
//   struct Scalars                       numbers remembered per parameter, listed like buffers;
//                                        begin(options, at, scalars) reads and changes them
//                                        trust(options, sums, at, scalars) of a rule with norms too
//   struct Shared                        numbers that a group remembers, listed like buffers;
//                                        begin(options, at, shared) reads them,
//                                        advance(options, shared) changes them ahead of each step
//   weigh(options, totals, shared)       of a rule with norms, in the place of trust: one number for
//                                        all parameters from the sums over all of them; none: no
//                                        parameter moves. There is one Shared then, and groups may
//                                        differ in the options of the list `own` only
//   bool adds_values = true              sums are those of what measure returned, not of squares
//   bool measures_gradients = true       measure reads the gradient alone
//   bool needs_loss = true               step() wants a closure, whose loss is in totals
//   bool beyond_half = true              its state is too small for half, whatever the gradients
//   bool rests_at_zero = true            a group whose rate is 0 takes no part
//   void change_mode(options, step, training)
//                                        of a rule that is evaluated elsewhere than it trains:
//                                        train() and eval() move p there and back
//   const char* hessian, double hessian_beta(options)
//                                        the buffer that update_hessian() averages squares in
//   bool decays(options, at)             false: no decoupled decay in this step
//   bool decays_itself = true            the rule's text has its decoupled decay, at a place of its
//                                        own
//   bool couples_itself = true           the same of its coupled decay
//   Sparse takes_sparse(options)         what it does with a sparse gradient; without it: refuses it
//   bool sparse_only = true              refuses all others
//   bool applies_keep = true             of a tensor algorithm: its text multiplies p by step.keep
//   std::optional<double> decay_ahead(options)
//                                        of a rule without decay_mode: its wd, where it decays by
//                                        p <- p (1 - lr wd) ahead of its text, or none
//   bool decays_in_update = true         p <- p - lr (u + decay p), and so are these two coefficients
//                                        called
//   bool takes_decay(options)            whether it takes the base options of decay; without it where
//                                        its decay is decoupled and not its own, or decays_in_update
//   a coefficient agreed_decay           the text has the decay of cautious_decay by itself, see
//                                        pieces/agreed_decay.h: this is L wd, or 0. begin leaves 0
//   SecondMoment second_moment(options, at)
//                                        of a rule that takes decay_scale = stable
//   void settle(Options&)                fills in what is unset, when a group is added and ahead
//                                        of each step
//   bool divides_by_lr = true            lr = 0 is refused at construction, and later rests
//   bool centralizes(options, dim)       takes the mean off every row of the gradient first
//   bool needs_gradient_norm(options), double gradient_scale(options, norm)
//                                        scales all gradients by a function of their joint norm
//   double look_ahead(options)           wants the gradient at p + look_ahead * first buffer
//   SlowPull pull(options)               every k steps of the optimizer, p and the last buffer
//                                        (which update does not see) are drawn together
//   using Loops = Text                   a base class with all of the rule's text, whose loops are
//                                        compiled once for several rules
//   const char* average = "ax"           the buffer that swap_average() exchanges p with
//
// This header knows nothing of LibTorch and compiles under nvcc.
#include <descent/optim/engine/array_math.h>

namespace at {
class Tensor;
}
namespace c10 {
enum class ScalarType : int8_t;
}

namespace descent {

namespace rules {
using namespace math;
}

DESCENT_ENUM(DecayMode, Coupled, Decoupled)
DESCENT_ENUM(DecayPlace, InUpdate, Decoupled)
DESCENT_ENUM(EpsMode, Outside, Inside, Hat)
DESCENT_ENUM(RootEps, Outside, Inside)
DESCENT_ENUM(Velocity, Gradient, Step)
DESCENT_ENUM(SlowInit, Initial, Lazy)

/// What a rule is called and where it comes from.
struct About {
  const char* name;         ///< the class: "AdamW"
  const char* key;          ///< the registry's name: "adamw"
  const char* paper;        ///< authors, year, where
  const char* golden = "";  ///< what computed the trajectories that the tests compare it with
};

/// When a step happens, and to what sort of parameter.
struct StepInfo {
  int64_t step;  ///< this parameter's steps, this one included: 1, 2, ...
  bool fresh;    ///< whether a buffer that this step uses was created in this step
  int64_t dim;   ///< the parameter's dimensions
  bool operator==(const StepInfo&) const = default;
};

/// What a rule does with a sparse gradient (COO, duplicates add up): nothing, or its text on the
/// elements that are there and their state while all others stay, or on all with zeros filled in.
enum class Sparse : uint8_t { Refused, Present, Filled };

/// How exp_avg_sq forgets, what it is to be divided by, and the rule's eps.
struct SecondMoment {
  double beta, correction, eps;
};

template <class T>
struct Pair {
  T first, second;
};

/// Sums of squares, over a whole parameter of n elements, of the two values that a rule's `measure`
/// returns.
struct Sums {
  double first, second;
  int64_t n;
};

/// The same over all parameters of all groups that have a gradient, and the closure's loss.
struct Totals {
  double first, second;
  double loss;
};

/// How a rule with slow weights draws them and the parameter together: every k steps
/// slow <- slow + alpha (p - slow), p <- slow. The slow weights start as p ahead of its first step,
/// or, Lazy, at the first of these times.
struct SlowPull {
  int64_t k;
  double alpha;
  SlowInit slow_init;
};

/// What a tensor algorithm's update is given besides its options.
struct TensorStep {
  at::Tensor& p;        ///< to be changed in place; float or double
  const at::Tensor& g;  ///< scaled and decayed already; same sizes as p, in row-major order
  at::Tensor* s;        ///< the state's tensors in the order of the list; undefined at first
  StepInfo at;
  c10::ScalarType type;  ///< the parameter's own; p is a wider copy of one of 16 bits
  int64_t position;      ///< among all parameters of all groups; of a group that joins, its first
  double keep = 1;       ///< what a decoupled decay leaves of p, if the rule applies it
};

/// What has one state of a tensor algorithm: a parameter, or all of a group that it joins.
struct TensorBlock {
  const at::Tensor* params;
  std::size_t count;
  int64_t numel;  ///< of all together
};

namespace engine {
struct RuleTable;
/// Everything the engine knows of a rule; defined where the rule is compiled (compile.h).
template <class Rule>
const RuleTable& rule_table();
}  // namespace engine

/// The optimizer that a user holds; <descent/optim/optimizer/optimizer.h> defines it.
template <class Rule>
class OptimizerOf;

}  // namespace descent
