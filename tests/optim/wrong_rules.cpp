// Rules that are wrong on purpose, each in a way that its author might not see.
#include <descent/optim/adam.h>
#include <descent/optim/lion.h>
// Only what follows is compiled here: the two above are in the library.
#include <descent/optim/engine/compile.h>

namespace wrong {

/// Lion without its cautious form, which the wrong ones do not bother with.
struct PlainLion : descent::rules::Lion {
  static constexpr Form forms[] = {{false}};
  static Form form(const Options&) { return forms[0]; }
};

/// The weights of gradient and momentum are swapped in the step.
struct SwappedLion : PlainLion {
  static constexpr descent::About about{"SwappedLion", "swapped_lion", "nobody"};
  static Coefficients<double> begin(const Options& o, const descent::StepInfo&) {
    return {o.lr, o.betas[0], 1 - o.betas[1], o.betas[1], 1 - o.betas[0]};
  }
};

/// Decays once more than the engine does already.
struct TwiceDecayedAdamW : descent::rules::AdamW {
  static constexpr descent::About about{"TwiceDecayedAdamW", "twice_decayed_adamw", "nobody"};
  using Loops = TwiceDecayedAdamW;  // of its own text, and not of AdamW's
  static constexpr Form forms[] = {{false, false, false}, {true, false, false}};
  static Form form(const Options& o) { return {o.amsgrad, false, false}; }
  template <class T>
  struct Coefficients {
    descent::rules::AdamW::Coefficients<T> adam;
    T keep;
  };
  static Coefficients<double> begin(const Options& o, const descent::StepInfo& at) {
    return {descent::rules::AdamW::begin(o, at), 1 - o.lr * o.weight_decay};
  }
  template <Form F, class T, class S>
  DESCENT_FN static void update(T& p, const T& g, State<T>& s, const Coefficients<S>& k) {
    p = k.keep * p;
    descent::rules::AdamW::update<F>(p, g, s, k.adam);
  }
};

/// Averages the gradient for loops, and in another, algebraically equal, form for tensors.
struct TwoFacedLion : PlainLion {
  static constexpr descent::About about{"TwoFacedLion", "two_faced_lion", "nobody"};
  template <Form F, class T, class S>
  DESCENT_FN static void update(T& p, const T& g, State<T>& s, const Coefficients<S>& k) {
    p = p - k.lr * descent::math::sign(k.b1 * s.exp_avg + k.w1 * g);
    if constexpr (std::is_arithmetic_v<T>)
      s.exp_avg = k.b2 * s.exp_avg + k.w2 * g;
    else
      s.exp_avg = s.exp_avg + k.w2 * (g - s.exp_avg);
  }
};

/// Forgets its average from one step to the next.
struct ForgetfulLion : PlainLion {
  static constexpr descent::About about{"ForgetfulLion", "forgetful_lion", "nobody"};
  template <Form F, class T, class S>
  DESCENT_FN static void update(T& p, const T& g, State<T>& s, const Coefficients<S>& k) {
    State<T> copy = s;
    descent::rules::Lion::update<F>(p, g, copy, k);
  }
};

/// Decays the parameter at steps at which the group's rate is 0, because it forgot the rate.
struct RatelessDecayLion : PlainLion {
  static constexpr descent::About about{"RatelessDecayLion", "rateless_decay_lion", "nobody"};
  template <class T>
  struct Coefficients {
    descent::rules::Lion::Coefficients<T> lion;
    T keep;
  };
  static Coefficients<double> begin(const Options& o, const descent::StepInfo& at) {
    return {descent::rules::Lion::begin(o, at), 1 - o.weight_decay};
  }
  template <Form F, class T, class S>
  DESCENT_FN static void update(T& p, const T& g, State<T>& s, const Coefficients<S>& k) {
    p = k.keep * p;
    descent::rules::Lion::update<F>(p, g, s, k.lion);
  }
};

/// Lists one form and chooses the other where `cautious` is set.
struct UnlistedFormLion : descent::rules::Lion {
  static constexpr descent::About about{"UnlistedFormLion", "unlisted_form_lion", "nobody"};
  static constexpr Form forms[] = {{false}};
};

}  // namespace wrong

DESCENT_COMPILE(wrong::SwappedLion)
DESCENT_COMPILE(wrong::TwiceDecayedAdamW)
DESCENT_COMPILE(wrong::TwoFacedLion)
DESCENT_COMPILE(wrong::ForgetfulLion)
DESCENT_COMPILE(wrong::RatelessDecayLion)
DESCENT_COMPILE(wrong::UnlistedFormLion)
