#pragma once
// The optimizers that LibTorch has too, once: which rule is whose, and what their options and states
// hold. LibTorch's headers of these classes open thousands of others, so they are only declared here;
// who makes an optimizer includes <descent/optim.h> or <torch/torch.h>.
#include <memory>
#include <string_view>
#include <type_traits>

#include <torch/optim/optimizer.h>

#include <descent/optim/engine/rule.h>

namespace torch::optim {
class SGD;
class Adam;
class AdamW;
class RMSprop;
class Adagrad;
struct SGDOptions;
struct AdamOptions;
struct AdamWOptions;
struct RMSpropOptions;
struct AdagradOptions;
struct SGDParamState;
struct AdamParamState;
struct AdamWParamState;
struct RMSpropParamState;
struct AdagradParamState;
}  // namespace torch::optim

namespace descent {

namespace engine {

class LrOnlyOptions;
struct PlainState;

/// Of one of LibTorch's optimizer classes: its Options, its State, and the names of what they hold,
/// which are called the same here. `stateful_from_the_start`: it makes states in its constructor, and
/// programs read them there. `more_buffers` counts those that only our rule has. The general
/// case is the base class of all: a rule that LibTorch does not have.
template <class Optimizer>
struct LibTorch {
  static constexpr const char* key = nullptr;
  static constexpr bool stateful_from_the_start = false;
  using Options = LrOnlyOptions;
  using State = PlainState;
  static constexpr size_t more_buffers = 0;
  static std::unique_ptr<torch::optim::OptimizerOptions> defaults() { return nullptr; }
  template <class O, class F>
  static void each_option(O& o, F&& f) {
    f("lr", o.lr());
  }
};

template <>
struct LibTorch<torch::optim::SGD> {
  static constexpr const char* key = "sgd";
  static constexpr bool stateful_from_the_start = false;
  using Options = torch::optim::SGDOptions;
  using State = torch::optim::SGDParamState;
  static constexpr size_t more_buffers = 0;
  template <class O = Options>
  static O defaults() {
    return O(1e-3);
  }
  template <class O, class F>
  static void each_option(O& o, F&& f) {
    f("lr", o.lr());
    f("momentum", o.momentum());
    f("dampening", o.dampening());
    f("weight_decay", o.weight_decay());
    f("nesterov", o.nesterov());
  }
  template <class S, class F>
  static void each_buffer(S& s, F&& f) {
    f("momentum_buffer", s.momentum_buffer());
  }
};

template <class AdamOptions, class AdamState>
struct LibTorchAdam {
  static constexpr bool stateful_from_the_start = false;
  using Options = AdamOptions;
  using State = AdamState;
  static constexpr size_t more_buffers = 0;
  template <class O = Options>
  static O defaults() {
    return O();
  }
  template <class O, class F>
  static void each_option(O& o, F&& f) {
    f("lr", o.lr());
    f("betas", o.betas());
    f("eps", o.eps());
    f("weight_decay", o.weight_decay());
    f("amsgrad", o.amsgrad());
  }
  template <class S, class F>
  static void each_buffer(S& s, F&& f) {
    f("exp_avg", s.exp_avg());
    f("exp_avg_sq", s.exp_avg_sq());
    f("max_exp_avg_sq", s.max_exp_avg_sq());
  }
};
template <>
struct LibTorch<torch::optim::Adam>
    : LibTorchAdam<torch::optim::AdamOptions, torch::optim::AdamParamState> {
  static constexpr const char* key = "adam";
};
template <>
struct LibTorch<torch::optim::AdamW>
    : LibTorchAdam<torch::optim::AdamWOptions, torch::optim::AdamWParamState> {
  static constexpr const char* key = "adamw";
};

template <>
struct LibTorch<torch::optim::RMSprop> {
  static constexpr const char* key = "rmsprop";
  static constexpr bool stateful_from_the_start = false;
  using Options = torch::optim::RMSpropOptions;
  using State = torch::optim::RMSpropParamState;
  static constexpr size_t more_buffers = 2;  // prev_grad, gain
  template <class O = Options>
  static O defaults() {
    return O();
  }
  template <class O, class F>
  static void each_option(O& o, F&& f) {
    f("lr", o.lr());
    f("alpha", o.alpha());
    f("eps", o.eps());
    f("weight_decay", o.weight_decay());
    f("momentum", o.momentum());
    f("centered", o.centered());
  }
  template <class S, class F>
  static void each_buffer(S& s, F&& f) {
    f("square_avg", s.square_avg());
    f("momentum_buffer", s.momentum_buffer());
    f("grad_avg", s.grad_avg());
  }
};

template <>
struct LibTorch<torch::optim::Adagrad> {
  static constexpr const char* key = "adagrad";
  static constexpr bool stateful_from_the_start = true;
  using Options = torch::optim::AdagradOptions;
  using State = torch::optim::AdagradParamState;
  static constexpr size_t more_buffers = 0;
  template <class O = Options>
  static O defaults() {
    return O();
  }
  template <class O, class F>
  static void each_option(O& o, F&& f) {
    f("lr", o.lr());
    f("lr_decay", o.lr_decay());
    f("weight_decay", o.weight_decay());
    f("initial_accumulator_value", o.initial_accumulator_value());
    f("eps", o.eps());
  }
  template <class S, class F>
  static void each_buffer(S& s, F&& f) {
    f("sum", s.sum());
  }
};

/// Calls f.operator()<Class>() for each of these classes of LibTorch.
template <class F>
void for_each_libtorch_class(F&& f) {
  f.template operator()<torch::optim::SGD>();
  f.template operator()<torch::optim::Adam>();
  f.template operator()<torch::optim::AdamW>();
  f.template operator()<torch::optim::RMSprop>();
  f.template operator()<torch::optim::Adagrad>();
}

/// LibTorch's class of a rule, what an optimizer of that rule is: the one with the same key.
template <class Rule, class... Classes>
struct ClassWithKey {
  using Class = torch::optim::Optimizer;
};
template <class Rule, class First, class... Others>
struct ClassWithKey<Rule, First, Others...> {
  using Class = typename std::conditional_t<
      std::string_view(Rule::about.key) == LibTorch<First>::key, std::type_identity<First>,
      std::type_identity<typename ClassWithKey<Rule, Others...>::Class>>::type;
};
template <class Rule>
using LibTorchClass =
    typename ClassWithKey<Rule, torch::optim::SGD, torch::optim::Adam, torch::optim::AdamW,
                          torch::optim::RMSprop, torch::optim::Adagrad>::Class;

}  // namespace engine
}  // namespace descent
