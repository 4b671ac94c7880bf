#pragma once
#include <descent/optim/engine/rule.h>

namespace descent {

DESCENT_ENUM(LinearInit, Zero, Anchored)

namespace rules {

/// FTRL-proximal: solves for the weights anew in every step; l1 makes exact zeros.
/// McMahan et al. 2013, "Ad Click Prediction", KDD; as keras.optimizers.Ftrl:
///   n' = n + g^2;   z <- z + g + 2 l2_shrinkage p - (n'^e - n^e)/lr p;   e = -lr_power
///   p <- (clamp(z, -l1, l1) - z) / (n'^e/lr + 2 l2 + beta/lr);   n <- n'
/// With z_init = Zero nothing remembers where p started: the first step goes most of the way to 0.
/// Anchored takes z_0 = -p_0 (n^e/lr + 2 l2 + beta/lr) - l1 sign(p_0), the fixed point of zero
/// gradients; with l1 = l2 = beta = 0 that is AdaGrad with eps 0.
/// Denominators have no eps: where n', l2 and beta are all 0, p stays.
struct FTRL {
  static constexpr About about{"FTRL", "ftrl", "McMahan et al. 2013, KDD", "Keras Ftrl"};
  static constexpr bool divides_by_lr = true;

  struct Options {
    double lr = 1e-3;                        ///< step size; a step at which it is 0 changes nothing
    double lr_power = -0.5;                  ///< n enters as n^-lr_power
    double initial_accumulator_value = 0.1;  ///< n ahead of the first gradient
    double l1 = 0;                           ///< weights with |z| <= l1 are exactly 0
    double l2 = 0;                           ///< an L2 penalty of the weights that are solved for
    double l2_shrinkage = 0;                 ///< an L2 penalty that enters z only
    double beta = 0;                         ///< added to the root of n
    double weight_decay = 0;
    DecayMode decay_mode = DecayMode::Decoupled;
    LinearInit z_init = LinearInit::Zero;  ///< what z is ahead of the first step, see above
    bool maximize = false;                 ///< maximizes the loss: flips the gradient's sign
    DESCENT_OPTIONS((lr, positive), (lr_power, non_positive),
                    (initial_accumulator_value, non_negative), (l1, non_negative),
                    (l2, non_negative), (l2_shrinkage, non_negative), (beta, non_negative),
                    (weight_decay, non_negative), (decay_mode), (z_init), (maximize))
  };

  template <class T>
  struct State {
    T accum, linear;  // n, z
    DESCENT_BUFFERS(accum, linear)
  };
  template <class T>
  static State<T> initial(const Options& o, const T& p) {
    const double n = std::pow(o.initial_accumulator_value, -o.lr_power);
    const double anchored = o.z_init == LinearInit::Anchored ? 1 : 0;
    return {.accum = filled(p, o.initial_accumulator_value),
            .linear = (-anchored * (n / o.lr + 2 * o.l2 + o.beta / o.lr)) * p -
                      (anchored * o.l1) * sign(p)};
  }

  struct Form {
    bool root;  // e = 1/2
    bool operator==(const Form&) const = default;
  };
  static constexpr Form forms[] = {{true}, {false}};
  static Form form(const Options& o) { return {o.lr_power == -0.5}; }
  static constexpr std::array<bool, 2> buffers(Form) { return {true, true}; }

  /// p is solved for anew in each step.
  static bool takes_decay(const Options&) { return false; }

  template <class T>
  struct Coefficients {
    T e, inverse_lr, shrinkage, l1, penalty;
  };

  static Coefficients<double> begin(const Options& o, const StepInfo&) {
    return {-o.lr_power, 1 / o.lr, 2 * o.l2_shrinkage, o.l1, 2 * o.l2 + o.beta / o.lr};
  }

  template <Form F, class T, class S>
  DESCENT_FN static T power(const T& n, const Coefficients<S>& k) {
    if constexpr (F.root)
      return sqrt(n);
    else
      return pow(n, k.e);
  }

  template <Form F, class T, class S>
  DESCENT_FN static void update(T& p, const T& g, State<T>& s, const Coefficients<S>& k) {
    const T before = power<F>(s.accum, k);
    s.accum = s.accum + g * g;
    const T after = power<F>(s.accum, k);
    s.linear = s.linear + (g + k.shrinkage * p) - ((after - before) * k.inverse_lr) * p;
    const T curvature = after * k.inverse_lr + k.penalty;
    p = select(0 < curvature, (clamp(s.linear, -k.l1, k.l1) - s.linear) / curvature, p);
  }
};

}  // namespace rules

using FTRL = OptimizerOf<rules::FTRL>;

}  // namespace descent
